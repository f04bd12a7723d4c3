/**
 * `hold`: as many logged-in, heart-beating connections as are asked for, held for as long as is asked for; while they are
 * held, pushes to random ones and the death of logic. A million takes 53 gate workers where a process has 20,000
 * descriptors.
 *
 *   limits ─ bare net ─ ramp (4 steps, memory) ─┬─ heartbeats ─ pushes ─ SIGKILL of logic ─ pushes ─ heartbeats ─┬─ counts
 *                                               └────────────────────────── --seconds ─────────────────────────┘
 */
import { totalmem } from 'node:os';
import { delay } from '../../src/clock/clock.ts';
import { disturbance, EvidenceMeter } from '../evidence.ts';
import { Fleet } from '../fleet.ts';
import { BusyCores, type HeldMemory, heldMemory, type MachineBefore, machineBefore } from '../held-machine.ts';
import { type HoldPlan, holdPlan } from '../hold-plan.ts';
import { raiseKernelSettings } from '../kernel-settings.ts';
import { type KillReport, killLogic } from '../logic-kill.ts';
import { ANSWER_FLAGS } from '../memory-probe.ts';
import { measureBare, type RampReport, rampUp } from '../ramp.ts';
import { pushToRandom, type RandomPushReport } from '../random-pushes.ts';
import type { ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { SendProbes } from '../send-probes.ts';
import { startSluice } from '../start-sluice.ts';
import type { SluiceSystem } from '../system-under-test.ts';
import { holdOutcome } from './hold-outcome.ts';

const CONNECTIONS_DEFAULT = 20_000;
const SECONDS_DEFAULT = 60;
const LOGINS_AT_ONCE = 1024;
/** Every 60 s: a fleet beats at 0.9 of what it is told, as clients do. */
const HEARTBEAT_MS = 60_000 / 0.9;
const PUSHES_MAX = 10_000;
const PUSHES_AFTER_KILL = 1000;
const FIRST_NUMBERS = [1_000_000, 2_000_000] as const;
const QUIET_PART = 0.2;
const QUIET_MS_MAX = 60_000;
const CONFIRM_MS_MAX = 120_000;
const GIB = 2 ** 30;
/** Gate workers that mostly wait, and dozens of them: as docs/capacity.md advises. */
const GATE_CONFIG = { 'gate.v8Flags': '--max-semi-space-size=1' };
const GATE_CONFIG_MANY = {
  ...GATE_CONFIG,
  'gate.coalesceMs': '20',
  'gate.acceptProbeMs': '60000',
  'supervisor.silenceMs': '60000',
  'logic.priority': 'high',
  'api.priority': 'high',
};
const GATES_FEW = 8;
/** Small heaps. Without helper threads a collection would stop a generator for 0.3 s, and that would be measured. */
const GENERATOR_FLAGS = ['--max-semi-space-size=1'];

export interface HeldReport {
  readonly plan: HoldPlan;
  readonly ramp: RampReport;
  readonly memory: HeldMemory;
  readonly busyCores: { readonly system: number; readonly generators: number };
  readonly pushes: RandomPushReport;
  readonly kill: KillReport;
  readonly pushesAfter: RandomPushReport;
  readonly heldMs: number;
  readonly live: number;
  readonly lost: number;
  readonly lostReasons: Readonly<Record<string, number>>;
  /** Why nothing can be said; undefined when it can. */
  readonly insufficient: string | undefined;
}

export async function hold(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, say } = context;
  const plan = holdPlan(settings.connections ?? CONNECTIONS_DEFAULT, settings.gateWorkers, settings.generators);
  const kernel = raiseKernelSettings(plan.connections, totalmem());
  for (const line of kernel.said) say(line);
  const gib = (bytes: number): string => (bytes / GIB).toFixed(1);
  say(
    `${plan.connections} connections: ${plan.gateWorkers} gate workers, ${plan.generators} generators, ` +
      `about ${gib(plan.neededBytes)} of ${gib(totalmem())} GiB`,
  );
  try {
    return await run(context, plan);
  } finally {
    kernel.restore();
  }
}

