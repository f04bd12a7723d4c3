/**
 * Who owns which partition. Every logic announces itself; from the names that are alive each of them computes the same
 * owner for every partition (rendezvous hashing), so that one more or one less moves only its share.
 *
 *   every half second:       announce ─► let go what another should own ─► take what is free
 *   every third of a lease:  renew what is owned
 *   no renewal in time:      give it up here, before anybody else can have it
 *
 * What is written is safe all the same: every call carries the owner epoch, and whoever takes the partition changes it. But
 * an owner that Redis does not hear would go on to vouch for sessions and to answer from memory. Its clock starts when it
 * sends a renewal and Redis's when it gets there, so the lease ends here first. Costs two calls a second, and three a
 * partition and lease, whatever the number of users; more only while a partition waits for its last owner's lease to end.
 */
import type { Clock, TimerHandle } from '../../clock/clock.ts';
import type { AppId, Epoch, MessageId, PartitionNumber } from '../../model/ids.ts';
import { partitionOf } from '../../model/partition.ts';
import { FenceStatus } from './apply-script.ts';
import type { RedisClient, RedisReply } from './client.ts';
import { ACQUIRE, ANNOUNCE, RAISE_EPOCH, RELEASE, RENEW, Suspicion } from './fence-scripts.ts';
import type { StoreKeys } from './keys.ts';
import type { Tenure } from './lane-item.ts';
import { retried } from './retried.ts';

export interface LeaseOptions {
  readonly clock: Clock;
  readonly client: RedisClient;
  readonly keys: StoreKeys;
  readonly partitions: number;
  /** Of no other process that lives. */
  readonly name: string;
  readonly leaseMs: number;
  /** For a partition that nobody has written to. */
  readonly firstEpoch: () => Epoch;
  /** An owner that died together with its server may have lost acknowledged writes. */
  readonly canLose: boolean;
  /** What this owner acknowledged in the partition before its lease lapsed is known here. */
  readonly remembers: (partition: PartitionNumber) => boolean;
}

export interface LeaseHost {
  tenureOf(partition: PartitionNumber): Tenure | undefined;
  acquired(tenure: Tenure, hasRisen: boolean): void;
  /** Ends the lane when everything in it is known. */
  letGo(partition: PartitionNumber): Promise<void>;
  /** The lease ends in a moment, and could not be renewed. */
  lapsed(partition: PartitionNumber): void;
  /** The fence is not what it was. */
  suspect(partition: PartitionNumber): void;
  /** A round has taken partitions. */
  settled(): void;
}

/** Hashes of names and partitions are compared as they are. */
const HASH_SPAN = 2 ** 32;
/** After a lease that was in the way has ended. */
const EXPIRY_SLACK_MS = 5;
/** How soon one that joins or leaves is noticed: for so long, at most, its partitions have no owner. */
const LOOK_MS = 500;
/** A lease ends here so much earlier: clocks that run apart, and timers that come late. */
const LAPSE_EARLIER = 0.1;

export class Leases {
  readonly #options: LeaseOptions;
  readonly #host: LeaseHost;
  #timer: TimerHandle;
  #lapseTimer: TimerHandle;
  #hasStarted = false;
  #isStopped = false;
  #round: Promise<void> = Promise.resolve();
  /** Until the first lease in the way ends. */
  #waitMs = 0;
  #renewAtMs = 0;
  readonly #lookMs: number;

  constructor(options: LeaseOptions, host: LeaseHost) {
    this.#options = options;
    this.#host = host;
    this.#lookMs = Math.min(LOOK_MS, options.leaseMs / 3);
  }

  /** The first round: resolves when everything that was free is owned. */
  async start(): Promise<void> {
    await this.#runRound();
    this.#hasStarted = true;
    this.#again();
    this.#lookForLapses();
  }

