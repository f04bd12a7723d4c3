/** What every scenario gets: the settings of the command line, time, randomness, and a place to talk. */
import type { Clock } from '../src/clock/clock.ts';
import type { Random } from '../src/clock/random.ts';
import type { Budgets } from './budgets.ts';
import type { PeerName } from './peers/peer.ts';
import type { ScenarioOutcome } from './result.ts';
import type { Runtime } from './runtime.ts';

export interface BenchSettings {
  readonly connections: number | undefined;
  readonly seconds: number | undefined;
  readonly rate: number | undefined;
  readonly against: readonly PeerName[];
  readonly gateWorkers: number;
  readonly generators: number;
  readonly repeats: number;
  readonly pairs: number;
  readonly inFlight: number;
  readonly payloadBytes: number;
  /** Configuration keys of the system under test. */
  readonly config: Readonly<Record<string, string>>;
  readonly nodeFlags: readonly string[];
  /** A folder for CPU profiles of the system's processes; none are taken when undefined. */
  readonly profiles: string | undefined;
}

export interface ScenarioContext {
  readonly settings: BenchSettings;
  readonly budgets: Budgets;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly random: Random;
  /** A line of progress. */
  readonly say: (line: string) => void;
}

export type Scenario = (context: ScenarioContext) => Promise<ScenarioOutcome>;
