/** `sluice restore`: makes the store of a data directory out of a backup. */
import { resolve } from 'node:path';
import { SystemClock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { restoreDirectory } from '../store/embedded/store-commands.ts';
import { CliError, ExitCode } from './cli-error.ts';
import { existingDirectory, storeDirectory, systemRuns, withoutSystem } from './system-lock.ts';
import { writeLine } from './terminal.ts';

export interface RestoreOptions {
  readonly json?: boolean;
}

export async function restore(config: Config, options: RestoreOptions, source: string): Promise<ExitCode> {
  const backup = existingDirectory(resolve(source), 'backup');
  const store = storeDirectory(config);
  const restored = await withoutSystem(config, () =>
    restoreDirectory(backup, store, new SystemClock().wallMs()).catch((error: unknown) => {
      throw new CliError(`nothing was restored: ${(error as Error).message}`);
    }),
  );
  if (restored === undefined) throw systemRuns(config);
  const { segments, bytes, generation, epochMax } = restored;
  await writeLine(
    options.json
      ? JSON.stringify({ directory: store, ...restored })
      : `restored to ${store}: ${segments} segments, ${bytes} bytes; generation ${generation}, epochs up to ${epochMax}`,
  );
  return ExitCode.Done;
}
