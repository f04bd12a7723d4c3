/**
 * The first cache level of a logic on Redis: the ends of timelines, recent messages, and who is current, of the users that
 * were asked for last. Redis is the second level, and the truth.
 *
 *   UserCache ─┬─ PartitionCache, one for each partition that is owned: made and dropped with the ownership
 *              ├─ UserTable: at most so many users, CLOCK
 *              └─ MessageRing: at most so many bytes of messages
 *
 * Never asked for a write: the script behind the fence decides. See docs/adr/0012-read-cache.md.
 */
import type { Clock } from '../../../clock/clock.ts';
import type { AppId, PartitionNumber } from '../../../model/ids.ts';
import type { RetentionPolicy } from '../../store.ts';
import type { RedisClient } from '../client.ts';
import type { Tenure } from '../lane-item.ts';
import { CacheCounters } from './cache-counters.ts';
import { MessageRing } from './message-ring.ts';
import { PartitionCache } from './partition-cache.ts';
import { UserTable } from './user-table.ts';

export interface UserCacheOptions {
  readonly clock: Clock;
  readonly client: RedisClient;
  readonly retention: (app: AppId) => RetentionPolicy;
  /** 0: nothing is cached. */
  readonly cacheUsersMax: number;
  /** 0: no messages are. */
  readonly cacheMessageBytes: number;
}

export class UserCache {
  readonly counters: CacheCounters = new CacheCounters();
  readonly #options: UserCacheOptions;
  readonly #table: UserTable;
  readonly #ring: MessageRing;
  readonly #partitions: (PartitionCache | undefined)[] = [];

  constructor(options: UserCacheOptions) {
    const { counters } = this;
    this.#options = options;
    this.#table = new UserTable(options.cacheUsersMax, () => counters.usersEvicted++);
    this.#ring = new MessageRing(options.cacheMessageBytes, (place, position) => {
      if (this.#table.at(place)?.run.dropFirst(position) === true) counters.messagesEvicted++;
    });
  }

  get users(): number {
    return this.#table.size;
  }

  get messageBytes(): number {
    return this.#ring.usedBytes;
  }

  of(partition: PartitionNumber): PartitionCache | undefined {
    return this.#partitions[partition];
  }

  /** A time of ownership begins. @param fence key of the partition's fence */
  open(tenure: Tenure, fence: string): void {
    this.drop(tenure.partition);
    if (this.#options.cacheUsersMax === 0) return;
    const { clock, client, retention } = this.#options;
    const parts = { clock, client, retention, table: this.#table, ring: this.#ring, counters: this.counters };
    this.#partitions[tenure.partition] = new PartitionCache(tenure, fence, parts);
  }

  /** Something may have been written to any partition that nobody here was told of. */
  clear(): void {
    for (const cache of this.#partitions) cache?.clear();
  }

  /** The ownership is over. */
  drop(partition: PartitionNumber): void {
    this.#partitions[partition]?.drop();
    this.#partitions[partition] = undefined;
  }
}
