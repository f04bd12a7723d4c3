/** Pushes to random users of a fleet, each at most once, in an open loop; every delivery is counted. */
import { type Clock, delay } from '../src/clock/clock.ts';
import type { Random } from '../src/clock/random.ts';
import type { Fleet } from './fleet.ts';
import type { LatencyPercentiles } from './load/latency-histogram.ts';
import { type OpenLoopReport, pushOpenLoop } from './open-loop-pushes.ts';
import type { ScenarioContext } from './scenario.ts';
import type { SluiceSystem } from './system-under-test.ts';

const PER_SECOND = 1000;
/** Before what counts: the processes on the way have compiled nothing of it yet, each of them by itself. */
const WARM_UP = { perSecond: 500, perProcess: 100 };
const POLL_MS = 250;
const ARRIVE_MS_MAX = 15_000;

export interface RandomPushReport extends OpenLoopReport {
  readonly lost: number;
  readonly doubled: number;
  readonly latencyMs: LatencyPercentiles;
}

/** Numbers of payloads are unique in a run: the warm-up takes those before `firstNumber`. */
export async function pushToRandom(
  context: ScenarioContext,
  fleet: Fleet,
  sluice: SluiceSystem,
  count: number,
  firstNumber: number,
): Promise<RandomPushReport> {
  const warmUp = Math.min(
    WARM_UP.perProcess * Math.max(sluice.processes().length, fleet.processes.length),
    fleet.users,
  );
  await pushEach(context, fleet, sluice, warmUp, firstNumber - warmUp, WARM_UP.perSecond);
  return pushEach(context, fleet, sluice, count, firstNumber, context.settings.rate ?? PER_SECOND);
}

async function pushEach(
  { clock, random, settings }: ScenarioContext,
  fleet: Fleet,
  sluice: SluiceSystem,
  count: number,
  firstNumber: number,
  perSecond: number,
): Promise<RandomPushReport> {
  const before = await fleet.counts();
  (await fleet.takeLatency()).destroy();
  const report = await pushOpenLoop(clock, {
    apiPort: sluice.apiPort,
    perSecond,
    targets: distinct(random, fleet.users, count).map((user) => fleet.userName(user)),
    firstNumber,
    payloadBytes: settings.payloadBytes,
  });
  const arrived = await arrivals(clock, fleet, before, report.stored);
  const histogram = await fleet.takeLatency();
  const latencyMs = histogram.percentiles();
  histogram.destroy();
  const lost = Math.max(0, report.stored - (arrived.deliveries - arrived.doubled));
  return { ...report, lost, doubled: arrived.doubled, latencyMs };
}

interface Arrivals {
  readonly deliveries: number;
  readonly doubled: number;
}

/** Waits until so many have arrived; not for ever. */
async function arrivals(clock: Clock, fleet: Fleet, before: Arrivals, expected: number): Promise<Arrivals> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const counts = await fleet.counts();
    const deliveries = counts.deliveries - before.deliveries;
    const doubled = counts.doubled - before.doubled;
    if (deliveries - doubled >= expected || waitedMs >= ARRIVE_MS_MAX) return { deliveries, doubled };
    await delay(clock, POLL_MS);
  }
}

function distinct(random: Random, below: number, count: number): number[] {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random.fraction() * below));
  return [...chosen];
}
