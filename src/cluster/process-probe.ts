/** What another process on this machine calls itself, so that a pid that was reused is never taken for one of ours. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const TITLE_PREFIX = 'sluice: ';

/** True when `pid` lives and its title starts with `title` ("sluice: gate 1"). */
export function runsUnderTitle(pid: number, title: string): boolean {
  return pid > 0 && titleOf(pid).startsWith(title);
}

export function processTitle(role: string, index?: number): string {
  return index === undefined ? `${TITLE_PREFIX}${role}` : `${TITLE_PREFIX}${role} ${index}`;
}

/** '' when there is no such process, or it is a zombie. */
function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    if (process.platform === 'linux') return '';
    return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ?? '';
  }
}