  /** Releases everything; the lanes have ended. */
  async stop(tenures: readonly Tenure[]): Promise<void> {
    this.cancel();
    await this.#round.catch(() => undefined);
    const { client, keys, name } = this.#options;
    const goodbye = client.run(ANNOUNCE, [keys.logics], [name, '0']);
    await Promise.allSettled([...tenures.map((tenure) => this.#release(tenure)), goodbye]);
  }

  /** Renews nothing more: the leases run out. */
  cancel(): void {
    this.#isStopped = true;
    this.#options.clock.clearTimer(this.#timer);
    this.#options.clock.clearTimer(this.#lapseTimer);
  }

  /** Begins a new epoch; false when another owner has the partition. */
  async raise(tenure: Tenure, epoch: Epoch): Promise<boolean> {
    const { client, keys, name } = this.#options;
    const { fence } = keys.partition(tenure.partition);
    const facts = [name, String(tenure.batch), String(epoch), String(tenure.lastMessageId)];
    const { reply } = await client.run(RAISE_EPOCH, [fence], [...this.#leaseArguments(tenure), ...facts]);
    return (reply as RedisReply[])[0] === FenceStatus.Ok;
  }

  /** The owner's own copy of what it told the server last. */
  #leaseArguments(tenure: Tenure): [ownerEpoch: string, leaseMs: string, runId: string] {
    const { client, keys, leaseMs } = this.#options;
    const runId = client.serverOf(keys.partition(tenure.partition).fence)?.runId ?? '';
    return [String(tenure.ownerEpoch), String(leaseMs), runId];
  }

  #again(): void {
    if (this.#isStopped) return;
    const waitMs = this.#waitMs > 0 ? Math.min(this.#lookMs, this.#waitMs + EXPIRY_SLACK_MS) : this.#lookMs;
    this.#timer = this.#options.clock.setTimer(() => {
      this.#round = this.#runRound().catch(() => undefined);
      void this.#round.then(() => this.#again());
    }, waitMs);
  }

  async #runRound(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    // At the look that is nearest.
    const isRenewal = nowMs + this.#lookMs / 2 >= this.#renewAtMs;
    if (isRenewal) this.#renewAtMs = nowMs + this.#options.leaseMs / 3;
    // Whatever becomes of the announcement, which is on another server perhaps.
    const work = isRenewal ? this.#tenures().map((tenure) => this.#renew(tenure)) : [];
    const renewed = Promise.allSettled(work);
    const alive = await this.#announce().catch((error: unknown) => {
      if (!this.#hasStarted) throw error;
    });
    if (alive !== undefined) await this.#share(alive);
    await renewed;
  }

  /** Lets go what another should own, and takes what is free. */
  async #share(alive: readonly string[]): Promise<void> {
    const mine: PartitionNumber[] = [];
    const work: Promise<void>[] = [];
    for (let number = 0; number < this.#options.partitions; number++) {
      const partition = number as PartitionNumber;
      const tenure = this.#host.tenureOf(partition);
      const isWanted = this.#ownerAmong(alive, partition) === this.#options.name;
      if (tenure === undefined && isWanted) mine.push(partition);
      else if (tenure !== undefined && !isWanted) work.push(this.#handOver(tenure));
    }
    const handedOver = Promise.allSettled(work);
    this.#waitMs = 0;
    const taken = await Promise.all(mine.map((partition) => this.#taken(partition)));
    if (taken.includes(true)) this.#host.settled();
    await handedOver;
  }

  #tenures(): Tenure[] {
    const tenures: Tenure[] = [];
    for (let number = 0; number < this.#options.partitions; number++) {
      const tenure = this.#host.tenureOf(number as PartitionNumber);
      if (tenure !== undefined) tenures.push(tenure);
    }
    return tenures;
  }

  /** Again when the next lease may lapse. */
  #lookForLapses(): void {
    const { clock, leaseMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const aheadMs = leaseMs * LAPSE_EARLIER;
    let nextMs = nowMs + leaseMs - aheadMs;
    for (const { partition, leaseEndsMs } of this.#tenures()) {
      if (leaseEndsMs - aheadMs <= nowMs) this.#host.lapsed(partition);
      else nextMs = Math.min(nextMs, leaseEndsMs - aheadMs);
    }
    if (this.#isStopped) return;
    this.#lapseTimer = clock.setTimer(() => this.#lookForLapses(), nextMs - nowMs);
  }

  async #announce(): Promise<string[]> {
    const { client, keys, name, leaseMs } = this.#options;
    const { reply } = await this.#retried(() => client.run(ANNOUNCE, [keys.logics], [name, String(leaseMs)]));
    return (reply as RedisReply[]).map(String);
  }

  #ownerAmong(alive: readonly string[], partition: PartitionNumber): string {
    let best = this.#options.name;
    let bestHash = -1;
    for (const name of alive) {
      const hash = partitionOf(name as AppId, String(partition), HASH_SPAN);
      if (hash > bestHash || (hash === bestHash && name > best)) {
        best = name;
        bestHash = hash;
      }
    }
    return best;
  }

