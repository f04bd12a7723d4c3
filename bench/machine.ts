/** Where and with what a result was measured. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as os from 'node:os';

export interface Machine {
  readonly commit: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly openFilesMax: number;
}

export function describeMachine(): Machine {
  return {
    commit: commit(),
    kernel: os.release(),
    cpu: os.cpus()[0]?.model.trim() ?? '',
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    openFilesMax: openFilesMax(),
  };
}

/** File descriptors one process may have. */
export function openFilesMax(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);
}

function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', 'src') === '' ? '' : '+changes'}`;
  } catch {
    return 'unknown';
  }
}
