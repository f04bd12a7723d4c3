import type { PairRun } from './pair-run.ts';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** The run whose CPU per delivery is the median one. */
export function medianRun(runs: readonly PairRun[]): PairRun {
  const sorted = runs.toSorted((a, b) => a.cpuMicrosPerDelivery - b.cpuMicrosPerDelivery);
  return sorted[sorted.length >> 1] as PairRun;
}

/** Least squares: what one more of x adds to y. */
export function slope(points: readonly (readonly [number, number])[]): number {
  const count = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count;
  let above = 0;
  let below = 0;
  for (const [x, y] of points) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  return above / below;
}
