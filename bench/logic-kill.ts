/**
 * Kills logic while connections are held and watches what follows: when sends are served again, and when every
 * connection has been registered with the next logic and told its head, as the gates themselves count it.
 */
import { type Clock, delay } from '../src/clock/clock.ts';
import type { ProbeReport, SendProbes } from './send-probes.ts';
import type { SluiceSystem } from './system-under-test.ts';

const POLL_MS = 250;
const CONFIRMED = 'sluice_gate_confirmed_connections';

export interface KillReport extends ProbeReport {
  /** Until the link of the first gate to a new logic was seen up. */
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
  const logic = sluice.processes().find(({ name }) => name.startsWith('logic'));
  if (logic === undefined) throw new Error('there is no logic to kill');
  const startMs = clock.monotonicMs();
  process.kill(logic.pid, 'SIGKILL');
  probes.mark();
  const curve: [number, number][] = [];
  let logicBackMs = Number.NaN;
  let confirmedMs = Number.NaN;
  let confirmed = 0;
  for (let sinceMs = 0; sinceMs < deadlineMs && Number.isNaN(confirmedMs); ) {
    await delay(clock, POLL_MS);
    const metrics = await sluice.metrics();
    sinceMs = clock.monotonicMs() - startMs;
    confirmed = metrics.get(CONFIRMED) ?? 0;
    curve.push([sinceMs, confirmed]);
    if (Number.isNaN(logicBackMs) && (metrics.get('sluice_gate_logic_up') ?? 0) > 0) logicBackMs = sinceMs;
    if (!Number.isNaN(logicBackMs) && confirmed >= connections) confirmedMs = sinceMs;
  }
  // Those that were refused wait before they send again.
  while (probes.report().firstServedMs.length < probes.size && clock.monotonicMs() - startMs < deadlineMs) {
    await delay(clock, POLL_MS);
  }
  return { ...probes.report(), logicBackMs, confirmedMs, confirmed, curve };
}
