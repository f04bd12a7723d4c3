/**
 * The one consumer of a partition's streams, at the partition's owner: reads a page, has every entry of it ended, reads the next.
 * Entries that arrive meanwhile make the next page larger.
 *
 *   begin ─► pending ─► new ─► wait for a wake-up ─► new …
 *               ▲        └─ an answer was lost, an entry failed, the server fell back
 *               └────────┘
 *
 * Pending is what an owner, this one or an earlier one, has read and not ended. Attempts are counted by Redis, as deliveries, so
 * that an entry that ends the process is given up as well.
 */
import { type Clock, delay } from '../clock/clock.ts';
import type { PartitionNumber } from '../model/ids.ts';
import { CallOutcome, RedisCallError, type RedisClient, type RedisReply } from '../store/redis/client.ts';
import type { PartitionKeys } from '../store/redis/keys.ts';
import type { BusCounters } from './bus-counters.ts';
import { type Entry, EntryHandler, type EntryHandlerOptions, type Page } from './entry-handler.ts';
import { READ_STREAMS, ReadMode } from './stream-scripts.ts';

export interface PartitionStreamOptions extends EntryHandlerOptions {
  readonly clock: Clock;
  readonly client: RedisClient;
  readonly counters: BusCounters;
  /** An entry that was given to owners so often goes to the dead letters. */
  readonly attemptsMax: number;
}

const PAGE_ENTRIES = 128;
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 1000;

export class PartitionStream {
  /** As of the last read. */
  waiting = 0;
  #oldestMs = 0;
  readonly #ownerEpoch: string;
  readonly #keys: PartitionKeys;
  readonly #options: PartitionStreamOptions;
  readonly #handler: EntryHandler;
  #isOpen = true;
  #mustReread = true;
  #isWoken = false;
  #isGiving = false;
  #wake: (() => void) | undefined;

  constructor(partition: PartitionNumber, ownerEpoch: number, keys: PartitionKeys, options: PartitionStreamOptions) {
    this.#ownerEpoch = String(ownerEpoch);
    this.#keys = keys;
    this.#options = options;
    this.#handler = new EntryHandler(partition, keys, options);
  }

  start(): void {
    this.#run().catch(this.#options.onFault);
  }

  /** There may be new entries. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  get oldestAgeMs(): number {
    return this.waiting === 0 ? 0 : this.#options.clock.monotonicMs() - this.#oldestMs;
  }

  /** Looks for what no hint told of; while entries are in hand, only at how much waits. */
  poll(): void {
    if (this.#isGiving) void this.#read(ReadMode.Measure);
    else this.wake();
  }

  /** Entries that were ended may be back. */
  rewind(): void {
    this.#mustReread = true;
    this.wake();
  }

  end(): void {
    this.#isOpen = false;
    this.#handler.end();
    this.wake();
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    let mode: ReadMode = ReadMode.Pending;
    let pauseMs = PAUSE_MS_MIN;
    while (this.#isOpen) {
      if (this.#mustReread) mode = ReadMode.Pending;
      this.#mustReread = false;
      this.#isWoken = false;
      const page = await this.#read(mode);
      if (!this.#isOpen) return;
      if (page === undefined || !(await this.#give(page))) {
        this.#mustReread = true;
        await delay(clock, pauseMs);
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
        continue;
      }
      pauseMs = PAUSE_MS_MIN;
      if (page.more) continue;
      if (mode === ReadMode.New) await this.#woken();
      mode = ReadMode.New;
    }
  }

  async #give(page: Page): Promise<boolean> {
    this.#isGiving = true;
    const isWhole = await this.#handler.give(page);
    this.#isGiving = false;
    return isWhole;
  }

  /** Undefined: what was read is not known, or somebody else is the owner. */
  async #read(mode: ReadMode): Promise<Page | undefined> {
    const { clock, client, counters, attemptsMax, onFault } = this.#options;
    const keys = [this.#keys.fence, this.#keys.pushEntries, this.#keys.copyEntries];
    counters.reads++;
    try {
      const args = [this.#ownerEpoch, mode, String(PAGE_ENTRIES), String(attemptsMax)];
      const reply = (await client.run(READ_STREAMS, keys, args)).reply as RedisReply[];
      if (reply[0] !== 1) return undefined;
      const [, waiting, ageMs, more, pushes, copies] = reply as [number, number, number, number, Entry[], Entry[]];
      this.waiting = waiting;
      this.#oldestMs = clock.monotonicMs() - ageMs;
      counters.entriesRead += pushes.length + copies.length;
      if (mode === ReadMode.Pending) counters.entriesReadAgain += pushes.length + copies.length;
      return { more: more === 1, pushes, copies };
    } catch (error) {
      const isFault = !(error instanceof RedisCallError) || error.outcome === CallOutcome.Fatal;
      if (isFault && this.#isOpen) onFault(error);
      return undefined;
    }
  }

  #woken(): Promise<void> {
    if (this.#isWoken) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
