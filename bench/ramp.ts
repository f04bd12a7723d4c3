/** Logs users in step by step and measures what is used at each step; a bare `net` server beside it is the yardstick. */
import { delay } from '../src/clock/clock.ts';
import { BareHolder } from './bare-holder.ts';
import type { Fleet } from './fleet.ts';
import { openFilesMax } from './machine.ts';
import { type MemorySample, sampleMemory } from './memory-probe.ts';
import { collected, type MemoryStep } from './memory-steps.ts';
import { kernelSlabBytes } from './process-usage.ts';
import type { ScenarioContext } from './scenario.ts';
import type { SluiceSystem } from './system-under-test.ts';

const STEPS = 4;
const SETTLE_MS = 2000;
const BARE_CONNECTIONS_MAX = 18_000;

export interface RampReport {
  readonly steps: readonly MemoryStep[];
  readonly failed: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** Over the whole ramp, the pauses for measuring apart. */
  readonly loginsPerSecond: number;
}

export interface BareStep {
  readonly connections: number;
  readonly samples: readonly MemorySample[];
}

/** The bare server by itself, before anything else is there. */
export async function measureBare({ clock, runtime, settings }: ScenarioContext, total: number): Promise<BareStep[]> {
  const bare = await BareHolder.start(runtime, settings.nodeFlags);
  try {
    const most = Math.min(total, BARE_CONNECTIONS_MAX, Math.floor(openFilesMax() * 0.9));
    const steps: BareStep[] = [];
    for (let step = 1; step <= STEPS; step++) {
      const connections = Math.round((most * step) / STEPS);
      await bare.growTo(connections);
      await delay(clock, SETTLE_MS / 2);
      steps.push({ connections, samples: await sampleMemory(clock, bare.processes, bare.directory) });
    }
    return steps;
  } finally {
    bare.stop();
  }
}

export async function rampUp(
  { clock, say }: ScenarioContext,
  fleet: Fleet,
  sluice: SluiceSystem,
  bareSteps: readonly BareStep[],
): Promise<RampReport> {
  const steps: MemoryStep[] = [];
  const reasons: Record<string, number> = {};
  let loggedIn = 0;
  let elapsedMs = 0;
  for (let step = 1; step <= STEPS; step++) {
    const connections = Math.round((fleet.users * step) / STEPS);
    const login = await fleet.growTo(connections);
    loggedIn += login.loggedIn;
    elapsedMs += login.elapsedMs;
    for (const [reason, count] of Object.entries(login.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count;
    const loginsPerSecond = (login.loggedIn / login.elapsedMs) * 1000;
    say(`${connections} users, ${Math.round(loginsPerSecond)} logins/s, ${login.failed} failed`);
    await delay(clock, SETTLE_MS);
    const bare = bareSteps[step - 1];
    const system = await sampleMemory(clock, sluice.processes(), sluice.directory);
    steps.push({
      connections,
      bareConnections: bare?.connections ?? 0,
      loginsPerSecond,
      failed: login.failed,
      system,
      bare: bare?.samples ?? [],
      kernelBytes: kernelSlabBytes(),
    });
    const mb = (prefix: string): string => (collected(system, prefix) / 1e6).toFixed(0);
    say(`gates ${mb('gate')} MB, logic ${mb('logic')} MB, kernel slabs ${(kernelSlabBytes() / 1e6).toFixed(0)} MB`);
  }
  const failed = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  return { steps, failed, reasons, loginsPerSecond: (loggedIn / elapsedMs) * 1000 };
}
