/** Starts the system under test with the settings of the command line; keeps and sums up its CPU profiles on demand. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { topFunctions } from './cpu-profile.ts';
import type { ScenarioContext } from './scenario.ts';
import { type SluiceOptions, SluiceSystem } from './system-under-test.ts';

const PROFILE_LINES = 30;

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
