/** For commands that need the data directory to themselves: no system may run on it, and none may start meanwhile. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RunDirectory } from '../cluster/run-directory.ts';
import type { Config } from '../config/config.ts';
import { CliError } from './cli-error.ts';

/** Where the embedded store lies. */
export function storeDirectory(config: Config): string {
  return join(resolve(config.data.directory), 'store');
}

/** Fails before anything would be created. */
export function existingDirectory(directory: string, what: string): string {
  if (existsSync(directory)) return directory;
  throw new CliError(`${directory} does not exist: there is no ${what}`);
}

/** Undefined when a system runs on the data directory. */
export async function withoutSystem<Result>(config: Config, act: () => Promise<Result>): Promise<Result | undefined> {
  const lock = await new RunDirectory(resolve(config.data.directory)).lock();
  if (lock === undefined) return undefined;
  try {
    return await act();
  } finally {
    await lock.release();
  }
}

export function systemRuns(config: Config): CliError {
  const directory = resolve(config.data.directory);
  const pid = new RunDirectory(directory).readPid('primary');
  return new CliError(`a system${pid === undefined ? '' : ` (process ${pid})`} runs on ${directory}: stop it first`);
}
