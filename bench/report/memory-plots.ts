/** Plots of scenarios that hold many connections: memory, ramp, storm, soak. */
import * as Plot from '@observablehq/plot';
import type { BenchResult } from '../result.ts';
import { draw, type Figure, LABEL_OFFSET } from './draw.ts';

export interface MemoryStep {
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

export function memorySlope(steps: readonly MemoryStep[]): Figure | undefined {
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

export function ramp(steps: readonly MemoryStep[]): Figure | undefined {
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

export function returns(result: BenchResult): Figure | undefined {
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

export function resident(result: BenchResult): Figure | undefined {
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
