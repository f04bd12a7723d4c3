/**
 * Faults of Redis under a running system, on a single server or on a cluster of three primaries with a replica each.
 *
 *   redis-kill       SIGKILL, and started again on the same files at once
 *   redis-failover   SIGKILL of a primary; its replica takes over, and it comes back as the replica
 *   redis-pause      SIGSTOP for some seconds, SIGCONT
 *   redis-flush      FLUSHALL, of all of it or of one primary
 *
 * Not one connection of a client drops by any of them. What each may cost is told by `losses`: times at which what was
 * acknowledged may be gone, if those whom it concerns were told RESYNC. Everything else is lost, and found.
 */
import { type Clock, delay } from '../../src/clock/clock.ts';
import type { RedisTestCluster } from '../../test/support/redis-cluster.ts';
import type { RedisTestServer } from '../../test/support/redis-server.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { LossWindow } from '../history/store-losses.ts';
import type { RedisFault } from './fault-schedule.ts';
import { askRedis, type RedisWorld } from './redis-world.ts';

const POLL_MS = 50;
const BACK_MS_MAX = 30_000;
/** Within the time after which a cluster's members give one up, and beyond it. */
const PAUSE_MS_MAX = 3000;
const DOWN_MS_MAX = 1500;
/** Redis syncs once a second, and lets a write wait for a sync for two at most. */
const UNSYNCED_MS = 3500;

export interface RedisFaultOptions {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly redis: RedisWorld;
}

export class RedisFaults {
  readonly losses: LossWindow[] = [];
  readonly #options: RedisFaultOptions;

  constructor(options: RedisFaultOptions) {
    this.#options = options;
  }

  /** Resolves when Redis is whole again. */
  async happen(fault: RedisFault): Promise<void> {
    const { random, redis } = this.#options;
    const { cluster } = redis;
    const primaries = cluster === undefined ? redis.servers : await cluster.primaries();
    const server = primaries[random.below(primaries.length)]!;
    switch (fault) {
      case 'redis-kill':
        await this.#kill(server);
        break;
      case 'redis-failover':
        if (cluster !== undefined) await this.#failOver(cluster, server);
        break;
      case 'redis-pause':
        await this.#pause(server);
        break;
      case 'redis-flush':
        await this.#flush(random.fraction() < 0.5 ? primaries : [server]);
        break;
    }
    if (cluster !== undefined) await this.#whole(cluster);
  }

  async #kill(server: RedisTestServer): Promise<void> {
    const { clock, random, redis } = this.#options;
    const fromMs = clock.wallMs() - UNSYNCED_MS;
    await server.kill();
    if (redis.cluster === undefined) await delay(clock, DOWN_MS_MAX * random.fraction());
    await server.start();
    if (redis.losesByKill) this.losses.push({ fromMs, toMs: clock.wallMs() });
  }

  async #failOver(cluster: RedisTestCluster, primary: RedisTestServer): Promise<void> {
    const { clock, redis } = this.#options;
    const replica = await cluster.replicaOf(primary);
    const fromMs = clock.wallMs() - UNSYNCED_MS;
    await primary.kill();
    await this.#until(async () => (await askRedis(replica, 'ROLE')).startsWith('master'), 'the replica takes over');
    if (redis.losesByFailover) this.losses.push({ fromMs, toMs: clock.wallMs() });
    await primary.start();
  }

  async #pause(server: RedisTestServer): Promise<void> {
    const { clock, random, redis } = this.#options;
    const fromMs = clock.wallMs() - UNSYNCED_MS;
    server.signal('SIGSTOP');
    try {
      await delay(clock, PAUSE_MS_MAX * random.fraction());
    } finally {
      server.signal('SIGCONT');
    }
    // A primary that was away too long finds its replica in its place.
    if (redis.losesByFailover) this.losses.push({ fromMs, toMs: clock.wallMs() });
  }

  async #flush(servers: readonly RedisTestServer[]): Promise<void> {
    await Promise.all(servers.map((server) => askRedis(server, 'FLUSHALL')));
    this.losses.push({ fromMs: 0, toMs: this.#options.clock.wallMs() });
  }

  /** Three primaries, each with a replica that has everything. */
  async #whole(cluster: RedisTestCluster): Promise<void> {
    await this.#until(async () => {
      const states = await Promise.all(cluster.members.map((member) => askRedis(member, 'CLUSTER', 'INFO')));
      const roles = await Promise.all(cluster.members.map((member) => askRedis(member, 'INFO', 'replication')));
      const linked = roles.filter((role) => /master_link_status:up/.test(role)).length;
      return states.every((state) => state.includes('cluster_state:ok')) && linked === cluster.members.length / 2;
    }, 'the cluster is whole');
  }

  async #until(isTrue: () => Promise<boolean>, what: string): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + BACK_MS_MAX;
    while (!(await isTrue().catch(() => false))) {
      if (clock.monotonicMs() > deadlineMs) throw new Error(`in vain: ${what}`);
      await delay(clock, POLL_MS);
    }
  }
}
