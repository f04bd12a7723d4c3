/**
 * Hands a sender's copy to the owner of the sender's partition, through that partition's stream. The note of the copy, in the
 * target's partition, stays until the stream has it: what fails is tried again, by this logic or by the next owner. A copy that is
 * handed over twice is made once, because Redis knows it by its message id.
 */
import { type Clock, delay } from '../clock/clock.ts';
import type { PartitionNumber } from '../model/ids.ts';
import type { RedisClient } from '../store/redis/client.ts';
import type { StoreKeys } from '../store/redis/keys.ts';
import type { CopyItem } from '../store/redis/lane-item.ts';
import type { BusCounters } from './bus-counters.ts';
import { encodeCopyEntry } from './copy-entry.ts';
import { AddOutcome, EntryWriter } from './entry-writer.ts';

/** More stay where they are noted, and are found there later. */
const UNDER_WAY_MAX = 65_536;
const RETRY_MS = 50;

export interface CopySenderOptions {
  readonly clock: Clock;
  readonly client: RedisClient;
  readonly keys: StoreKeys;
  readonly counters: BusCounters;
}

export class CopySender {
  readonly #options: CopySenderOptions;
  readonly #writer: EntryWriter;
  #underWay = 0;
  #isStopped = false;

  constructor(options: CopySenderOptions) {
    const { clock, client, keys } = options;
    this.#options = options;
    const streamOf = (partition: PartitionNumber): string => keys.partition(partition).copyEntries;
    this.#writer = new EntryWriter({ clock, client, streamOf, entriesMax: 0 });
  }

  /** Takes the copy; false when it has to stay where it is noted. */
  copyElsewhere(partition: PartitionNumber, item: CopyItem): boolean {
    if (this.#isStopped || this.#underWay >= UNDER_WAY_MAX) return false;
    this.#underWay++;
    this.#add(partition, item);
    return true;
  }

  /** What is not handed over yet stays noted. */
  stop(): void {
    this.#isStopped = true;
  }

  #add(partition: PartitionNumber, item: CopyItem): void {
    this.#writer.add(partition, encodeCopyEntry(item), (outcome) => {
      if (outcome === AddOutcome.Added) {
        this.#underWay--;
        this.#options.counters.copiesSent++;
        item.handedOver();
      } else if (this.#isStopped) this.#underWay--;
      else void delay(this.#options.clock, RETRY_MS).then(() => this.#add(partition, item));
    });
  }
}
