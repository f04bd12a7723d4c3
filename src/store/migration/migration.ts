/**
 * Copies an embedded store into Redis.
 *
 *   log ─► messages, dedupe rows ─► PartitionLoader ─┐
 *   directory ─► heads, devices, revocations ────────┼─► fences ─► check ─► source marked ─► target complete
 *                                                    └─ progress with every call: killed at any point, it goes on there
 *
 * seq, epoch, message ids, generations and cursors stay what they are. Reads the log four times from end to end; keeps in
 * memory what the embedded store keeps, one segment, and 16 MiB under way.
 */
import { type Clock, delay } from '../../clock/clock.ts';
import { Durability } from '../../model/durability.ts';
import type { AppId, Epoch, MessageId, PartitionNumber } from '../../model/ids.ts';
import type { Disk } from '../disk.ts';
import type { AppendEntry } from '../embedded/entry-codec.ts';
import type { RedisClient } from '../redis/client.ts';
import { StoreKeys } from '../redis/keys.ts';
import { checkServers } from '../redis/server-check.ts';
import { type MigrationRecord, MigrationState } from '../redis/store-meta.ts';
import type { RetentionPolicy } from '../store.ts';
import { type CheckCounts, MigrationCheck } from './migration-check.ts';
import { MigrationError } from './migration-error.ts';
import { MigrationSource, type SourceCounts } from './migration-source.ts';
import { MigrationTarget } from './migration-target.ts';
import { PartitionLoader } from './partition-loader.ts';

export interface MigrationOptions {
  readonly clock: Clock;
  readonly disk: Disk;
  /** Connected. */
  readonly client: RedisClient;
  readonly keyPrefix: string;
  readonly retention: (app: AppId) => RetentionPolicy;
  readonly dedupeWindowMs: number;
  readonly allowVolatile: boolean;
  /** Looks at both sides and writes nothing. */
  readonly dryRun: boolean;
  /** Go on although the dedupe rows of messages that retention has deleted are left behind. */
  readonly forgetHashed: boolean;
  /** One line, for people. */
  readonly progress: (line: string) => void;
}

export const MigrationOutcome = {
  Migrated: 'migrated',
  /** A dry run found nothing in the way. */
  Possible: 'possible',
  /** It was migrated before, and logics have used it since. */
  InService: 'in-service',
  /** The target differs from the source. It is not usable; see `check.findings`. */
  Different: 'different',
} as const;
export type MigrationOutcome = (typeof MigrationOutcome)[keyof typeof MigrationOutcome];

export interface MigrationResult {
  outcome: MigrationOutcome;
  storeId: string;
  partitions: number;
  epochMax: number;
  /** This run went on with what an earlier one had begun. */
  isResumed: boolean;
  /** What one server at least can lose: see `durability`. */
  durability: Durability;
  replicas: number;
  source: SourceCounts;
  check: CheckCounts | undefined;
}

const UNDER_WAY_BYTES_MAX = 16 * 1024 * 1024;
/** Redis syncs its append-only file once a second, and is late by as much at most. */
const SYNC_WAIT_MS = 2500;

/** Rejects with a `MigrationError`, `StoreOpenError` or `RedisCallError` that a person can act on. */
export async function migrate(options: MigrationOptions): Promise<MigrationResult> {
  const source = await MigrationSource.open(options.disk, options.dedupeWindowMs, options.clock.wallMs());
  try {
    return await new Migration(options, source).run();
  } finally {
    await source.close();
  }
}

class Migration {
  readonly #options: MigrationOptions;
  readonly #source: MigrationSource;
  readonly #target: MigrationTarget;
  readonly #keys: StoreKeys;
  readonly #underWay = { bytes: 0 };
  #loaders: PartitionLoader[] = [];
  #owners: number[] = [];

  constructor(options: MigrationOptions, source: MigrationSource) {
    this.#options = options;
    this.#source = source;
    this.#keys = new StoreKeys(options.keyPrefix);
    this.#target = new MigrationTarget(options.clock, options.client, this.#keys);
  }

