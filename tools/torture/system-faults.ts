/**
 * Faults of the system's processes. Each comes with what it must leave alone (its row of the crash matrix), counted by
 * clients whose connections nobody else disturbs:
 *
 *   logic, api    not one connection drops
 *   gate          only its own connections drop
 *   primary       none drops until the next primary listens; logic is gone within a second; the old gates drain
 *   frozen        killed after 5 s of silence, and replaced
 *   restart       in good order: exit 0, and each connection ends once
 */
import { type Clock, delay } from '../../src/clock/clock.ts';
import { runsUnderTitle } from '../../src/cluster/process-probe.ts';
import { RESTARTS_MAX, RESTARTS_WINDOW_MS } from '../../src/cluster/restart-policy.ts';
import { OPTIONS } from '../../src/config/options.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { System } from '../../test/support/system.ts';
import type { SystemFault } from './fault-schedule.ts';
import type { HostProcess } from './host-process.ts';
import { connectionsOf } from './socket-owners.ts';

const POLL_MS = 10;
/** The longest back-off of the supervisor, and a start on a busy machine. */
const BACK_MS_MAX = 45_000;
/** Until every undisturbed client has sent something again. */
const PROGRESS_MS_MAX = 30_000;
/** Beyond the silence: one tick of the supervisor, and a busy machine. */
const FROZEN_MARGIN_MS = 2500;
const LOGIC_GONE_MS_MAX = 1300;
const DRAIN_MARGIN_MS = 8000;
/** Shorter than the silence that counts as frozen. */
const PAUSE_MS_MAX = 3000;
/** A frozen process exits some seconds after we froze it. */
const RESTARTS_WINDOW_MARGIN_MS = 10_000;
const CRASHES = 3;
/** How a session ends whose login the store does not know any more. */
const LOGIN_AGAIN = 'SHUTDOWN';

export interface SystemFaultOptions {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly system: System;
  /** Starts the system again on the same data and ports, after its primary died. */
  readonly startAgain: () => Promise<System>;
  /** Hosts whose clients nothing but the system disturbs. */
  readonly witnesses: readonly HostProcess[];
  readonly gates: number;
  readonly gateShutdownMs: number;
}

type Pids = Readonly<Record<string, number>>;

export class SystemFaults {
  readonly problems: string[] = [];
  readonly #options: SystemFaultOptions;
  #system: System;
  /** Undisturbed clients that will be sent to log in again, because the store has lost that they did. */
  #loginsLost = 0;
  /** When processes of this primary were killed. */
  #exitsMs: number[] = [];

  constructor(options: SystemFaultOptions) {
    this.#options = options;
    this.#system = options.system;
  }

  /** The present one. */
  get system(): System {
    return this.#system;
  }

  /** Resolves when everything is back and serves. */
  async happen(fault: SystemFault): Promise<void> {
    const { random, gates } = this.#options;
    await this.#restartsAllowed(restartsOf(fault));
    const gate = `gate-${1 + random.below(gates)}`;
    switch (fault) {
      case 'logic-kill':
        await this.#sparing(fault, ['logic-1'], () => this.#kill('logic-1'));
        break;
      case 'logic-freeze':
        await this.#sparing(fault, ['logic-1'], () => this.#freeze(fault, 'logic-1'));
        break;
      case 'logic-pause':
        await this.#sparing(fault, [], () => this.#pause('logic-1'));
        break;
      case 'api-kill':
        await this.#sparing(fault, ['api'], () => this.#kill('api'));
        break;
      case 'api-freeze':
        await this.#sparing(fault, ['api'], () => this.#freeze(fault, 'api'));
        break;
      case 'gate-kill':
        await this.#sparing(fault, [gate], () => this.#kill(gate));
        break;
      case 'gate-freeze':
        await this.#sparing(fault, [gate], () => this.#freeze(fault, gate));
        break;
      case 'gate-pause':
        await this.#sparing(fault, [], () => this.#pause(gate));
        break;
      case 'gate-crash-loop':
        await this.#sparing(fault, [gate], () => this.#crashLoop(gate));
        break;
      case 'primary-pause':
        await this.#sparing(fault, [], () => this.#pause('primary'));
        break;
      case 'primary-kill':
        await this.#killPrimary();
        break;
      case 'rolling-restart':
        await this.#restart(fault);
        break;
    }
    await this.#progress(fault);
  }

