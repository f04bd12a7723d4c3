/**
 * The store on Redis or a Redis Cluster, for many machines. Each partition has one owner, one lane and one hash tag.
 *
 *   submit ─► PartitionLane (one call outstanding) ─► APPLY on the partition's server ─► sink.committed
 *   readTimeline, readUser ─► StoreReader ─► UserCache, or scripts that answer the fence with the data
 *   Leases ─► which partitions have a lane here
 * See docs/adr/0007-redis-store.md for the numbers and the choices.
 */
import { delay } from '../../clock/clock.ts';
import { randomHex } from '../../clock/random.ts';
import { Durability } from '../../model/durability.ts';
import type { AppId, Epoch, PartitionNumber, Seq, Uid } from '../../model/ids.ts';
import { partitionOf } from '../../model/partition.ts';
import {
  type CommitSink,
  type Committed,
  type Operation,
  OperationType,
  RefusalReason,
  type Store,
  type StoreInfo,
  StoreOpenError,
  StoreUnavailableError,
  type TimelinePage,
  type UserState,
} from '../store.ts';
import { UserCache } from './cache/user-cache.ts';
import { finishCopies } from './copy-backlog.ts';
import { StoreCounters } from './counters.ts';
import { StoreKeys } from './keys.ts';
import { type LaneCalls, laneCalls } from './lane-calls.ts';
import { type BuryItem, type CopyItem, CopyRoute, type Tenure } from './lane-item.ts';
import { LapsedLanes } from './lapsed-lanes.ts';
import { type LeaseHost, Leases } from './leases.ts';
import { type LaneHost, PartitionLane } from './partition-lane.ts';
import { epochAt, type FullOptions, type RedisStoreOptions, withDefaults } from './redis-store-options.ts';
import { Refusals } from './refusals.ts';
import { retried } from './retried.ts';
import { checkServers, type ServerFacts } from './server-check.ts';
import { loadMeta, type StoreMeta, writeMeta } from './store-meta.ts';
import { StoreReader } from './store-reader.ts';
import { Sweeper } from './sweeper.ts';

const CLOSE_POLL_MS = 1;

const StoreState = { Opening: 0, Open: 1, Closing: 2, Failed: 3 } as const;
type StoreState = (typeof StoreState)[keyof typeof StoreState];

export class RedisStore implements Store, LaneHost, LeaseHost {
  readonly counters: StoreCounters;
  readonly cache: UserCache;
  readonly #options: FullOptions;
  readonly #keys: StoreKeys;
  readonly #reader: StoreReader;
  #lanes: (PartitionLane | undefined)[] = [];
  readonly #lapsed: LapsedLanes;
  readonly #sweeper: Sweeper;
  #sink: CommitSink | undefined;
  #meta: StoreMeta | undefined;
  #leases: Leases | undefined;
  #state: StoreState = StoreState.Opening;
  #underWay = 0;
  readonly #refusals: Refusals;
  readonly #calls: LaneCalls;
  /** Among the logics. */
  #name = '';
  #closing: Promise<void> | undefined;

