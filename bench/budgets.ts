/** `budgets.json`: what each measured quantity may be at most (or must be at least), by major version of the runtime. */
import { readFileSync } from 'node:fs';

export interface Budgets {
  /** CPU per delivery of all our processes, divided by Mosquitto's at QoS 1 in the same run. */
  readonly cpuRatioToMosquitto: number;
  /** Anonymous memory per idle connection above that of a bare `net` server in the same run. */
  readonly gateBytesOverBare: number;
  readonly systemBytesOverBare: number;
  /** At least. */
  readonly loginsPerSecond: number;
  readonly multicastRatioToMosquitto: number;
  /** At half of the maximum. */
  readonly latencyP99Ms: number;
  readonly latencyP999Ms: number;
  /** The short form's: counts per delivery at the maximum, and ratios to the bare systems of the same run. */
  readonly socketWritesPerDelivery: number;
  readonly trunkFramesPerDelivery: number;
  readonly commitsPerDelivery: number;
  readonly cpuRatioToBare: number;
  readonly gateBytesRatio: number;
  readonly systemBytesRatio: number;
}

const FILE = new URL('../../bench/budgets.json', import.meta.url);

/** @param version "24.21.0"; a major without budgets of its own has those of the newest one below it. */
export function budgetsOf(version: string): Budgets {
  const byMajor = JSON.parse(readFileSync(FILE, 'utf8')) as Readonly<Record<string, Budgets>>;
  const major = Number.parseInt(version, 10);
  const known = Object.keys(byMajor)
    .map(Number)
    .sort((a, b) => a - b);
  const chosen = known.findLast((candidate) => candidate <= major) ?? known[0];
  return byMajor[String(chosen)] as Budgets;
}
