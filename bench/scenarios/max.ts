/**
 * `max`: the highest rate whose latency stays within the objective, found by doubling and halving, then the latency at
 * half of it. Users who are logged in, send heartbeats and do nothing else are there all the time.
 */
import { randomHex } from '../../src/clock/random.ts';
import { Fleet } from '../fleet.ts';
import { type PairRun, runPairs } from '../pair-run.ts';
import { describeRun } from '../pair-systems.ts';
import { atLeast, atMost, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { gateWorkersFor, startSluice } from '../start-sluice.ts';

const IDLE_DEFAULT = 15_000;
const RATE_START = 10_000;
const RATE_MIN = 500;
const STEPS_MAX = 9;
/** The search ends when the rate is known this well. */
const PRECISION = 1.08;
const SECONDS_DEFAULT = 5;
/** At half of the maximum: long enough for its 99.9th percentile. */
const HALF_FACTOR = 2;
const WARM_UP_MS = 2000;
const LOGINS_AT_ONCE = 256;
const HEARTBEAT_MS = 60_000;
const RUN_ID_BYTES = 4;

export async function max(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, random, say } = context;
  const users = settings.connections ?? IDLE_DEFAULT;
  const gateWorkers = gateWorkersFor(settings, users + 2 * settings.pairs);
  const { sluice, stop } = await startSluice(context, { gateWorkers });
  const plan = { users, host: sluice.host, port: sluice.gatePort, atOnce: LOGINS_AT_ONCE };
  const fleet = await Fleet.create(plan, random);
  try {
    const login = await fleet.growTo(users);
    await fleet.beat(HEARTBEAT_MS);
    say(`${login.loggedIn} idle users behind`);
    const target = { protocol: 'sluice', host: sluice.host, port: sluice.gatePort } as const;
    const processes = sluice.processes();
    const run = async (rate: number, factor: number): Promise<PairRun> => {
      const measured = await runPairs(context.clock, {
        ...target,
        processes,
        system: 'sluice',
        rate,
        pairs: settings.pairs,
        inFlight: settings.inFlight,
        payloadBytes: settings.payloadBytes,
        generators: settings.generators,
        otherGenerators: fleet.processes,
        warmUpMs: WARM_UP_MS,
        measureMs: (settings.seconds ?? SECONDS_DEFAULT) * factor * 1000,
        runId: randomHex(random, RUN_ID_BYTES),
      });
      say(describeRun(measured));
      return measured;
    };
    const runs = await search(context, (rate) => run(rate, 1));
    const best = runs.filter(holdsWith(context)).sort((a, b) => b.offeredPerSecond - a.offeredPerSecond)[0];
    const half = best === undefined ? undefined : await run(Math.round(best.offeredPerSecond / 2), HALF_FACTOR);
    return outcome(context, runs, best, half, (await fleet.counts()).live);
  } finally {
    fleet.end();
    await stop();
  }
}

function holdsWith({ budgets }: ScenarioContext): (run: PairRun) => boolean {
  return (run) =>
    run.latencyMs.p99 <= budgets.latencyP99Ms &&
    run.waitingAtEnd === 0 &&
    run.lost + run.duplicated + run.reordered === 0;
}

async function search(context: ScenarioContext, run: (rate: number) => Promise<PairRun>): Promise<PairRun[]> {
  const holds = holdsWith(context);
  const runs: PairRun[] = [];
  let good = 0;
  let bad = Number.POSITIVE_INFINITY;
  let rate = context.settings.rate ?? RATE_START;
  while (runs.length < STEPS_MAX) {
    const last = await run(rate);
    runs.push(last);
    if (holds(last)) good = Math.max(good, rate);
    else bad = Math.min(bad, rate);
    if (bad / good <= PRECISION || bad <= RATE_MIN) break;
    if (good === 0) rate = Math.round(bad / 2);
    else rate = Math.round(bad === Number.POSITIVE_INFINITY ? good * 2 : Math.sqrt(good * bad));
  }
  return runs;
}

function outcome(
  { budgets }: ScenarioContext,
  runs: readonly PairRun[],
  best: PairRun | undefined,
  half: PairRun | undefined,
  live: number,
): ScenarioOutcome {
  const latency = half?.latencyMs ?? { p50: Number.NaN, p99: Number.NaN, p999: Number.NaN };
  const all = half === undefined ? runs : [...runs, half];
  const sum = (key: 'lost' | 'duplicated' | 'reordered'): number => all.reduce((total, run) => total + run[key], 0);
  return {
    metrics: {
      connectionsHeld: live,
      deliveriesPerSecond: { sluice: best?.deliveriesPerSecond ?? 0 },
      cpuMicrosPerDelivery: { sluice: best?.cpuMicrosPerDelivery ?? 0 },
      latencyMs: { p50: latency.p50, p99: latency.p99, p999: latency.p999 },
      lost: sum('lost'),
      duplicated: sum('duplicated'),
      reordered: sum('reordered'),
    },
    details: { runs: all },
    findings: [
      atLeast('a rate within the objective was found', best === undefined ? 0 : 1, 1, ''),
      reported(`deliveries per second with p99 ≤ ${budgets.latencyP99Ms} ms`, best?.deliveriesPerSecond ?? 0, '/s'),
      reported('p99.9 there', best?.latencyMs.p999 ?? Number.NaN, 'ms'),
      reported('idle users behind', live, ''),
      atMost('at half of that rate, p99', latency.p99, budgets.latencyP99Ms, 'ms'),
      atMost('at half of that rate, p99.9', latency.p999, budgets.latencyP999Ms, 'ms'),
      atMost('messages lost', sum('lost'), 0, ''),
      atMost('messages doubled', sum('duplicated'), 0, ''),
    ],
    insufficient: half?.insufficient ?? best?.insufficient,
  };
}