  /** Redis may have lost what it held of sessions: each logs in again when another logic looks at it. */
  loginsLost(): void {
    for (const { start } of this.#options.witnesses) this.#loginsLost += start.spec.devices.length;
  }

  /** Something that is no process of ours: all of them, and all connections, must stand it. */
  async sparingAll(fault: string, act: () => Promise<void>): Promise<void> {
    await this.#sparing(fault, [], act);
  }

  /** Does something to `victims`: no other process may be replaced, and no connection drop but theirs. */
  async #sparing(fault: string, victims: readonly string[], act: () => Promise<void>): Promise<void> {
    const pidsBefore = this.#pids();
    const dropsBefore = await this.#drops();
    const own = victims
      .filter((role) => role.startsWith('gate-'))
      .reduce((sum, role) => sum + connectionsOf(pidsBefore[role] as number, this.#system.gatePort), 0);
    await act();
    await this.#progress(fault);
    const dropped = (await this.#drops()) - dropsBefore;
    if (dropped > own) this.problems.push(`${fault}: ${dropped} connections dropped, ${own} were its own`);
    const pids = this.#pids();
    for (const role of Object.keys(pidsBefore)) {
      const isReplaced = pids[role] !== pidsBefore[role];
      if (isReplaced !== victims.includes(role)) {
        this.problems.push(`${fault}: ${role} is ${isReplaced ? 'another process' : 'the same process'} afterwards`);
      }
    }
  }

  async #kill(role: string): Promise<void> {
    const pid = this.#signal(role, 'SIGKILL');
    await this.#back(role, pid);
  }

  async #crashLoop(role: string): Promise<void> {
    for (let crash = 0; crash < CRASHES; crash += 1) await this.#kill(role);
  }

  async #freeze(fault: SystemFault, role: string): Promise<void> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    const pid = this.#signal(role, 'SIGSTOP');
    await this.#gone(pid, role, BACK_MS_MAX);
    const tookMs = Math.round(clock.monotonicMs() - startMs);
    if (tookMs > OPTIONS['supervisor.silenceMs'].default + FROZEN_MARGIN_MS) {
      this.problems.push(`${fault}: ${role} was killed only after ${tookMs} ms`);
    }
    await this.#back(role, pid);
  }

  async #pause(role: string): Promise<void> {
    const { clock, random } = this.#options;
    const pid = this.#system.kill(role, 'SIGSTOP');
    try {
      await delay(clock, PAUSE_MS_MAX * random.fraction());
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }

  async #killPrimary(): Promise<void> {
    const { clock, random, gateShutdownMs } = this.#options;
    const before = this.#pids();
    const dropsBefore = await this.#drops();
    const startMs = clock.monotonicMs();
    this.#signal('primary', 'SIGKILL');
    await this.#gone(before['logic-1'] as number, 'logic-1', BACK_MS_MAX);
    const goneMs = Math.round(clock.monotonicMs() - startMs);
    if (goneMs > LOGIC_GONE_MS_MAX) this.problems.push(`primary-kill: logic lived on for ${goneMs} ms`);
    await this.#system.exited;
    await delay(clock, PAUSE_MS_MAX * random.fraction());
    const dropped = (await this.#drops()) - dropsBefore;
    if (dropped > 0) this.problems.push(`primary-kill: ${dropped} connections dropped without a primary`);
    this.#system = await this.#options.startAgain();
    this.#exitsMs = [];
    for (const [role, pid] of Object.entries(before)) {
      if (role.startsWith('gate-')) await this.#gone(pid, role, gateShutdownMs + DRAIN_MARGIN_MS);
    }
  }

