/**
 * Kills and freezes the roles of a running system by their pid files, and waits until each is back.
 *
 *   kill    SIGKILL, then a new pid must appear
 *   pause   SIGSTOP for a while, then SIGCONT; a supervisor may kill and replace the frozen process meanwhile
 *
 * Every wait has a bound, and what was stopped is always continued.
 */
import { type Clock, delay } from '../../src/clock/clock.ts';
import type { Random } from '../../src/clock/random.ts';

/** Where to find a role's process; `RunDirectory` is one. */
export interface PidFiles {
  readPid(name: string): number | undefined;
}

export interface PlannedFault {
  readonly role: string;
  readonly kind: 'kill' | 'pause';
  /** After the one before is over. */
  readonly afterMs: number;
  /** How long a paused process stays stopped. */
  readonly pauseMs: number;
}

export interface FaultPlan {
  readonly roles: readonly string[];
  readonly count: number;
  readonly gapMsMax: number;
  readonly pauseMsMax: number;
  /** Share of pauses, 0 to 1. */
  readonly pauses: number;
}

export interface DoneFault {
  readonly fault: PlannedFault;
  readonly pidBefore: number;
  readonly pidAfter: number;
  /** From the signal until the role was back. */
  readonly awayMs: number;
}

export interface FaultTarget {
  readonly clock: Clock;
  readonly pids: PidFiles;
  /** Guards against a pid that has been given to another program. */
  readonly isOurs: (pid: number, role: string) => boolean;
  /** How long a role may stay away. */
  readonly awayMsMax: number;
}

const POLL_MS = 10;

/** The same random numbers give the same plan. */
export function planFaults(random: Random, plan: FaultPlan): PlannedFault[] {
  return Array.from({ length: plan.count }, () => {
    const role = plan.roles[Math.floor(random.fraction() * plan.roles.length)] as string;
    const kind = random.fraction() < plan.pauses ? 'pause' : 'kill';
    const afterMs = Math.round(random.fraction() * plan.gapMsMax);
    return { role, kind, afterMs, pauseMs: Math.round(random.fraction() * plan.pauseMsMax) };
  });
}

/** One after the other. Rejects when a role does not come back in time. */
export async function runFaults(target: FaultTarget, faults: readonly PlannedFault[]): Promise<DoneFault[]> {
  const done: DoneFault[] = [];
  for (const fault of faults) {
    await delay(target.clock, fault.afterMs);
    done.push(await runFault(target, fault));
  }
  return done;
}

export async function runFault(target: FaultTarget, fault: PlannedFault): Promise<DoneFault> {
  const { clock } = target;
  const pidBefore = await presentPid(target, fault.role, () => true);
  const startMs = clock.monotonicMs();
  if (fault.kind === 'kill') {
    process.kill(pidBefore, 'SIGKILL');
    const pidAfter = await presentPid(target, fault.role, (pid) => pid !== pidBefore);
    return { fault, pidBefore, pidAfter, awayMs: clock.monotonicMs() - startMs };
  }
  process.kill(pidBefore, 'SIGSTOP');
  try {
    await delay(clock, fault.pauseMs);
  } finally {
    if (target.isOurs(pidBefore, fault.role)) continueProcess(pidBefore);
  }
  const pidAfter = await presentPid(target, fault.role, () => true);
  return { fault, pidBefore, pidAfter, awayMs: clock.monotonicMs() - startMs };
}

/** Waits for a living process of this role that `accepts` likes. */
async function presentPid(target: FaultTarget, role: string, accepts: (pid: number) => boolean): Promise<number> {
  const deadlineMs = target.clock.monotonicMs() + target.awayMsMax;
  for (;;) {
    const pid = target.pids.readPid(role);
    if (pid !== undefined && accepts(pid) && target.isOurs(pid, role)) return pid;
    if (target.clock.monotonicMs() > deadlineMs) {
      throw new Error(`${role} did not come back within ${target.awayMsMax} ms; its pid file says ${pid ?? 'nothing'}`);
    }
    await delay(target.clock, POLL_MS);
  }
}

function continueProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It was replaced, and its pid is gone.
  }
}
