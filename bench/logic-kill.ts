/**
 * Kills logic while connections are held and watches what follows: when sends are served again, and when every
 * connection has been registered with the next logic and told its head, as the gates themselves count it.
 */
import { type Clock, delay } from '../src/clock/clock.ts';
import type { ProbeReport, SendProbes } from './send-probes.ts';
import type { SluiceSystem } from './system-under-test.ts';

const POLL_MS = 20;
/** Asking all processes costs them time that the new logic needs. */
const ASK_MS = 500;
const CONFIRMED = 'sluice_gate_confirmed_connections';

export interface KillReport extends ProbeReport {
  /** Until a new logic had opened the store and listened. */
  readonly logicBackMs: number;
  /** Until all connections were confirmed; NaN when they were not in time. */
  readonly confirmedMs: number;
  readonly confirmed: number;
  /** (ms, connections confirmed) for a plot. */
  readonly curve: readonly (readonly [number, number])[];
}

export async function killLogic(
  clock: Clock,
  sluice: SluiceSystem,
  probes: SendProbes,
  connections: number,
  deadlineMs: number,
): Promise<KillReport> {
  const logic = logicOf(sluice);
  const startMs = clock.monotonicMs();
  const sinceMs = (): number => clock.monotonicMs() - startMs;
  process.kill(logic, 'SIGKILL');
  probes.mark();
  while (logicOf(sluice) === logic && sinceMs() < deadlineMs) await delay(clock, POLL_MS);
  const logicBackMs = sinceMs();
  const curve: [number, number][] = [];
  let confirmed = 0;
  while (confirmed < connections && sinceMs() < deadlineMs) {
    await delay(clock, ASK_MS);
    confirmed = (await confirmedNow(sluice)) ?? confirmed;
    curve.push([sinceMs(), confirmed]);
  }
  const confirmedMs = confirmed < connections ? Number.NaN : sinceMs();
  // Those that were refused wait before they send again.
  while (probes.report().firstServedMs.length < probes.size && sinceMs() < deadlineMs) {
    await delay(clock, POLL_MS);
  }
  return { ...probes.report(), logicBackMs, confirmedMs, confirmed, curve };
}

/** Undefined when the api does not answer, which then shows as time. */
async function confirmedNow(sluice: SluiceSystem): Promise<number | undefined> {
  const metrics = await sluice.metrics().catch(() => undefined);
  return metrics?.get(CONFIRMED);
}

/** By its pid file, which a logic writes when it listens. */
function logicOf(sluice: SluiceSystem): number {
  return sluice.processes().find(({ name }) => name.startsWith('logic'))?.pid ?? 0;
}
