/** Starts the system under test with the settings of the command line; keeps and sums up its CPU profiles on demand. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { topFunctions } from './cpu-profile.ts';
import { openFilesMax } from './machine.ts';
import type { BenchSettings, ScenarioContext } from './scenario.ts';
import { type SluiceOptions, SluiceSystem } from './system-under-test.ts';

const PROFILE_LINES = 30;
/** Of the descriptors of a gate worker: kernel and hash spread connections unevenly. */
const FILL = 0.92;

export interface StartedSluice {
  readonly sluice: SluiceSystem;
  readonly stop: () => Promise<void>;
}

export async function startSluice(
  context: ScenarioContext,
  options: Partial<SluiceOptions> = {},
): Promise<StartedSluice> {
  const { settings, runtime } = context;
  const { gateWorkers, config, profiles } = settings;
  const profiling = profiles === undefined ? [] : ['--cpu-prof'];
  const nodeFlags = [...settings.nodeFlags, ...profiling, ...(options.nodeFlags ?? [])];
  const sluice = await SluiceSystem.start({
    gateWorkers,
    runtime,
    ...options,
    config: { ...options.config, ...config },
    nodeFlags,
  });
  const keep = (): void => {
    if (profiles !== undefined) keepProfiles(context, sluice.directory, profiles);
  };
  return { sluice, stop: () => sluice.stop(keep) };
}

/** At least so many gate workers as the descriptors of a process ask for. */
export function gateWorkersFor({ gateWorkers }: BenchSettings, connections: number): number {
  return Math.max(gateWorkers, Math.ceil(connections / connectionsOfOneProcess()));
}

/** What one process can well hold here. */
export function connectionsOfOneProcess(): number {
  return Math.floor(openFilesMax() * FILL);
}

function keepProfiles({ say }: ScenarioContext, from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(from)) {
    if (file.endsWith('.cpuprofile')) copyFileSync(join(from, file), join(to, file));
  }
  for (const [process, functions] of topFunctions(to, PROFILE_LINES)) {
    say(process);
    for (const { name, share } of functions) say(`${(share * 100).toFixed(1).padStart(7)} %  ${name}`);
  }
}
