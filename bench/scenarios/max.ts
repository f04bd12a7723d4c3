/** `max`: the highest rate whose latency stays within the objective, found by doubling and halving. */

import type { PairRun } from '../pair-run.ts';
import { measureSystemStepwise } from '../pair-systems.ts';
import { atLeast, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';

const RATE_START = 10_000;
const RATE_MIN = 500;
const STEPS_MAX = 9;
/** The search ends when the rate is known this well. */
const PRECISION = 1.08;

export async function max(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, budgets, say } = context;
  const holds = (run: PairRun): boolean =>
    run.latencyMs.p99 <= budgets.latencyP99Ms &&
    run.waitingAtEnd === 0 &&
    run.lost + run.duplicated + run.reordered === 0;
  let good = 0;
  let bad = Number.POSITIVE_INFINITY;
  const runs = await measureSystemStepwise(context, 'sluice', (before) => {
    const last = before.at(-1);
    if (last !== undefined) {
      if (holds(last)) good = Math.max(good, last.offeredPerSecond);
      else bad = Math.min(bad, last.offeredPerSecond);
    }
    if (before.length >= STEPS_MAX || bad / good <= PRECISION || bad <= RATE_MIN) return undefined;
    const start = settings.rate ?? RATE_START;
    if (good === 0) return bad === Number.POSITIVE_INFINITY ? start : Math.round(bad / 2);
    return Math.round(bad === Number.POSITIVE_INFINITY ? good * 2 : Math.sqrt(good * bad));
  });
  const best = runs.filter(holds).sort((a, b) => b.offeredPerSecond - a.offeredPerSecond)[0];
  say(`highest rate within ${budgets.latencyP99Ms} ms at p99: ${best?.offeredPerSecond ?? 0}/s`);
  const latency = best?.latencyMs ?? { p50: Number.NaN, p99: Number.NaN, p999: Number.NaN };
  return {
    metrics: {
      deliveriesPerSecond: { sluice: best?.deliveriesPerSecond ?? 0 },
      cpuMicrosPerDelivery: { sluice: best?.cpuMicrosPerDelivery ?? 0 },
      latencyMs: { p50: latency.p50, p99: latency.p99, p999: latency.p999 },
      lost: runs.reduce((sum, { lost }) => sum + lost, 0),
      duplicated: runs.reduce((sum, { duplicated }) => sum + duplicated, 0),
      reordered: runs.reduce((sum, { reordered }) => sum + reordered, 0),
    },
    details: { runs },
    findings: [
      atLeast('a rate within the objective was found', best === undefined ? 0 : 1, 1, ''),
      reported(`deliveries per second with p99 ≤ ${budgets.latencyP99Ms} ms`, best?.deliveriesPerSecond ?? 0, '/s'),
      reported('p99.9 there', latency.p999, 'ms'),
    ],
    insufficient: best?.insufficient,
  };
}
