/**
 * The consumers of all partitions that are owned here: one begins when a partition is acquired, and ends when it is lost.
 *
 *   servers ─watch─► names of streams that were written ─► wake()        every pollMs, in turns: wake() all the same
 *
 * A wake-up costs one call. With nothing to do that is one call a partition and pollMs, whatever the number of users; it finds what
 * a lost hint has missed, and measures what waits.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import { LogSampler } from '../log/log-sampler.ts';
import type { Logger } from '../log/logger.ts';
import type { PartitionNumber } from '../model/ids.ts';
import type { RedisClient } from '../store/redis/client.ts';
import type { StoreKeys } from '../store/redis/keys.ts';
import type { BusCounters } from './bus-counters.ts';
import type { StreamHost, StreamStore } from './entry-handler.ts';
import { PartitionStream, type PartitionStreamOptions } from './partition-stream.ts';

export interface PartitionStreamsOptions {
  readonly clock: Clock;
  readonly client: RedisClient;
  readonly keys: StoreKeys;
  readonly log: Logger;
  readonly counters: BusCounters;
  readonly attemptsMax: number;
  readonly deadLettersMax: number;
  readonly pollMs: number;
}

/** What is there only when the store is open. */
export interface OpenStore {
  readonly store: StreamStore;
  readonly partitions: number;
  readonly host: StreamHost;
}

/** The partitions are woken in so many turns, so that their calls do not come all at once. */
const POLL_TURNS = 8;
const LOG_LINES_PER_SECOND_MAX = 5;

export class PartitionStreams {
  readonly #options: PartitionStreamsOptions;
  readonly #log: LogSampler;
  readonly #ownerEpochs = new Map<PartitionNumber, number>();
  readonly #streams = new Map<PartitionNumber, PartitionStream>();
  /** Keys of streams, to their partitions. */
  readonly #partitionOfKey = new Map<string, PartitionNumber>();
  #open: OpenStore | undefined;
  #turn = 0;
  #timer: TimerHandle;

  constructor(options: PartitionStreamsOptions) {
    this.#options = options;
    this.#log = new LogSampler(options.clock, LOG_LINES_PER_SECOND_MAX);
  }

  /** Entries that nobody has ended, in the partitions that are owned here. */
  get waiting(): number {
    let sum = 0;
    for (const stream of this.#streams.values()) sum += stream.waiting;
    return sum;
  }

  /** Of the entry that waits longest. */
  get oldestAgeMs(): number {
    let oldest = 0;
    for (const stream of this.#streams.values()) oldest = Math.max(oldest, stream.oldestAgeMs);
    return oldest;
  }

  /** Begins to read: the partitions acquired so far, and from now on each as it is acquired. */
  start(open: OpenStore): void {
    const { client, keys } = this.#options;
    this.#open = open;
    for (let number = 0; number < open.partitions; number++) {
      const partition = number as PartitionNumber;
      const { pushEntries, copyEntries } = keys.partition(partition);
      this.#partitionOfKey.set(pushEntries, partition).set(copyEntries, partition);
    }
    for (const [partition, ownerEpoch] of this.#ownerEpochs) this.#begin(partition, ownerEpoch, open);
    client.watch(keys.streams, (written) => this.#written(written));
    this.#pollLater();
  }

  acquired(partition: PartitionNumber, ownerEpoch: number): void {
    this.#ownerEpochs.set(partition, ownerEpoch);
    if (this.#open !== undefined) this.#begin(partition, ownerEpoch, this.#open);
  }

  lost(partition: PartitionNumber): void {
    this.#ownerEpochs.delete(partition);
    this.#streams.get(partition)?.end();
    this.#streams.delete(partition);
  }

  /** Its server has lost writes: entries that were ended may be back. */
  rewind(partition: PartitionNumber): void {
    this.#streams.get(partition)?.rewind();
  }

  /** Reads nothing more. What is in the lanes is committed, the rest is the next owner's. */
  stop(): void {
    this.#open = undefined;
    this.#options.clock.clearTimer(this.#timer);
    for (const partition of [...this.#streams.keys()]) this.lost(partition);
  }

  #begin(partition: PartitionNumber, ownerEpoch: number, { store, host, partitions }: OpenStore): void {
    this.#streams.get(partition)?.end();
    const { keys, log } = this.#options;
    const options: PartitionStreamOptions = {
      ...this.#options,
      store,
      host,
      partitions,
      onBuried: (entryId, reason) => {
        const admitted = this.#log.admit();
        if (admitted !== undefined) log.warn({ partition, entryId, reason, ...admitted }, 'an entry cannot be stored');
      },
      onFault: (error) => {
        const admitted = this.#log.admit();
        if (admitted !== undefined)
          log.error({ partition, error: String(error), ...admitted }, 'a stream stands still');
      },
    };
    const stream = new PartitionStream(partition, ownerEpoch, keys.partition(partition), options);
    this.#streams.set(partition, stream);
    stream.start();
  }

  #written(keys: readonly string[] | undefined): void {
    if (keys === undefined) for (const stream of this.#streams.values()) stream.wake();
    else {
      for (const key of keys) {
        const partition = this.#partitionOfKey.get(key);
        if (partition !== undefined) this.#streams.get(partition)?.wake();
      }
    }
  }

  #pollLater(): void {
    const { clock, pollMs } = this.#options;
    this.#timer = clock.setTimer(() => {
      this.#turn = (this.#turn + 1) % POLL_TURNS;
      for (const [partition, stream] of this.#streams) if (partition % POLL_TURNS === this.#turn) stream.poll();
      this.#pollLater();
    }, pollMs / POLL_TURNS);
  }
}