async function run(context: ScenarioContext, plan: HoldPlan): Promise<ScenarioOutcome> {
  const { settings, random, clock } = context;
  const before = machineBefore();
  const bare = await measureBare(context, plan.connections);
  const { sluice } = await startSluice(context, {
    gateWorkers: plan.gateWorkers,
    nodeFlags: ANSWER_FLAGS,
    config: plan.gateWorkers > GATES_FEW ? GATE_CONFIG_MANY : GATE_CONFIG,
  });
  const fleetPlan = { users: plan.connections, host: sluice.host, port: sluice.gatePort, atOnce: LOGINS_AT_ONCE };
  const fleet = await Fleet.create({ ...fleetPlan, processesMin: plan.generators, nodeFlags: GENERATOR_FLAGS }, random);
  try {
    await fleet.beat(HEARTBEAT_MS);
    const ramp = await rampUp(context, fleet, sluice, bare);
    const untilMs = clock.monotonicMs() + (settings.seconds ?? SECONDS_DEFAULT) * 1000;
    return holdOutcome(context, await holdUntil(context, plan, ramp, fleet, sluice, before, untilMs));
  } finally {
    // In order it would take a minute to say goodbye to a million.
    sluice.kill();
    fleet.end();
  }
}

async function holdUntil(
  context: ScenarioContext,
  plan: HoldPlan,
  ramp: RampReport,
  fleet: Fleet,
  sluice: SluiceSystem,
  before: MachineBefore,
  untilMs: number,
): Promise<HeldReport> {
  const { clock, say } = context;
  const startMs = clock.monotonicMs();
  const cores = {
    system: new BusyCores(sluice.processes(), startMs),
    generators: new BusyCores(fleet.processes, startMs),
  };
  const meter = (): EvidenceMeter =>
    new EvidenceMeter(clock, sluice.processes(), [...fleet.processes, { name: 'bench', pid: process.pid }]);
  const beforeKill = meter();
  await delay(clock, Math.min(QUIET_MS_MAX, (untilMs - startMs) * QUIET_PART));
  const nowMs = clock.monotonicMs();
  const busyCores = { system: cores.system.until(nowMs), generators: cores.generators.until(nowMs) };
  say(`heartbeats alone: ${busyCores.system.toFixed(2)} cores, generators ${busyCores.generators.toFixed(2)}`);
  const memory = heldMemory(sluice.processes(), fleet.processes, before);

  const pushes = await pushToRandom(context, fleet, sluice, Math.min(PUSHES_MAX, plan.connections), FIRST_NUMBERS[0]);
  say(`${pushes.stored} pushes, p99 ${pushes.latencyMs.p99.toFixed(1)} ms, ${pushes.lost} lost`);

  const probes = await SendProbes.start(clock, sluice, fleet.runId);
  const evidence = beforeKill.finish();
  const kill = await killLogic(clock, sluice, probes, plan.connections + probes.size, CONFIRM_MS_MAX);
  await probes.end();
  const afterKill = meter();
  const first = ((kill.firstServedMs[0] ?? Number.NaN) / 1000).toFixed(2);
  say(
    `logic killed: first SEND served after ${first} s, all confirmed after ${(kill.confirmedMs / 1000).toFixed(1)} s`,
  );

  const again = Math.min(PUSHES_AFTER_KILL, plan.connections);
  const pushesAfter = await pushToRandom(context, fleet, sluice, again, FIRST_NUMBERS[1]);
  await delay(clock, Math.max(0, untilMs - clock.monotonicMs()));
  const { live, lost, lostReasons } = await fleet.counts();
  say(`${live} live, ${lost} lost ${JSON.stringify(lostReasons)}`);
  const heldMs = clock.monotonicMs() - startMs;
  const insufficient = disturbance(evidence) ?? disturbance(afterKill.finish());
  return { plan, ramp, memory, busyCores, pushes, kill, pushesAfter, heldMs, live, lost, lostReasons, insufficient };
}
