/**
 * Node runtimes other than the one that runs the bench: `--runtime 24` installs Node's binary from npm into
 * `bench/runtimes/24` when it is not there yet. They serve the systems under test; the load comes from the bench's own.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Runtime {
  /** Absolute path of the binary. */
  readonly path: string;
  /** "24.21.0" */
  readonly version: string;
}

const RUNTIMES = fileURLToPath(new URL('../../bench/runtimes', import.meta.url));

export function ownRuntime(): Runtime {
  return { path: process.execPath, version: process.versions.node };
}

/** The newest runtime of a major version. */
export function runtimeOf(major: number): Runtime {
  if (ownRuntime().version.startsWith(`${major}.`)) return ownRuntime();
  const directory = join(RUNTIMES, String(major));
  const packageName = `node-linux-${process.arch}`;
  const path = join(directory, 'node_modules', packageName, 'bin', 'node');
  if (!existsSync(path)) install(directory, `${packageName}@${major}`);
  const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim().slice(1);
  return { path, version };
}

function install(directory: string, specifier: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
  process.stderr.write(`bench: installing ${specifier}\n`);
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', specifier], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
