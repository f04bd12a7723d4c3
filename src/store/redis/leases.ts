/**
 * Who owns which partition. Every logic announces itself; from the names that are alive each of them computes the same
 * owner for every partition (rendezvous hashing), so that one more or one less moves only its share.
 *
 *   every half second:       announce ─► let go what another should own ─► take what is free
 *   every third of a lease:  renew what is owned
 *
 * A lease that runs out does not stop its holder, and need not: every call carries the owner epoch, and whoever takes the
 * partition changes it. Costs two calls a second, and three a partition and lease, whatever the number of users; more only
 * while a partition waits for its last owner's lease to end.
 */
import type { Clock, TimerHandle } from '../../clock/clock.ts';
import type { AppId, Epoch, MessageId, PartitionNumber } from '../../model/ids.ts';
import { partitionOf } from '../../model/partition.ts';
import { FenceStatus } from './apply-script.ts';
import type { RedisClient, RedisReply } from './client.ts';
import { ACQUIRE, ANNOUNCE, RELEASE, RENEW } from './fence-scripts.ts';
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
}

export interface LeaseHost {
  tenureOf(partition: PartitionNumber): Tenure | undefined;
  acquired(tenure: Tenure, hasRisen: boolean): void;
  /** Ends the lane when everything in it is known. */
  letGo(partition: PartitionNumber): Promise<void>;
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

export class Leases {
  readonly #options: LeaseOptions;
  readonly #host: LeaseHost;
  #timer: TimerHandle;
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
    this.#again();
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
  }

  /** The owner's own copy of what it told the server last. */
  leaseArguments(tenure: Tenure): [ownerEpoch: string, leaseMs: string, runId: string] {
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
    const alive = await this.#announce();
    const nowMs = this.#options.clock.monotonicMs();
    // At the look that is nearest.
    const isRenewal = nowMs + this.#lookMs / 2 >= this.#renewAtMs;
    if (isRenewal) this.#renewAtMs = nowMs + this.#options.leaseMs / 3;
    const mine: PartitionNumber[] = [];
    const work: Promise<void>[] = [];
    for (let number = 0; number < this.#options.partitions; number++) {
      const partition = number as PartitionNumber;
      const tenure = this.#host.tenureOf(partition);
      const isWanted = this.#ownerAmong(alive, partition) === this.#options.name;
      if (tenure === undefined && isWanted) mine.push(partition);
      else if (tenure !== undefined && !isWanted) work.push(this.#handOver(tenure));
      else if (tenure !== undefined && isRenewal) work.push(this.#renew(tenure));
    }
    const renewed = Promise.allSettled(work);
    this.#waitMs = 0;
    const taken = await Promise.all(mine.map((partition) => this.#acquire(partition)));
    if (taken.includes(true)) this.#host.settled();
    await renewed;
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

  async #acquire(partition: PartitionNumber): Promise<boolean> {
    const { client, keys, name, leaseMs, canLose, firstEpoch } = this.#options;
    const { fence } = keys.partition(partition);
    const { reply } = await this.#retried(() => {
      const runId = client.serverOf(fence)?.runId ?? '';
      return client.run(ACQUIRE, [fence], [name, String(leaseMs), runId, canLose ? '1' : '0', String(firstEpoch())]);
    });
    const [isTaken, ...facts] = reply as number[];
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
    };
    this.#host.acquired(tenure, hasRisen === 1);
    return true;
  }

  #retried<T>(call: () => Promise<T>): Promise<T> {
    return retried(this.#options.clock, call, () => this.#isStopped);
  }

  async #renew(tenure: Tenure): Promise<void> {
    const { client, keys } = this.#options;
    const { fence } = keys.partition(tenure.partition);
    const { reply } = await client.run(RENEW, [fence], [...this.leaseArguments(tenure), String(tenure.batch)]);
    if ((reply as RedisReply[])[0] !== FenceStatus.Ok) this.#host.suspect(tenure.partition);
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
