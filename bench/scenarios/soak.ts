/** `soak`: half an hour of pairs at a steady rate; memory must stay where it was after the warm-up. */
import { delay } from '../../src/clock/clock.ts';
import { BackgroundPairs } from '../background-pairs.ts';
import { disturbance, EvidenceMeter } from '../evidence.ts';
import { memoryOf } from '../process-usage.ts';
import { atMost, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { startSluice } from '../start-sluice.ts';
import { median } from '../statistics.ts';
import type { SluiceSystem } from '../system-under-test.ts';

const SECONDS_DEFAULT = 1800;
const RATE_DEFAULT = 2000;
const SAMPLES = 60;
const SAY_EVERY = 10;
/** The first sixth is warm-up; then the medians of the first and the last third are compared. */
const WARM_UP_PART = 6;
const GROWTH_MAX = 0.05;

export async function soak(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, clock, random, say } = context;
  const seconds = settings.seconds ?? SECONDS_DEFAULT;
  const { sluice, stop } = await startSluice(context);
  const live = await BackgroundPairs.start(sluice, random, settings.rate ?? RATE_DEFAULT, settings.payloadBytes);
  try {
    const generators = [...live.processes, { name: 'bench', pid: process.pid }];
    const meter = new EvidenceMeter(clock, sluice.processes(), generators);
    const rss: number[] = [];
    let delivered = 0;
    let last = await live.lap();
    for (let sample = 0; sample < SAMPLES; sample++) {
      await delay(clock, (seconds * 1000) / SAMPLES);
      last = await live.lap();
      delivered += last.delivered;
      rss.push(rssBytes(sluice));
      if ((sample + 1) % SAY_EVERY !== 0) continue;
      say(
        `${Math.round((rss.at(-1) as number) / 1e6)} MB resident, ${delivered} delivered, p99 ${last.p99.toFixed(1)} ms`,
      );
    }
    const evidence = meter.finish();
    const faults = await live.finish();
    const steady = rss.slice(SAMPLES / WARM_UP_PART);
    const third = Math.floor(steady.length / 3);
    const growth = median(steady.slice(-third)) / median(steady.slice(0, third)) - 1;
    return {
      metrics: {
        deliveriesPerSecond: { sluice: Math.round(delivered / seconds) },
        latencyMs: { p50: last.p50, p99: last.p99, p999: last.p999 },
        ...faults,
      },
      details: { rss },
      findings: [
        atMost('growth of resident memory after the warm-up', growth, GROWTH_MAX, ''),
        reported('resident memory at the end', (rss.at(-1) ?? 0) / 1e6, 'MB'),
        atMost('messages lost', faults.lost, 0, ''),
        atMost('messages doubled', faults.duplicated, 0, ''),
        atMost('messages out of order', faults.reordered, 0, ''),
      ],
      insufficient: last.broken ?? disturbance(evidence),
    };
  } finally {
    live.end();
    await stop();
  }
}

function rssBytes(sluice: SluiceSystem): number {
  return sluice.processes().reduce((sum, { pid }) => sum + memoryOf(pid).rssBytes, 0);
}
