/**
 * A kernel lock on a file, for processes that do not see each other's names: containers that share a directory but
 * neither network nor process ids.
 *
 *   we open the file ─► `flock -n 3` inherits our descriptor as its own 3, locks it and ends ─► the lock is ours
 *
 * flock(2) belongs to the open file, which the helper shares with us: it stays locked until our descriptor is closed,
 * by us or by our death, however that comes. Nothing goes stale, nothing has to be renewed. Costs one short-lived
 * process at start.
 *
 * What it does not do: it reaches as far as the file system's flock does. That is the whole machine for local disks and
 * volumes, and all clients of NFS; overlay copies and some FUSE systems keep locks to themselves. Where there is no
 * `flock` program, or the file system knows no locks, the other lock of the directory stands alone.
 */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import type { ProcessLock } from '../../net/process-lock.ts';

/** How `flock -n` says that somebody else holds the lock. */
const CONFLICT = 1;

/** Undefined when another process holds the lock. The file stays: removing it would let two lock two files. */
export async function lockFile(path: string): Promise<ProcessLock | undefined> {
  const file = await open(path, 'a', 0o600);
  if ((await runFlock(file.fd)) === CONFLICT) {
    await file.close();
    return undefined;
  }
  return { release: () => file.close() };
}

/** Resolves with the exit code; -1 when the program cannot be started. */
function runFlock(fd: number): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    child.once('error', () => resolve(-1));
    child.once('exit', (code) => resolve(code ?? -1));
  });
}
