/** The figures of a result, and the plots of runs of pairs. A plot of nothing is left out. */
import * as Plot from '@observablehq/plot';
import type { PairRun } from '../pair-run.ts';
import type { BenchResult } from '../result.ts';
import { draw, type Figure, LABEL_OFFSET } from './draw.ts';
import { type MemoryStep, memorySlope, ramp, resident, returns } from './memory-plots.ts';

/** A bar this much shorter than the widest has no room for its name. */
const LABEL_ROOM = 6;

const SYSTEM_COLOURS: Readonly<Record<string, string>> = {
  sluice: 'var(--sluice)',
  bare: 'var(--bare)',
  mosquitto: 'var(--mosquitto)',
  aedes: 'var(--aedes)',
};
const PROCESS_COLOURS = ['var(--p1)', 'var(--p2)', 'var(--p3)', 'var(--p4)', 'var(--p5)', 'var(--p6)'];

export function figuresOf(result: BenchResult): Figure[] {
  const runs = (result.details['runs'] ?? []) as readonly PairRun[];
  const steps = (result.details['steps'] ?? []) as readonly MemoryStep[];
  const figures: (Figure | undefined)[] = [
    cpuSplit(runs),
    throughputAgainstLatency(runs),
    latencyPercentiles(runs),
    memorySlope(steps),
    ramp(steps),
    returns(result),
    resident(result),
  ];
  return figures.filter((figure) => figure !== undefined);
}

function offer({ offeredPerSecond }: PairRun): string {
  return offeredPerSecond === 0 ? 'maximum' : `${offeredPerSecond / 1000} k/s`;
}

function cpuSplit(runs: readonly PairRun[]): Figure | undefined {
  const bars = runs.flatMap((run) =>
    run.cpuByProcess.map(({ name, micros }) => ({
      group: offer(run),
      system: run.system,
      process: run.system === 'sluice' ? name : run.system,
      micros: micros / run.delivered,
    })),
  );
  const visible = bars.filter(({ micros }) => micros > 0.02);
  if (visible.length === 0) return undefined;
  const widest = Math.max(...visible.map(({ micros }) => micros));
  const processes = [...new Set(visible.map((bar) => bar.process))];
  const colour = (name: string): string =>
    (name === 'sluice' ? undefined : SYSTEM_COLOURS[name]) ??
    PROCESS_COLOURS[processes.filter((each) => SYSTEM_COLOURS[each] === undefined).indexOf(name) % 6] ??
    'currentColor';
  const svg = draw({
    height: 90 + 26 * new Set(visible.map(({ group, system }) => group + system)).size,
    marginLeft: 90,
    marginRight: 90,
    x: {
      label: 'CPU microseconds per delivery, all processes of the system',
      grid: true,
      labelOffset: LABEL_OFFSET,
      labelArrow: 'none',
    },
    y: {
      label: null,
      domain: Object.keys(SYSTEM_COLOURS).filter((name) => visible.some(({ system }) => system === name)),
    },
    fy: { label: null, domain: [...new Set(visible.map(({ group }) => group))] },
    color: { domain: processes, range: processes.map(colour), legend: false },
    marks: [
      Plot.barX(visible, { x: 'micros', y: 'system', fy: 'group', fill: 'process', insetTop: 2, insetBottom: 2 }),
      Plot.text(visible, {
        ...Plot.stackX({ x: 'micros', y: 'system', fy: 'group' }),
        text: ({ process, micros }: { process: string; micros: number }) =>
          micros > widest / LABEL_ROOM ? process : '',
        fill: 'var(--on-colour)',
      }),
      Plot.text(
        visible,
        Plot.groupY(
          { x: 'sum', text: (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0).toFixed(1) },
          { x: 'micros', y: 'system', fy: 'group', text: 'micros', textAnchor: 'start', dx: 6, fill: 'currentColor' },
        ),
      ),
      Plot.ruleX([0]),
    ],
  });
  return {
    title: 'What one delivery costs',
    text: 'CPU time of every process of a system between two instants, divided by the deliveries between them. Comparable between machines of one kind, whatever the generator did.',
    svg,
  };
}

function throughputAgainstLatency(runs: readonly PairRun[]): Figure | undefined {
  if (runs.length < 2) return undefined;
  const points = runs.map((run) => ({
    system: run.system,
    rate: run.deliveriesPerSecond,
    p99: run.latencyMs.p99,
    offer: offer(run),
  }));
  const sorted = points.toSorted((a, b) => a.rate - b.rate);
  const svg = draw({
    height: 360,
    marginRight: 90,
    grid: true,
    x: { label: 'deliveries per second', type: 'log', tickFormat: 's', ticks: 6, labelOffset: LABEL_OFFSET },
    y: { label: 'p99 latency, ms', type: 'log', tickFormat: String, ticks: 6 },
    color: colourScale(points.map(({ system }) => system)),
    marks: [
      Plot.line(sorted, { x: 'rate', y: 'p99', stroke: 'system', strokeOpacity: 0.5 }),
      Plot.dot(sorted, { x: 'rate', y: 'p99', fill: 'system', r: 4.5 }),
      Plot.text(
        sorted,
        Plot.selectLast({
          x: 'rate',
          y: 'p99',
          z: 'system',
          text: 'system',
          fill: 'system',
          textAnchor: 'start',
          dx: 9,
        }),
      ),
    ],
  });
  return {
    title: 'Throughput against latency',
    text: 'Each dot is a run. At an offered rate latency counts from the intended time of sending; at the maximum every pair keeps its window full.',
    svg,
  };
}

function latencyPercentiles(runs: readonly PairRun[]): Figure | undefined {
  const curves = runs.flatMap((run) =>
    run.latencyCurve.map(([percentile, ms]) => ({
      name: `${run.system}, ${offer(run)}`,
      system: run.system,
      offer: offer(run),
      tail: 1 / Math.max(1e-5, 1 - percentile / 100),
      ms,
    })),
  );
  if (curves.length === 0) return undefined;
  const svg = draw({
    height: 380,
    marginRight: 20,
    grid: true,
    fx: { label: null, domain: [...new Set(curves.map((point) => point.offer))] },
    x: {
      label: 'percentile',
      labelOffset: LABEL_OFFSET,
      type: 'log',
      domain: [1, 1e4],
      ticks: [1, 10, 100, 1000, 1e4],
      tickFormat: (value: number) => ({ 1: '0', 10: '90', 100: '99', 1000: '99.9', 10000: '99.99' })[value] ?? '',
    },
    y: { label: 'latency, ms', type: 'log', tickFormat: String, ticks: 6 },
    color: { ...colourScale(curves.map(({ system }) => system)), legend: false },
    marks: [
      Plot.line(
        curves.filter(({ tail }) => tail <= 1e4),
        { x: 'tail', y: 'ms', fx: 'offer', z: 'name', stroke: 'system', strokeWidth: 2 },
      ),
    ],
  });
  return {
    title: 'Latency by percentile',
    text: 'From the intended time of sending to the receiver’s hands. Straight up means: a few messages wait very much longer than the rest.',
    svg,
  };
}

function colourScale(systems: readonly string[]): { domain: string[]; range: string[] } {
  const domain = Object.keys(SYSTEM_COLOURS).filter((name) => systems.includes(name));
  return { domain, range: domain.map((name) => SYSTEM_COLOURS[name] ?? 'currentColor') };
}
