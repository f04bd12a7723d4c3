/**
 * At most one living process holds the lock: a file that names its holder by pid and, where /proc tells, by the time
 * the process started, so that neither a reused pid nor a container whose programs all have pid 1 keeps it for ever.
 * The file is linked into place, so that it never exists without its content.
 */
import * as fs from 'node:fs';
import { StorageError } from './errors.ts';

const ATTEMPTS_MAX = 5;

export class ProcessLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Fails with a StorageError while another one holds it. */
  static take(path: string): ProcessLock {
    const own = holderName(process.pid);
    const ownPath = `${path}.${process.pid}`;
    fs.writeFileSync(ownPath, own);
    try {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
        if (tryLink(ownPath, path)) return new ProcessLock(path);
        const holder = readHolder(path);
        if (holder !== undefined && isAlive(holder)) throw new StorageError(`${path}: in use by process ${holder}`);
        if (holder !== undefined) removeStale(path, holder);
      }
    } finally {
      fs.rmSync(ownPath, { force: true });
    }
    throw new StorageError(`${path}: others take it again and again`);
  }

  release(): void {
    fs.rmSync(this.#path, { force: true });
  }
}

/** `pid` or `pid:start`. */
function holderName(pid: number): string {
  try {
    // The 22nd field is the start time; the name in field 2 may hold spaces and ends at the last bracket.
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return `${pid}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return String(pid);
  }
}

function isAlive(holder: string): boolean {
  const pid = Number.parseInt(holder, 10);
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return !holder.includes(':') || holderName(pid) === holder;
}

function tryLink(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Moves the dead one's file aside; one that somebody took meanwhile goes back. */
function removeStale(path: string, deadHolder: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    fs.renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readHolder(aside) !== deadHolder) tryLink(aside, path);
  fs.rmSync(aside, { force: true });
}
