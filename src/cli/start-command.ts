import { runPrimary } from '../cluster/primary.ts';
import type { SystemPart } from '../cluster/system-part.ts';
import type { Config } from '../config/config.ts';
import { ExitCode } from './cli-error.ts';

/** Runs the system, or one role of it, until a signal ends it. */
export function start(part: SystemPart): (config: Config) => Promise<ExitCode> {
  return async (config) => ((await runPrimary(config, part)) === 0 ? ExitCode.Done : ExitCode.Failed);
}