  constructor(options: RedisStoreOptions) {
    this.#options = withDefaults(options);
    this.counters = new StoreCounters(options.client.replicasWanted);
    this.#lapsed = new LapsedLanes(this.counters);
    this.#sweeper = new Sweeper(this.#options, () => this.#lanes);
    this.#keys = new StoreKeys(this.#options.keyPrefix);
    this.cache = new UserCache(this.#options);
    this.#reader = new StoreReader({ ...this.#options, cache: this.cache });
    this.#calls = laneCalls(this.#options, this.counters);
    this.#refusals = new Refusals(options.clock, (operation, reason) => this.#sink?.refused(operation, reason));
  }

  async open(sink: CommitSink): Promise<StoreInfo> {
    const { client, clock, allowVolatile } = this.#options;
    this.#sink = sink;
    try {
      await client.connect();
      const facts = await retried(clock, () => checkServers(client, allowVolatile));
      await this.#openData(facts);
      const { storeId, partitions } = this.#meta!;
      return { ...facts, storeId, partitions, shared: true };
    } catch (error) {
      client.close();
      if (error instanceof StoreOpenError) throw error;
      throw new StoreOpenError(`the store cannot be opened: ${String(error)}`, { cause: error });
    }
  }

  submit(operation: Operation): void {
    const partition = this.#partitionOf(operation);
    const lane = this.#state === StoreState.Open ? this.#lanes[partition] : undefined;
    // Nothing may overtake a refused operation whose submitter does not know of the refusal yet.
    const isBusy = this.#underWay >= this.#options.queueOperationsMax || this.#refusals.concern(partition);
    if (lane === undefined || isBusy) {
      const reason = lane === undefined ? RefusalReason.Unavailable : RefusalReason.Busy;
      this.#refusals.add(operation, partition, reason);
      return;
    }
    this.#underWay++;
    lane.push(operation);
  }

  async readTimeline(app: AppId, uid: Uid, after: Seq, limit: number, bytesMax: number): Promise<TimelinePage> {
    return this.#reader.readTimeline(this.#laneOf(app, uid), app, uid, { after, limit, bytesMax });
  }

  async readUser(app: AppId, uid: Uid): Promise<UserState> {
    return this.#reader.readUser(this.#laneOf(app, uid), app, uid);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  get partitionsOwned(): number {
    return this.#lanes.reduce((count, lane) => count + (lane === undefined ? 0 : 1), 0);
  }

  owns(partition: PartitionNumber): boolean {
    return this.#lanes[partition] !== undefined;
  }

  /** Makes a sender's copy here, or hands it over to the owner of its partition. */
  copy(item: CopyItem): CopyRoute {
    const partition = partitionOf(item.app, item.uid, this.#meta!.partitions);
    if (this.take(partition, item)) return CopyRoute.Here;
    this.counters.copiesElsewhere++;
    return this.#options.events.copyElsewhere(partition, item) ? CopyRoute.Elsewhere : CopyRoute.Nowhere;
  }

  /** Work on a partition's streams, in order with its operations; false when the partition is not owned here. */
  take(partition: PartitionNumber, item: CopyItem | BuryItem): boolean {
    const lane = this.#lanes[partition];
    if (lane?.isOpen !== true) return false;
    lane.push(item);
    return true;
  }

  accompany(partition: PartitionNumber): void {
    this.#lanes[partition]?.accompany();
  }

  grew(app: AppId, uid: Uid, length: number): void {
    this.#lanes[partitionOf(app, uid, this.#meta!.partitions)]?.grew(app, uid, length);
  }

  committed(operations: readonly Operation[]): void {
    this.#underWay -= operations.length;
    if (this.#state !== StoreState.Failed) this.#sink!.committed(operations as readonly Committed<Operation>[]);
  }

  refused(operations: readonly Operation[], reason: RefusalReason): void {
    this.#underWay -= operations.length;
    for (const operation of operations) this.#sink!.refused(operation, reason);
  }

  lost(lane: PartitionLane, unknown: readonly Operation[]): void {
    const { partition } = lane.tenure;
    this.#underWay -= unknown.length;
    if (this.#lanes[partition] === lane) this.#forget(partition);
    this.counters.partitionsLost++;
    this.#options.events.lost(partition, unknown);
  }

  async raiseEpoch(lane: PartitionLane, found: number): Promise<boolean> {
    const { client, events } = this.#options;
    const { tenure } = lane;
    const epoch = (tenure.epoch + 1) as Epoch;
    if (!(await this.#leases!.raise(tenure, epoch))) {
      this.lost(lane, lane.end());
      return false;
    }
    tenure.epoch = epoch;
    this.cache.of(tenure.partition)?.clear();
    const operations = lane.ledger.lostBetween(found, tenure.batch);
    this.counters.epochsRaised++;
    this.counters.lostOperations += operations;
    writeMeta(client, this.#keys.meta, this.#meta!).catch(() => undefined);
    events.epochChanged(tenure.partition, epoch, { operations });
    return true;
  }

  failed(error: Error): void {
    if (this.#state === StoreState.Failed) return;
    this.#state = StoreState.Failed;
    this.#leases?.cancel();
    for (const lane of this.#lanes) lane?.end();
    this.#sink?.failed(error);
  }

  tenureOf(partition: PartitionNumber): Tenure | undefined {
    return this.#lanes[partition]?.tenure;
  }

  acquired(tenure: Tenure, hasRisen: boolean): void {
    const { partition, ownerEpoch, epoch } = tenure;
    const { events } = this.#options;
    const { partitions } = this.#meta!;
    const { counters, cache } = this;
    const keys = this.#keys.partition(partition);
    const options = { ...this.#options, ...this.#calls, partitions, counters, cache };
    const { ledger, isBehind } = this.#lapsed.resume(tenure);
    cache.open(tenure, keys.fence);
    this.#lanes[partition] = new PartitionLane(tenure, keys, options, this, ledger);
    if (isBehind) this.suspect(partition);
    if (hasRisen) this.counters.epochsRaised++;
    events.acquired(partition, ownerEpoch, epoch);
  }

  lapsed(partition: PartitionNumber): void {
    const lane = this.#lanes[partition];
    if (lane === undefined) return;
    this.#lapsed.add(lane);
    this.lost(lane, lane.end());
  }

  async letGo(partition: PartitionNumber): Promise<void> {
    const lane = this.#lanes[partition];
    if (lane === undefined) return;
    this.#options.events.leaving(partition);
    this.#forget(partition);
    while (lane.isOpen && !lane.isIdle) await delay(this.#options.clock, CLOSE_POLL_MS);
    this.#options.events.lost(partition, lane.end());
  }

  suspect(partition: PartitionNumber): void {
    void this.#lanes[partition]?.verify();
  }

  settled(): void {
    for (const lane of this.#lanes) if (lane !== undefined) finishCopies(this.#options.client, lane);
  }

  async #openData({ durability, hasReplicas }: ServerFacts): Promise<void> {
    const { client, clock, random, partitions, leaseMs } = this.#options;
    const fresh = { storeId: randomHex(random, 16), partitions };
    this.#meta = await retried(clock, () => loadMeta(client, this.#keys.meta, fresh));
    this.#name = this.#options.name ?? randomHex(random, 16);
    this.#leases = new Leases(
      {
        clock,
        client,
        keys: this.#keys,
        partitions: this.#meta.partitions,
        name: this.#name,
        leaseMs,
        firstEpoch: () => (this.#options.firstEpoch ?? epochAt(clock.wallMs())) as Epoch,
        canLose: durability < Durability.Disk || hasReplicas,
        remembers: (partition) => this.#lapsed.has(partition),
      },
      this,
    );
    await this.#leases.start();
    this.#state = StoreState.Open;
    this.#sweeper.start();
  }

  async #close(): Promise<void> {
    const { clock, client, closeTimeoutMs } = this.#options;
    const wasOpen = this.#state === StoreState.Open;
    if (wasOpen) this.#state = StoreState.Closing;
    this.#sweeper.stop();
    const deadlineMs = clock.monotonicMs() + closeTimeoutMs;
    const isBusy = (): boolean => this.#lanes.some((lane) => lane?.isOpen === true && !lane.isIdle);
    while (wasOpen && isBusy() && clock.monotonicMs() < deadlineMs) await delay(clock, CLOSE_POLL_MS);
    if (wasOpen && isBusy()) this.failed(new Error('Redis does not answer: what was submitted last is not known'));
    const lanes = this.#lanes.filter((lane) => lane !== undefined);
    this.#lanes = [];
    for (const lane of lanes) lane.end();
    if (this.#state === StoreState.Closing) await this.#leases?.stop(lanes.map((lane) => lane.tenure));
    client.close();
  }

  #forget(partition: PartitionNumber): void {
    this.#lanes[partition] = undefined;
    this.cache.drop(partition);
  }

  #laneOf(app: AppId, uid: Uid): PartitionLane {
    const partition = partitionOf(app, uid, this.#meta!.partitions);
    const lane = this.#lanes[partition];
    if (lane === undefined) throw new StoreUnavailableError(`partition ${partition} is not owned here`);
    return lane;
  }

  #partitionOf(operation: Operation): PartitionNumber {
    const user = operation.type === OperationType.Append ? operation.target : operation.uid;
    return partitionOf(operation.app, user, this.#meta!.partitions);
  }
}
