/** `c2c`: pairs of clients, each message committed, delivered and acknowledged. */
import { measureSystem } from '../pair-systems.ts';
import { atMost, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { median, medianRun } from '../statistics.ts';

export async function c2c(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { rate = 0, repeats } = context.settings;
  const runs = await measureSystem(
    context,
    'sluice',
    Array.from({ length: repeats }, () => rate),
  );
  const run = medianRun(runs);
  const total = (key: 'lost' | 'duplicated' | 'reordered'): number => runs.reduce((sum, each) => sum + each[key], 0);
  const { p50, p99, p999 } = run.latencyMs;
  return {
    metrics: {
      deliveriesPerSecond: { sluice: run.deliveriesPerSecond },
      cpuMicrosPerDelivery: { sluice: run.cpuMicrosPerDelivery },
      latencyMs: { p50, p99, p999 },
      lost: total('lost'),
      duplicated: total('duplicated'),
      reordered: total('reordered'),
    },
    details: { runs },
    findings: [
      reported('deliveries per second', run.deliveriesPerSecond, '/s'),
      reported('CPU per delivery, all processes', median(runs.map((each) => each.cpuMicrosPerDelivery)), 'µs'),
      atMost('messages lost', total('lost'), 0, ''),
      atMost('messages doubled', total('duplicated'), 0, ''),
      atMost('messages out of order', total('reordered'), 0, ''),
    ],
    insufficient: runs.find(({ insufficient }) => insufficient !== undefined)?.insufficient,
  };
}
