/**
 * Adds entries to the streams of all partitions, in order within each: one call a stream is outstanding, what arrives meanwhile
 * goes into the next one.
 *
 *   add ─► queue of the stream ─► ADD_ENTRIES ─► added · full · failed
 *
 * When a call fails, everything behind it in its stream fails too, so that nothing overtakes what its writer will repeat.
 */
import type { Clock } from '../clock/clock.ts';
import type { PartitionNumber } from '../model/ids.ts';
import { CallOutcome, type RedisArgument, RedisCallError, type RedisClient } from '../store/redis/client.ts';
import { ADD_ENTRIES } from './stream-scripts.ts';

export const AddOutcome = {
  Added: 1,
  /** The stream has its most entries already. */
  Full: 2,
  /** Certainly not added. */
  NotAdded: 3,
  /** Added or not. */
  Unknown: 4,
} as const;
export type AddOutcome = (typeof AddOutcome)[keyof typeof AddOutcome];

interface Job {
  readonly strings: readonly RedisArgument[];
  done(outcome: AddOutcome): void;
}

interface Lane {
  queue: Job[];
  isRunning: boolean;
}

const CALL_ENTRIES_MAX = 256;
const CALL_BYTES_MAX = 512 * 1024;

export interface EntryWriterOptions {
  readonly clock: Clock;
  readonly client: RedisClient;
  /** Key of a partition's stream. */
  readonly streamOf: (partition: PartitionNumber) => string;
  /** Entries of one stream beyond which nothing is added; 0 for any number. */
  readonly entriesMax: number;
}

export class EntryWriter {
  readonly #options: EntryWriterOptions;
  readonly #lanes = new Map<PartitionNumber, Lane>();

  constructor(options: EntryWriterOptions) {
    this.#options = options;
  }

  /** @param strings names and values @param done called once, later */
  add(partition: PartitionNumber, strings: readonly RedisArgument[], done: (outcome: AddOutcome) => void): void {
    const lane = this.#lanes.get(partition) ?? { queue: [], isRunning: false };
    this.#lanes.set(partition, lane);
    lane.queue.push({ strings, done });
    if (lane.isRunning) return;
    lane.isRunning = true;
    this.#options.clock.defer(() => void this.#run(partition, lane));
  }

  async #run(partition: PartitionNumber, lane: Lane): Promise<void> {
    const { client, streamOf, entriesMax } = this.#options;
    const stream = streamOf(partition);
    while (lane.queue.length > 0) {
      const { jobs, args } = take(lane, entriesMax);
      try {
        const { reply } = await client.run(ADD_ENTRIES, [stream], args, client.replicasWanted > 0);
        const added = reply as number;
        for (const [place, job] of jobs.entries()) job.done(place < added ? AddOutcome.Added : AddOutcome.Full);
      } catch (error) {
        const isUnknown = error instanceof RedisCallError && error.outcome === CallOutcome.Unknown;
        for (const job of jobs) job.done(isUnknown ? AddOutcome.Unknown : AddOutcome.NotAdded);
        for (const job of lane.queue.splice(0)) job.done(AddOutcome.NotAdded);
      }
    }
    lane.isRunning = false;
  }
}

function take(lane: Lane, entriesMax: number): { jobs: Job[]; args: RedisArgument[] } {
  const args: RedisArgument[] = [String(entriesMax)];
  let bytes = 0;
  let count = 0;
  while (count < lane.queue.length && count < CALL_ENTRIES_MAX && bytes < CALL_BYTES_MAX) {
    const { strings } = lane.queue[count++]!;
    args.push(String(strings.length), ...strings);
    for (const text of strings) bytes += text.length;
  }
  return { jobs: lane.queue.splice(0, count), args };
}
