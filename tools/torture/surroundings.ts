/** What a tortured system stands on when its messages lie in Redis: the servers, other logics, and what befalls them. */
import type { Clock } from '../../src/clock/clock.ts';
import { SeededRandom } from '../../test/support/seeded-random.ts';
import type { LossWindow } from '../history/store-losses.ts';
import {
  type FaultName,
  isPeerFault,
  isRedisFault,
  PEER_FAULTS,
  type PeerFault,
  REDIS_FAULTS,
  type RedisFault,
} from './fault-schedule.ts';
import { PeerLogics } from './peer-logics.ts';
import { RedisFaults } from './redis-faults.ts';
import { type RedisChoice, RedisKind, RedisWorld } from './redis-world.ts';
import type { SystemFaults } from './system-faults.ts';

export type SurroundingFault = RedisFault | PeerFault;

export function isSurroundingFault(name: FaultName): name is SurroundingFault {
  return isRedisFault(name) || isPeerFault(name);
}

export interface SurroundingOptions {
  readonly clock: Clock;
  readonly seed: number;
  readonly redis: RedisChoice;
  readonly peers: number;
}

export class Surroundings {
  readonly #options: SurroundingOptions;
  readonly #redis: RedisWorld;
  readonly #redisFaults: RedisFaults;
  #peers: PeerLogics | undefined;

  private constructor(options: SurroundingOptions, redis: RedisWorld) {
    const { clock, seed } = options;
    this.#options = options;
    this.#redis = redis;
    this.#redisFaults = new RedisFaults({ clock, random: new SeededRandom(seed + 2), redis });
  }

  static async start(options: SurroundingOptions): Promise<Surroundings> {
    const { clock, seed, peers: count } = options;
    const redis = await RedisWorld.start(options.redis);
    const surroundings = new Surroundings(options, redis);
    if (count > 0) {
      const random = new SeededRandom(seed + 3);
      surroundings.#peers = await PeerLogics.start({ clock, random, redis: redis.config, count });
    }
    return surroundings;
  }

  /** Keys of the system that stands on it. */
  get config(): Readonly<Record<string, string>> {
    return { ...this.#redis.config, ...this.#peers?.config };
  }

  /** Those that are possible here. */
  get faults(): readonly SurroundingFault[] {
    const isCluster = this.#options.redis.kind === RedisKind.Cluster;
    const ofRedis = REDIS_FAULTS.filter((fault) => isCluster || fault !== 'redis-failover');
    // The members of a cluster tell a logic where they are: it cannot be led past a proxy.
    const ofPeers = PEER_FAULTS.filter((fault) => !isCluster || fault !== 'peer-deaf');
    return [...ofRedis, ...(this.#peers === undefined ? [] : ofPeers)];
  }

  /** When acknowledged messages may have gone with Redis. */
  get losses(): readonly LossWindow[] {
    return this.#redisFaults.losses;
  }

  /** Everything of the system has to stand it. */
  async happen(fault: SurroundingFault, system: SystemFaults): Promise<void> {
    const before = this.losses.length;
    await system.sparingAll(fault, async () => {
      if (isRedisFault(fault)) await this.#redisFaults.happen(fault);
      else await this.#peers?.happen(fault);
      if (this.losses.length > before) system.loginsLost();
    });
  }

  /** One after the other, in good order. */
  async restart(system: SystemFaults): Promise<void> {
    for (let place = 0; place < (this.#peers?.count ?? 0); place++) {
      await system.sparingAll('rolling-restart', () => this.#peers!.happen('peer-restart', place));
    }
  }

  async stop(): Promise<void> {
    await this.#peers?.stop();
    await this.#redis.stop();
  }
}
