/**
 * Logics beside the one of the system, on the same Redis, each a `sluice logic` of its own; and what happens to them:
 *
 *   peer-kill      SIGKILL of the process; its own primary starts it again under the same name
 *   peer-die       SIGKILL of process and primary: its partitions go to the others after its lease; then another joins
 *   peer-freeze    SIGSTOP past its lease, SIGCONT: the others have its partitions, it must write nothing
 *   peer-restart   SIGTERM, and started again: partitions go and come back without waiting
 *
 * Not one connection of a client drops by any of them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, delay } from '../../src/clock/clock.ts';
import { freePort } from '../../test/support/redis-server.ts';
import { type RoleProcess, startRole } from '../../test/support/role-process.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { PeerFault } from './fault-schedule.ts';

/** Short, so that a run sees many leases end; the silence after which a primary kills its logic is longer. */
export const PEER_LEASE_MS = 2000;
const FREEZE_MS = 3000;
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
  readonly port: number;
  process: RoleProcess;
}

export class PeerLogics {
  /** Keys for the system whose gates dial them all. */
  readonly config: Readonly<Record<string, string>>;
  readonly #options: PeerOptions;
  readonly #keys: Readonly<Record<string, string>>;
  readonly #peers: Peer[] = [];

  private constructor(options: PeerOptions, ports: readonly number[]) {
    const listen = ports.map((port) => `127.0.0.1:${port}`);
    this.#options = options;
    this.#keys = { ...options.redis, 'redis.leaseMs': String(PEER_LEASE_MS), 'trunk.secret': SECRET };
    this.config = { ...this.#keys, 'trunk.listen': listen[0]!, 'trunk.logics': listen.join(',') };
  }

  /** The system's own logic is the first; the others run when this resolves. */
  static async start(options: PeerOptions): Promise<PeerLogics> {
    const ports: number[] = [];
    for (let i = 0; i <= options.count; i++) ports.push(await freePort());
    const peers = new PeerLogics(options, ports);
    for (const port of ports.slice(1)) peers.#peers.push({ port, process: await peers.#startOn(port) });
    return peers;
  }

  get logs(): string {
    return this.#peers.map(({ process }) => process.logs).join('');
  }

  /** Resolves when the peer is there again. */
  async happen(fault: PeerFault): Promise<void> {
    const { clock, random } = this.#options;
    const peer = this.#peers[random.below(this.#peers.length)]!;
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
    peer.process = await this.#startOn(peer.port);
  }

  #startOn(port: number): Promise<RoleProcess> {
    return startRole('logic', { ...this.#keys, 'trunk.listen': `127.0.0.1:${port}` });
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