  /** Whether the partition is owned now; not, when its server does not answer. */
  #taken(partition: PartitionNumber): Promise<boolean> {
    const taking = this.#acquire(partition);
    return this.#hasStarted ? taking.catch(() => false) : taking;
  }

  async #acquire(partition: PartitionNumber): Promise<boolean> {
    const { clock, client, keys, name, leaseMs, canLose, firstEpoch, remembers } = this.#options;
    const { fence } = keys.partition(partition);
    let leaseEndsMs = 0;
    let runId = '';
    const suspicion = !canLose ? Suspicion.None : remembers(partition) ? Suspicion.OfOthers : Suspicion.OfAll;
    const answer = await this.#retried(() => {
      runId = client.serverOf(fence)?.runId ?? '';
      leaseEndsMs = clock.monotonicMs() + leaseMs;
      return client.run(ACQUIRE, [fence], [name, String(leaseMs), runId, suspicion, String(firstEpoch())]);
    });
    const [isTaken, ...facts] = answer.reply as number[];
    if (isTaken !== 1) {
      this.#waitMs = Math.min(this.#waitMs || Number.MAX_SAFE_INTEGER, facts[0]!);
      return false;
    }
    if (this.#isStopped) return false;
    const [ownerEpoch, epoch, batch, lastMessageId, hasRisen] = facts as [number, number, number, number, number];
    const tenure: Tenure = {
      partition,
      ownerEpoch,
      epoch: epoch as Epoch,
      batch,
      lastMessageId: lastMessageId as MessageId,
      leaseEndsMs,
      runId,
    };
    this.#host.acquired(tenure, hasRisen === 1);
    return true;
  }

  #retried<T>(call: () => Promise<T>): Promise<T> {
    // Later, whoever waits for one server must not forget those that answer: the next round tries again.
    return this.#hasStarted ? call() : retried(this.#options.clock, call, () => this.#isStopped);
  }

  async #renew(tenure: Tenure): Promise<void> {
    const { clock, client, keys, leaseMs } = this.#options;
    const { fence } = keys.partition(tenure.partition);
    const lease = this.#leaseArguments(tenure);
    const leaseEndsMs = clock.monotonicMs() + leaseMs;
    const { reply } = await client.run(RENEW, [fence], [...lease, String(tenure.batch)]);
    if ((reply as RedisReply[])[0] === FenceStatus.Ok) {
      tenure.leaseEndsMs = leaseEndsMs;
      tenure.runId = lease[2];
    } else this.#host.suspect(tenure.partition);
  }

  async #handOver(tenure: Tenure): Promise<void> {
    await this.#host.letGo(tenure.partition);
    await this.#release(tenure);
  }

  async #release(tenure: Tenure): Promise<void> {
    const { client, keys } = this.#options;
    await client.run(RELEASE, [keys.partition(tenure.partition).fence], [String(tenure.ownerEpoch)]);
  }
}
