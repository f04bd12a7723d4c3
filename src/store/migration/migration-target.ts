/**
 * The Redis store that is filled. `sluice:{meta}` says whose it is: while a migration is under way, no logic opens it.
 *
 *   nothing ─► copying, partitions taken one by one ─► complete: an ordinary store
 *
 * Each partition is held like an owner holds it, so that two migrations, or a logic, cannot write at the same time.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../clock/clock.ts';
import type { PartitionNumber } from '../../model/ids.ts';
import type { RedisClient, RedisReply } from '../redis/client.ts';
import { ACQUIRE, RELEASE } from '../redis/fence-scripts.ts';
import type { StoreKeys } from '../redis/keys.ts';
import { retried } from '../redis/retried.ts';
import {
  FORMAT,
  type MigrationRecord,
  MigrationState,
  readMeta,
  type StoreMeta,
  writeMeta,
} from '../redis/store-meta.ts';
import { MigrationError } from './migration-error.ts';
import type { SourceIdentity } from './migration-source.ts';

export interface HeldPartition {
  readonly ownerEpoch: number;
  readonly progress: number;
}

/** Nobody else can take a partition meanwhile: its store does not open. */
const LEASE_MS = 60_000;
const SCAN_COUNT = 1000;

export class MigrationTarget {
  readonly #clock: Clock;
  readonly #client: RedisClient;
  readonly #keys: StoreKeys;

  constructor(clock: Clock, client: RedisClient, keys: StoreKeys) {
    this.#clock = clock;
    this.#client = client;
    this.#keys = keys;
  }

  /**
   * The migration that was begun here, or completed, from this source; undefined when the target is empty. Rejects when it
   * belongs to anybody else.
   */
  async find(source: SourceIdentity): Promise<MigrationRecord | undefined> {
    const meta = await this.#retried(() => readMeta(this.#client, this.#keys.meta));
    await this.#assertNobodyLives();
    if (meta === undefined) {
      await this.#assertEmpty();
      return undefined;
    }
    const { migration } = meta;
    if (migration === undefined || meta.storeId !== source.storeId) {
      throw new MigrationError(
        `the target holds another store (${meta.storeId}): empty it, or use another redis.keyPrefix`,
      );
    }
    const { generation, end } = migration.source;
    if (generation !== source.generation || end !== source.end) {
      throw new MigrationError(
        migration.state === MigrationState.Complete
          ? 'the target holds an older state of this store, which was migrated completely'
          : 'the source was used since this migration began: empty the target, and begin again',
      );
    }
    return migration;
  }

  async begin(storeId: string, partitions: number, migration: MigrationRecord): Promise<void> {
    const meta: StoreMeta = { format: FORMAT, storeId, partitions, migration };
    await this.#retried(() => writeMeta(this.#client, this.#keys.meta, meta));
    const found = await this.#retried(() => readMeta(this.#client, this.#keys.meta));
    if (!isDeepStrictEqual(found, meta)) throw new MigrationError('another process has begun to use the target');
  }

  /** Rejects when a logic holds it. */
  async take(partition: PartitionNumber, holder: string, epoch: number): Promise<HeldPartition> {
    const { fence, progress } = this.#keys.partition(partition);
    const args = [holder, String(LEASE_MS), '', '0', String(epoch)];
    const { reply } = await this.#retried(() => this.#client.run(ACQUIRE, [fence], args));
    const [isTaken, ownerEpoch] = reply as number[];
    if (isTaken !== 1) throw new MigrationError(`the target is in use: another process holds partition ${partition}`);
    const done = await this.#retried(() => this.#client.call(progress, 'GET', [progress]));
    return { ownerEpoch: ownerEpoch!, progress: Number(done ?? 0) };
  }

  /** Rejects unless the replicas that are asked for have everything of the partition. */
  async release(partition: PartitionNumber, ownerEpoch: number): Promise<void> {
    const { fence } = this.#keys.partition(partition);
    const wanted = this.#client.replicasWanted;
    const { replicas } = await this.#retried(() =>
      this.#client.run(RELEASE, [fence], [String(ownerEpoch)], wanted > 0),
    );
    if (replicas >= wanted) return;
    throw new MigrationError(
      `${replicas} of ${wanted} replicas have partition ${partition}: see to them, and run the same command again`,
    );
  }

  /** From here on any logic may open it. */
  async complete(storeId: string, partitions: number, migration: MigrationRecord): Promise<void> {
    const record = { ...migration, state: MigrationState.Complete };
    const meta: StoreMeta = { format: FORMAT, storeId, partitions, migration: record };
    await this.#retried(() => this.#client.call(this.#keys.meta, 'SET', [this.#keys.meta, JSON.stringify(meta)]));
  }

  async clearProgress(partition: PartitionNumber): Promise<void> {
    const { progress } = this.#keys.partition(partition);
    await this.#retried(() => this.#client.call(progress, 'DEL', [progress]));
  }

  /** Whether a logic has owned a partition since the migration was complete. */
  async isInService(partitions: number, epochs: readonly number[]): Promise<boolean> {
    for (let number = 0; number < partitions; number++) {
      const { fence } = this.#keys.partition(number as PartitionNumber);
      const reply = await this.#retried(() => this.#client.call(fence, 'HMGET', [fence, 'w', 'b', 'v', 'r']));
      const [holder, batch, epoch, runId] = (reply as RedisReply[]).map((value) =>
        value === null ? '' : String(value),
      );
      if (holder !== '' || batch !== '0' || epoch !== String(epochs[number]) || runId !== '') return true;
    }
    return false;
  }

  #retried<T>(call: () => Promise<T>): Promise<T> {
    return retried(this.#clock, call);
  }

  async #assertNobodyLives(): Promise<void> {
    const { logics } = this.#keys;
    const alive = await this.#retried(async () => {
      const [seconds] = (await this.#client.call(logics, 'TIME', [])) as RedisReply[];
      return this.#client.call(logics, 'ZCOUNT', [logics, `${String(seconds)}000`, '+inf']);
    });
    if (Number(alive) > 0) throw new MigrationError(`the target is in use by ${Number(alive)} logics: stop them first`);
  }

  async #assertEmpty(): Promise<void> {
    for (const server of this.#client.servers()) {
      let cursor = '0';
      do {
        const reply = await server.call('SCAN', [
          cursor,
          'MATCH',
          this.#keys.partitionPattern,
          'COUNT',
          String(SCAN_COUNT),
        ]);
        const [next, found] = reply as [Buffer, Buffer[]];
        if (found.length > 0) {
          throw new MigrationError(
            `the target is not empty (${String(found[0])}), and holds no store that can be recognised`,
          );
        }
        cursor = String(next);
      } while (cursor !== '0');
    }
  }
}
