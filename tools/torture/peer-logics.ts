/**
 * Logics beside the one of the system, on the same Redis, each a `sluice logic` of its own; and what happens to them:
 *
 *   peer-kill      SIGKILL of the process; its own primary starts it again under the same name
 *   peer-die       SIGKILL of process and primary: its partitions go to the others after its lease; then another joins
 *   peer-freeze    SIGSTOP past its lease, SIGCONT: the others have its partitions, it must write nothing
 *   peer-restart   SIGTERM, and started again: partitions go and come back without waiting
 *   peer-deaf      its packets to and from Redis go nowhere, past its lease: it must stop before the others have its partitions
 *   peer-cut       the same between it and all gates and apis: it goes on owning, and they wait for it
 *
 * Not one connection of a client drops by any of them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, delay } from '../../src/clock/clock.ts';
import { freePort } from '../../test/support/redis-server.ts';
import { type RoleProcess, startRole } from '../../test/support/role-process.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { NO_FAULTS } from '../chaos/chaos-faults.ts';
import { ChaosProxy } from '../chaos/chaos-proxy.ts';
import type { PeerFault } from './fault-schedule.ts';

/** Short, so that a run sees many leases end; the silence after which a primary kills its logic is longer. */
export const PEER_LEASE_MS = 2000;
const FREEZE_MS = 3000;
/** Longer than a lease, and than the heartbeats of the trunk that may be missed. */
const CUT_MS = 4500;
const TRUNK_HEARTBEAT_MS = 1000;
const PROXY_MS_MAX = 4 * 3_600_000;
const AWAY_MS_MAX = 2000;
const READY_MS_MAX = 30_000;
const POLL_MS = 50;
const SECRET = 'what only the processes of one torture know';

export interface PeerOptions {
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** Keys that say where Redis is. */
  readonly redis: Readonly<Record<string, string>>;
  readonly count: number;
}

interface Peer {
  /** Of its configuration. */
  readonly keys: Readonly<Record<string, string>>;
  /** Where gates and apis dial it. */
  readonly trunk: ChaosProxy;
  /** Where it finds Redis; not with a cluster. */
  readonly redis: ChaosProxy | undefined;
  process: RoleProcess;
}

export class PeerLogics {
  /** Keys for the system whose gates dial them all. */
  config: Readonly<Record<string, string>> = {};
  readonly #options: PeerOptions;
  readonly #keys: Readonly<Record<string, string>>;
  readonly #peers: Peer[] = [];

  private constructor(options: PeerOptions) {
    const times = { 'redis.leaseMs': String(PEER_LEASE_MS), 'trunk.heartbeatMs': String(TRUNK_HEARTBEAT_MS) };
    this.#options = options;
    this.#keys = { ...options.redis, ...times, 'trunk.secret': SECRET };
  }

  /** The system's own logic is the first; the others run when this resolves. */
  static async start(options: PeerOptions): Promise<PeerLogics> {
    const own = `127.0.0.1:${await freePort()}`;
    const peers = new PeerLogics(options);
    for (let i = 0; i < options.count; i++) peers.#peers.push(await peers.#makePeer());
    const logics = [own, ...peers.#peers.map(({ trunk }) => `127.0.0.1:${trunk.port}`)];
    peers.config = { ...peers.#keys, 'trunk.listen': own, 'trunk.logics': logics.join(',') };
    return peers;
  }

  get count(): number {
    return this.#peers.length;
  }

  get logs(): string {
    return this.#peers.map(({ process }) => process.logs).join('');
  }

  /** Resolves when the peer is there again. @param place of the peer; any when left out */
  async happen(fault: PeerFault, place?: number): Promise<void> {
    const { clock, random } = this.#options;
    const peer = this.#peers[place ?? random.below(this.#peers.length)]!;
    switch (fault) {
      case 'peer-kill':
        process.kill(pidOf(peer, 'logic-1'), 'SIGKILL');
        break;
      case 'peer-die': {
        const logic = pidOf(peer, 'logic-1');
        peer.process.signal('SIGKILL');
        process.kill(logic, 'SIGKILL');
        await peer.process.exited;
        await delay(clock, PEER_LEASE_MS + AWAY_MS_MAX * random.fraction());
        await this.#again(peer);
        break;
      }
      case 'peer-freeze':
        await this.#freeze(pidOf(peer, 'logic-1'));
        break;
      case 'peer-deaf':
        await this.#cut(peer.redis);
        break;
      case 'peer-cut':
        await this.#cut(peer.trunk);
        break;
      case 'peer-restart':
        await peer.process.stop();
        await delay(clock, AWAY_MS_MAX * random.fraction());
        await this.#again(peer);
        break;
    }
    await this.#ready(peer);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#peers.map(({ process }) => process.stop()));
    const proxies = this.#peers.flatMap(({ trunk, redis }) => (redis === undefined ? [trunk] : [trunk, redis]));
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }

  async #makePeer(): Promise<Peer> {
    const { clock, redis } = this.#options;
    const port = await freePort();
    const through = (targetPort: number): Promise<ChaosProxy> =>
      ChaosProxy.start({ clock, targetPort, maxMs: PROXY_MS_MAX });
    const isCluster = redis['redis.cluster'] === 'true';
    const toRedis = isCluster ? undefined : await through(Number(redis['redis.servers']?.split(':')[1]));
    const servers = toRedis === undefined ? {} : { 'redis.servers': `127.0.0.1:${toRedis.port}` };
    const keys = { ...this.#keys, ...servers, 'trunk.listen': `127.0.0.1:${port}` };
    return { keys, trunk: await through(port), redis: toRedis, process: await startRole('logic', keys) };
  }

  async #cut(proxy: ChaosProxy | undefined): Promise<void> {
    proxy?.setFaults({ blackHole: 'both' });
    await delay(this.#options.clock, CUT_MS);
    proxy?.setFaults(NO_FAULTS);
  }

  async #freeze(pid: number): Promise<void> {
    process.kill(pid, 'SIGSTOP');
    try {
      await delay(this.#options.clock, FREEZE_MS);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }

  async #again(peer: Peer): Promise<void> {
    await peer.process.stop();
    peer.process = await startRole('logic', peer.keys);
  }

  async #ready({ process }: Peer): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + READY_MS_MAX;
    while (!(await process.isReady())) {
      if (clock.monotonicMs() > deadlineMs) throw new Error(`a logic does not come back: ${process.logs}`);
      await delay(clock, POLL_MS);
    }
  }
}

function pidOf({ process }: Peer, role: string): number {
  return Number.parseInt(readFileSync(join(process.folder, 'run', `${role}.pid`), 'utf8'), 10);
}
