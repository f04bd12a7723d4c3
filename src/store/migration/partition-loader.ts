/**
 * Fills one partition of the target, in order and each thing once: one call is outstanding, and the progress that it makes is
 * written with it, so that a call may be repeated and a later run goes on behind the last one.
 */
import type { Clock } from '../../clock/clock.ts';
import { FenceStatus } from '../redis/apply-script.ts';
import type { RedisClient, RedisReply } from '../redis/client.ts';
import type { PartitionKeys } from '../redis/keys.ts';
import { retried } from '../redis/retried.ts';
import { MigrationBatch } from './migration-batch.ts';
import { MigrationError } from './migration-error.ts';
import { FILL } from './migration-scripts.ts';

export interface LoaderContext {
  readonly clock: Clock;
  readonly client: RedisClient;
  /** About the bytes that wait or travel, of all partitions. */
  readonly underWay: { bytes: number };
}

const REASONS: Readonly<Record<number, string>> = {
  [FenceStatus.Fenced]: 'another process has taken the target; nothing more was written. See who uses it',
  [FenceStatus.Missing]: 'Redis has lost what was copied. Run the same command again: it goes on with what is there',
  [FenceStatus.Behind]:
    'Redis has lost some of what was copied. Run the same command again: it goes on with what is there',
};
const NOT_AS_LEFT =
  'the target does not hold what was copied into it. Empty it, or choose another redis.keyPrefix, and begin again';

export class PartitionLoader {
  readonly keys: PartitionKeys;
  readonly #context: LoaderContext;
  readonly #ownerEpoch: number;
  /** Everything before it is in the target, or in a batch that is closed. */
  #progress: number;
  #batch: MigrationBatch;
  #to: number;
  #sent: Promise<void> = Promise.resolve();

  constructor(context: LoaderContext, keys: PartitionKeys, ownerEpoch: number, progress: number) {
    this.#context = context;
    this.keys = keys;
    this.#ownerEpoch = ownerEpoch;
    this.#progress = progress;
    this.#to = progress;
    this.#batch = this.#newBatch();
  }

  /** Where to put what lies at `position`; undefined when it is in the target already. Positions grow. */
  at(position: number): MigrationBatch | undefined {
    if (position < this.#progress) return undefined;
    if (position + 1 !== this.#to && this.#batch.isFull) this.#send();
    this.#to = position + 1;
    return this.#batch;
  }

  /** Resolves when everything is in the target, and everything before `progress` counts as done. */
  async finish(progress: number): Promise<void> {
    if (progress > this.#progress) {
      this.#to = progress;
      this.#send();
    }
    await this.#sent;
  }

  /** Resolves when what was sent has arrived. */
  arrived(): Promise<void> {
    return this.#sent;
  }

  #newBatch(): MigrationBatch {
    return new MigrationBatch(this.keys, this.#ownerEpoch, this.#progress);
  }

  #send(): void {
    const batch = this.#batch.close(this.#to);
    const before = this.#sent;
    this.#progress = this.#to;
    this.#batch = this.#newBatch();
    this.#context.underWay.bytes += batch.bytes;
    this.#sent = this.#fill(batch, before);
    // Seen by whoever waits for it next.
    this.#sent.catch(() => undefined);
  }

  async #fill(batch: MigrationBatch, before: Promise<void>): Promise<void> {
    await before;
    const { clock, client, underWay } = this.#context;
    const { reply } = await retried(clock, () => client.run(FILL, batch.keys, batch.args));
    const status = (reply as RedisReply[])[0] as number;
    if (status !== FenceStatus.Ok) throw new MigrationError(REASONS[status] ?? NOT_AS_LEFT);
    underWay.bytes -= batch.bytes;
  }
}
