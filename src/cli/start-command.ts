import { runPrimary } from '../cluster/primary.ts';
import type { Config } from '../config/config.ts';
import { ExitCode } from './cli-error.ts';

/** Runs the system until a signal ends it. */
export async function start(config: Config): Promise<ExitCode> {
  return (await runPrimary(config)) === 0 ? ExitCode.Done : ExitCode.Failed;
}
