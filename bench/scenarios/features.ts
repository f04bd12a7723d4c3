/**
 * `features`: the pairs of `c2c` with the product's defaults, then with one feature set otherwise at a time. The
 * difference is what the feature costs. The defaults are measured first and last: how far the two lie apart is the noise.
 *
 * What cannot be configured away has no row: recognising retries and the sender's own copy are promises.
 */
import type { PairRun } from '../pair-run.ts';
import { measureSystem } from '../pair-systems.ts';
import { atMost, type Finding, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { medianRun } from '../statistics.ts';

interface Variant {
  readonly name: string;
  readonly key: string;
  readonly value: string;
}

const VARIANTS: readonly Variant[] = [
  { name: 'durability os: written, no fdatasync', key: 'store.durability', value: 'os' },
  { name: 'durability memory: answered before the write', key: 'store.durability', value: 'memory' },
  { name: 'device cursors written once a minute', key: 'logic.cursorFlushMs', value: '60000' },
  { name: 'commits not paced', key: 'store.commitIntervalMs', value: '0' },
  { name: 'trunk batches not paced', key: 'trunk.flushIntervalMs', value: '0' },
];

interface FeatureCost {
  readonly name: string;
  readonly setting: string;
  readonly micros: number;
  /** Against the defaults of the same run; below 0 when the default is dearer. */
  readonly differenceMicros: number;
}

export async function features(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, say } = context;
  const rates = Array.from({ length: settings.repeats }, () => settings.rate ?? 0);
  const first = await measureSystem(context, 'sluice', rates);
  const varied: { variant: Variant; runs: PairRun[] }[] = [];
  for (const variant of VARIANTS) {
    say(`${variant.key} = ${variant.value}`);
    const config = { ...settings.config, [variant.key]: variant.value };
    varied.push({
      variant,
      runs: await measureSystem({ ...context, settings: { ...settings, config } }, 'sluice', rates),
    });
  }
  say('defaults again');
  const last = await measureSystem(context, 'sluice', rates);
  const byDefault = medianRun([...first, ...last]);
  const costs = varied.map(({ variant, runs }) => featureCost(variant, medianRun(runs), byDefault));
  const all = [...first, ...varied.flatMap(({ runs }) => runs), ...last];
  const total = (key: 'lost' | 'duplicated' | 'reordered'): number => all.reduce((sum, each) => sum + each[key], 0);
  return {
    metrics: {
      deliveriesPerSecond: { sluice: byDefault.deliveriesPerSecond },
      cpuMicrosPerDelivery: { sluice: byDefault.cpuMicrosPerDelivery },
      lost: total('lost'),
      duplicated: total('duplicated'),
      reordered: total('reordered'),
    },
    details: { runs: all, features: costs },
    findings: [
      reported('CPU per delivery, defaults', byDefault.cpuMicrosPerDelivery, 'µs'),
      reported('between the defaults first and last', spread(first, last), 'µs'),
      ...costs.map(({ name, differenceMicros }): Finding => reported(name, differenceMicros, 'µs beside the defaults')),
      atMost('messages lost', total('lost'), 0, ''),
      atMost('messages doubled', total('duplicated'), 0, ''),
      atMost('messages out of order', total('reordered'), 0, ''),
    ],
    insufficient: all.find(({ insufficient }) => insufficient !== undefined)?.insufficient,
  };
}

function featureCost({ name, key, value }: Variant, run: PairRun, byDefault: PairRun): FeatureCost {
  const micros = run.cpuMicrosPerDelivery;
  return { name, setting: `${key}=${value}`, micros, differenceMicros: micros - byDefault.cpuMicrosPerDelivery };
}

function spread(first: readonly PairRun[], last: readonly PairRun[]): number {
  return Math.abs(medianRun(first).cpuMicrosPerDelivery - medianRun(last).cpuMicrosPerDelivery);
}
