/**
 * The plots of a report, as SVG. Each takes what a scenario left in `details` and answers undefined when it has nothing
 * to show. Colours are CSS variables of the page, so that one picture serves light and dark.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { PairRun } from '../pair-run.ts';
import type { BenchResult } from '../result.ts';

/** linkedom's document is as much of one as Plot needs. */
const DOCUMENT = parseHTML('<!doctype html><html><body></body></html>').document as unknown as NonNullable<
  Plot.PlotOptions['document']
>;
const WIDTH = 720;
/** A bar this much shorter than the widest has no room for its name. */
const LABEL_ROOM = 6;
const LABEL_OFFSET = 40;
const FONT = { fontFamily: 'inherit', fontSize: '12px', background: 'transparent' };

export const SYSTEM_COLOURS: Readonly<Record<string, string>> = {
  sluice: 'var(--sluice)',
  bare: 'var(--bare)',
  mosquitto: 'var(--mosquitto)',
  aedes: 'var(--aedes)',
};
const PROCESS_COLOURS = ['var(--p1)', 'var(--p2)', 'var(--p3)', 'var(--p4)', 'var(--p5)', 'var(--p6)'];

export interface Figure {
  readonly title: string;
  readonly text: string;
  readonly svg: string;
}

interface MemoryStep {
  readonly connections: number;
  readonly bareConnections: number;
  readonly system: readonly { name: string; anonymousBytes: number; collected?: { anonymousBytes: number } }[];
  readonly bare: readonly { name: string; anonymousBytes: number; collected?: { anonymousBytes: number } }[];
  readonly loginsPerSecond: number;
}

interface ReturnCurve {
  readonly jitter: boolean;
  readonly curve?: readonly (readonly [number, number])[];
}

function draw(options: Plot.PlotOptions): string {
  const element = Plot.plot({ width: WIDTH, marginBottom: 46, style: FONT, document: DOCUMENT, ...options });
  const svg = element.outerHTML;
  return svg.includes('xmlns=') ? svg : svg.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"');
}

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

function memorySlope(steps: readonly MemoryStep[]): Figure | undefined {
  if (steps.length === 0) return undefined;
  const bytes = (samples: MemoryStep['system'], prefix: string): number =>
    samples
      .filter(({ name }) => name.startsWith(prefix))
      .reduce((sum, sample) => sum + (sample.collected?.anonymousBytes ?? sample.anonymousBytes), 0);
  const points = steps.flatMap((step) => [
    { what: 'all processes', connections: step.connections, mb: bytes(step.system, '') / 1e6 },
    { what: 'gate', connections: step.connections, mb: bytes(step.system, 'gate') / 1e6 },
    { what: 'bare net', connections: step.bareConnections, mb: bytes(step.bare, '') / 1e6 },
  ]);
  const svg = draw({
    height: 360,
    marginRight: 110,
    grid: true,
    x: { label: 'connections', tickFormat: 's', labelOffset: LABEL_OFFSET },
    y: { label: 'anonymous memory, MB', zero: true },
    color: { domain: ['all processes', 'gate', 'bare net'], range: ['var(--p3)', 'var(--sluice)', 'var(--bare)'] },
    marks: [
      Plot.linearRegressionY(points, { x: 'connections', y: 'mb', stroke: 'what', ci: 0 }),
      Plot.dot(points, { x: 'connections', y: 'mb', fill: 'what', r: 4 }),
      Plot.text(
        points,
        Plot.selectLast({
          x: 'connections',
          y: 'mb',
          z: 'what',
          text: 'what',
          fill: 'what',
          textAnchor: 'start',
          dx: 9,
        }),
      ),
    ],
  });
  return {
    title: 'Memory of idle, logged-in connections',
    text: 'Anonymous memory after a forced collection. What one more connection costs is the slope; the size of the empty processes is the distance from zero.',
    svg,
  };
}

function ramp(steps: readonly MemoryStep[]): Figure | undefined {
  if (steps.length === 0) return undefined;
  const svg = draw({
    height: 240,
    marginRight: 20,
    grid: true,
    x: { label: 'connections held', tickFormat: 's', labelOffset: LABEL_OFFSET },
    y: { label: 'logins per second', zero: true },
    marks: [
      Plot.areaY(steps, { x: 'connections', y: 'loginsPerSecond', fill: 'var(--sluice)', fillOpacity: 0.15 }),
      Plot.lineY(steps, {
        x: 'connections',
        y: 'loginsPerSecond',
        stroke: 'var(--sluice)',
        strokeWidth: 2,
        marker: 'dot',
      }),
    ],
  });
  return { title: 'Ramp', text: 'Logins per second, tokens checked, while the connections before stay.', svg };
}

function returns(result: BenchResult): Figure | undefined {
  const rounds = (result.details['rounds'] ?? []) as number | readonly ReturnCurve[];
  if (typeof rounds === 'number' || rounds.length === 0) return undefined;
  const points = rounds.flatMap(({ jitter, curve }) =>
    (curve ?? []).map(([ms, back]: readonly [number, number]) => ({
      seconds: ms / 1000,
      back,
      what: jitter ? 'with jitter' : 'at once',
    })),
  );
  const svg = draw({
    height: 300,
    marginRight: 90,
    grid: true,
    x: { label: 'seconds after the break', labelOffset: LABEL_OFFSET },
    y: { label: 'users back', zero: true },
    color: { domain: ['at once', 'with jitter'], range: ['var(--mosquitto)', 'var(--sluice)'] },
    marks: [
      Plot.line(points, { x: 'seconds', y: 'back', stroke: 'what', strokeWidth: 2 }),
      Plot.text(
        points,
        Plot.selectLast({ x: 'seconds', y: 'back', z: 'what', text: 'what', fill: 'what', textAnchor: 'start', dx: 6 }),
      ),
    ],
  });
  return {
    title: 'After a storm',
    text: 'All connections break at the same moment; how many users are back when.',
    svg,
  };
}

function resident(result: BenchResult): Figure | undefined {
  const rss = result.details['rss'] as readonly number[] | undefined;
  if (rss === undefined || rss.length === 0) return undefined;
  const points = rss.map((bytes, i) => ({ part: (i + 1) / rss.length, mb: bytes / 1e6 }));
  const svg = draw({
    height: 240,
    grid: true,
    x: { label: 'part of the run', tickFormat: '.0%', labelOffset: LABEL_OFFSET },
    y: { label: 'resident memory, MB', zero: true },
    marks: [Plot.lineY(points, { x: 'part', y: 'mb', stroke: 'var(--sluice)', strokeWidth: 2 })],
  });
  return { title: 'Memory over a long run', text: 'All processes together, at a steady rate.', svg };
}

function colourScale(systems: readonly string[]): { domain: string[]; range: string[] } {
  const domain = Object.keys(SYSTEM_COLOURS).filter((name) => systems.includes(name));
  return { domain, range: domain.map((name) => SYSTEM_COLOURS[name] ?? 'currentColor') };
}