  async #restart(fault: SystemFault): Promise<void> {
    const connections = this.#options.witnesses.reduce((sum, { start }) => sum + start.spec.devices.length, 0);
    const dropsBefore = await this.#drops();
    this.#system.kill('primary', 'SIGTERM');
    const code = await this.#system.exited;
    if (code !== 0) this.problems.push(`${fault}: the system ended with ${code}`);
    this.#system = await this.#options.startAgain();
    this.#exitsMs = [];
    await this.#progress(fault);
    const dropped = (await this.#drops()) - dropsBefore;
    if (dropped > connections) this.problems.push(`${fault}: ${dropped} ends of ${connections} connections`);
  }

  /** A signal that ends in an exit. */
  #signal(role: string, signal: NodeJS.Signals): number {
    this.#exitsMs.push(this.#options.clock.monotonicMs());
    return this.#system.kill(role, signal);
  }

  #pids(): Pids {
    return this.#system.pids;
  }

  /** Connections of undisturbed clients that have ended so far without need. */
  async #drops(): Promise<number> {
    const reports = await Promise.all(this.#options.witnesses.map((host) => host.report()));
    const drops = reports.flatMap((report) => Object.entries(report?.drops ?? {}));
    const again = drops.reduce((sum, [reason, count]) => sum + (reason === LOGIN_AGAIN ? count : 0), 0);
    return drops.reduce((sum, [, count]) => sum + count, 0) - Math.min(again, this.#loginsLost);
  }

  /** Every undisturbed client process gets acknowledgements again, and all of its clients are online. */
  async #progress(fault: string): Promise<void> {
    for (const host of this.#options.witnesses) {
      const before = (await host.report())?.acknowledged ?? 0;
      const serves = async (): Promise<boolean> => {
        const report = await host.report();
        if (report === undefined) return true;
        return report.online === host.start.spec.devices.length && report.acknowledged > before;
      };
      const name = host.start.spec.name;
      if (!(await this.#until(PROGRESS_MS_MAX, serves))) this.problems.push(`${fault}: ${name} are not served again`);
    }
  }

  async #back(role: string, before: number): Promise<void> {
    const isBack = (): boolean => {
      const pid = this.#pids()[role];
      return pid !== undefined && pid !== before && runs(pid, role);
    };
    if (!(await this.#until(BACK_MS_MAX, isBack))) throw new Error(`${role} does not come back`);
  }

  async #gone(pid: number, role: string, msMax: number): Promise<void> {
    if (!(await this.#until(msMax, () => !runs(pid, role)))) throw new Error(`${role} (process ${pid}) does not end`);
  }

  async #until(msMax: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + msMax;
    while (!(await condition())) {
      if (clock.monotonicMs() > deadlineMs) return false;
      await delay(clock, POLL_MS);
    }
    return true;
  }

  /** Too many restarts end the supervisor on purpose. */
  async #restartsAllowed(wanted: number): Promise<void> {
    const { clock } = this.#options;
    const windowMs = RESTARTS_WINDOW_MS + RESTARTS_WINDOW_MARGIN_MS;
    for (;;) {
      const nowMs = clock.monotonicMs();
      this.#exitsMs = this.#exitsMs.filter((atMs) => nowMs - atMs < windowMs);
      if (this.#exitsMs.length + wanted <= RESTARTS_MAX) return;
      await delay(clock, windowMs - (nowMs - (this.#exitsMs[0] as number)));
    }
  }
}

/** Exits that the supervisor counts. */
function restartsOf(fault: SystemFault): number {
  if (fault === 'gate-crash-loop') return CRASHES;
  return fault.endsWith('-pause') || fault === 'primary-kill' || fault === 'rolling-restart' ? 0 : 1;
}

function runs(pid: number, role: string): boolean {
  return runsUnderTitle(pid, `sluice: ${role.replace('-', ' ')}`);
}