  async run(): Promise<MigrationResult> {
    const { clock, client, allowVolatile, progress, dryRun } = this.#options;
    const { durability, descriptions } = await checkServers(client, allowVolatile);
    for (const line of descriptions) progress(line);
    const { identity, partitions } = this.#source;
    const found = await this.#target.find(identity);
    const record = this.#record(found);
    const counts = await this.#source.survey(clock.wallMs());
    const result: MigrationResult = {
      outcome: MigrationOutcome.Possible,
      storeId: identity.storeId,
      partitions,
      epochMax: record.epochs.reduce((most, epoch) => Math.max(most, epoch)),
      isResumed: found !== undefined,
      durability,
      replicas: client.replicasWanted,
      source: counts,
      check: undefined,
    };
    this.#assertAllCarried(counts);
    const isComplete = found?.state === MigrationState.Complete;
    if (isComplete && (await this.#target.isInService(partitions, record.epochs))) {
      return { ...result, outcome: MigrationOutcome.InService };
    }
    if (dryRun) return result;
    if (!isComplete) await this.#copy(record);
    progress('comparing');
    const check = await new MigrationCheck(this.#source, this.#options, this.#keys, record.epochs).run();
    if (check.differences > 0) return { ...result, check, outcome: MigrationOutcome.Different };
    if (!isComplete) await this.#conclude(record, durability);
    for (let number = 0; number < partitions; number++) await this.#target.clearProgress(number as PartitionNumber);
    return { ...result, check, outcome: MigrationOutcome.Migrated };
  }

  /** What was decided when the migration began, or is now. */
  #record(found: MigrationRecord | undefined): MigrationRecord {
    const { clock, retention } = this.#options;
    const asOfMs = found?.asOfMs ?? clock.wallMs();
    const fingerprint = this.#source.settleFloors(retention, asOfMs);
    if (found === undefined) {
      const epochs = this.#source.epochs(asOfMs);
      return { state: MigrationState.Copying, source: this.#source.identity, asOfMs, fingerprint, epochs };
    }
    if (found.fingerprint === fingerprint) return found;
    throw new MigrationError(
      'the retention settings are not those with which this migration began: use the same configuration',
    );
  }

  #assertAllCarried({ dedupeRowsHashed, dedupeHashedUntilMs }: SourceCounts): void {
    if (dedupeRowsHashed === 0 || this.#options.forgetHashed) return;
    throw new MigrationError(
      `${dedupeRowsHashed} dedupe rows belong to messages that retention has deleted, and cannot be carried over: a client that ` +
        `sends one of those messages again would have it stored twice. They end at ${new Date(dedupeHashedUntilMs).toISOString()}. ` +
        'Migrate after that, or accept it with --forget-deleted',
    );
  }

  async #copy(record: MigrationRecord): Promise<void> {
    const { progress } = this.#options;
    const { partitions, identity, users } = this.#source;
    await this.#target.begin(identity.storeId, partitions, record);
    await this.#take(record.epochs);
    progress('copying messages');
    await this.#source.walk({ append: (entry, position) => this.#message(entry, position), pause: () => this.#room() });
    await Promise.all(this.#loaders.map((loader) => loader.finish(identity.end)));
    progress('copying users');
    for (let user = 0; user < users; user++) {
      const loader = this.#loaders[this.#source.state.directory.partitionOf(user)]!;
      loader.at(identity.end + user)?.user(this.#source.userFacts(user));
      await this.#room();
    }
    await Promise.all(this.#loaders.map((loader) => loader.finish(identity.end + users)));
    await Promise.all(this.#loaders.map((loader, number) => this.#fence(loader, number, record.epochs[number]!)));
  }

  async #take(epochs: readonly number[]): Promise<void> {
    const { identity, partitions } = this.#source;
    const holder = `migration of ${identity.storeId}`;
    for (let number = 0; number < partitions; number++) {
      const partition = number as PartitionNumber;
      const { ownerEpoch, progress } = await this.#target.take(partition, holder, epochs[number]!);
      this.#owners.push(ownerEpoch);
      const context = { ...this.#options, underWay: this.#underWay };
      this.#loaders.push(new PartitionLoader(context, this.#keys.partition(partition), ownerEpoch, progress));
    }
  }

  #message(entry: AppendEntry, position: number): void {
    const { directory } = this.#source.state;
    const { target, sender, seq, senderSeq } = entry;
    const record = this.#source.recordOf(entry);
    const loader = this.#loaders[directory.partitionOf(target)]!;
    const endMs = this.#source.dedupeEndMs(entry.messageId);
    if (endMs > this.#options.clock.wallMs()) {
      const [app, to, from] = [directory.app(target), directory.uid(target), directory.uid(sender)];
      loader.at(position)?.dedupe(loader.keys.dedupe(app, to, from, entry.clientMsgId), record, endMs);
    }
    this.#place(target, seq, position, record);
    if (senderSeq > 0) this.#place(sender, senderSeq, position, record);
  }

  #place(user: number, seq: number, position: number, record: Buffer): void {
    const { directory } = this.#source.state;
    const place = seq - directory.floor[user]!;
    if (place < 0) return;
    const batch = this.#loaders[directory.partitionOf(user)]!.at(position);
    batch?.message(directory.app(user), directory.uid(user), place, record);
  }

  /** Undefined while not too much is under way. */
  #room(): Promise<void> | undefined {
    return this.#underWay.bytes < UNDER_WAY_BYTES_MAX ? undefined : this.#arrived();
  }

  async #arrived(): Promise<void> {
    await Promise.all(this.#loaders.map((loader) => loader.arrived()));
  }

  async #fence(loader: PartitionLoader, number: number, epoch: number): Promise<void> {
    const { identity, users, state } = this.#source;
    const position = identity.end + users;
    loader.at(position)?.fence(epoch as Epoch, state.lastMessageIds[number] as MessageId);
    await loader.finish(position + 1);
  }

  async #conclude(record: MigrationRecord, durability: Durability): Promise<void> {
    const { clock, progress } = this.#options;
    const { identity, partitions } = this.#source;
    for (const [number, owner] of this.#owners.entries()) await this.#target.release(number as PartitionNumber, owner);
    if (durability === Durability.Os) await delay(clock, SYNC_WAIT_MS);
    progress('complete: marking both sides');
    await this.#source.markParted();
    await this.#target.complete(identity.storeId, partitions, record);
  }
}
