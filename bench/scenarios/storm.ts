/** `storm`: everybody's connection breaks at once and everybody returns, at once and with the specification's jitter. */
import { delay } from '../../src/clock/clock.ts';
import { BackgroundPairs } from '../background-pairs.ts';
import { disturbance, EvidenceMeter } from '../evidence.ts';
import { Fleet } from '../fleet.ts';
import type { ReturnReport } from '../load/user-return.ts';
import { atLeast, atMost, type Finding, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { gateWorkersFor, startSluice } from '../start-sluice.ts';

const USERS_DEFAULT = 50_000;
const LOGINS_AT_ONCE = 256;
const LIVE_PER_SECOND = 500;
const RETURN_MS = 30_000;
const RETURN_JITTER_MS = 90_000;
const QUIET_MS = 2000;
const BACK_PART = 0.99;
const LIVE_MS_MAX = 1000;

export async function storm(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, clock, random, say } = context;
  const users = settings.connections ?? USERS_DEFAULT;
  const { sluice, stop } = await startSluice(context, { gateWorkers: gateWorkersFor(settings, users) });
  const plan = { users, host: sluice.host, port: sluice.gatePort, atOnce: LOGINS_AT_ONCE };
  const fleet = await Fleet.create({ ...plan, processesMin: settings.generators }, random);
  const live = await BackgroundPairs.start(sluice, random, LIVE_PER_SECOND, settings.payloadBytes);
  const pidsBefore = sluice.processes().map(({ pid }) => pid);
  try {
    await fleet.growTo(users);
    fleet.yieldToOthers();
    await delay(clock, QUIET_MS);
    await live.lap();
    await delay(clock, QUIET_MS);
    const quiet = await live.lap();
    const generators = [...fleet.processes, ...live.processes, { name: 'bench', pid: process.pid }];
    const meter = new EvidenceMeter(clock, sluice.processes(), generators);
    const rounds: { jitter: boolean; report: ReturnReport; liveMaxMs: number }[] = [];
    for (const jitter of [false, true]) {
      await fleet.drop(users);
      const report = await fleet.comeBack(jitter ? 'jittered' : 'stubborn', jitter ? RETURN_JITTER_MS : RETURN_MS);
      const { max } = await live.lap();
      rounds.push({ jitter, report, liveMaxMs: max });
      say(`${jitter ? 'with' : 'without'} jitter: ${describe(report)}; live traffic up to ${Math.round(max)} ms`);
      await delay(clock, QUIET_MS);
    }
    const evidence = meter.finish();
    const faults = await live.finish();
    const exits = sluice.processes().filter(({ pid }) => !pidsBefore.includes(pid)).length;
    const [plain, jittered] = rounds as [(typeof rounds)[0], (typeof rounds)[0]];
    const findings: Finding[] = [
      atLeast('back within 30 s, without jitter', plain.report.backMs.length / users, BACK_PART, ''),
      reported('99 % are back after', at(plain.report, BACK_PART) / 1000, 's'),
      reported('with jitter, 99 % are back after', at(jittered.report, BACK_PART) / 1000, 's'),
      reported('live traffic before, p99', quiet.p99, 'ms'),
      atMost('live traffic meanwhile, worst', Math.max(...rounds.map(({ liveMaxMs }) => liveMaxMs)), LIVE_MS_MAX, 'ms'),
      atMost('processes that ended', exits, 0, ''),
      atMost('live messages lost', faults.lost, 0, ''),
    ];
    return {
      metrics: {
        connectionsHeld: (await fleet.counts()).live,
        latencyMs: { p50: quiet.p50, p99: quiet.p99, p999: quiet.p999 },
        ...faults,
      },
      details: { rounds: rounds.map(({ report, ...round }) => ({ ...round, ...curveOf(report) })) },
      findings,
      insufficient: disturbance(evidence),
    };
  } finally {
    live.end();
    fleet.end();
    await stop();
  }
}

function describe(report: ReturnReport): string {
  const half = (at(report, 0.5) / 1000).toFixed(1);
  const most = (at(report, BACK_PART) / 1000).toFixed(1);
  return `half back after ${half} s, 99 % after ${most} s, ${report.missing} missing, ${report.attempts} tries ${JSON.stringify(report.reasons)}`;
}

function at({ backMs }: ReturnReport, part: number): number {
  return backMs[Math.max(0, Math.ceil(backMs.length * part) - 1)] ?? Number.NaN;
}

/** Enough of it for a plot. */
function curveOf(report: ReturnReport): { attempts: number; missing: number; curve: [number, number][] } {
  const parts = Array.from({ length: 51 }, (_, i) => i / 50);
  const curve = parts.map((part): [number, number] => [at(report, part), part * report.backMs.length]);
  return { attempts: report.attempts, missing: report.missing, curve };
}
