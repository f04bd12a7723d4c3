/**
 * A lock that one process at a time holds and that ends with it, however it ends. On Linux an abstract Unix socket:
 * the kernel frees the name, no file is left behind. Elsewhere a file with the holder's pid, taken over when no such
 * process lives.
 *
 * Abstract names belong to a network namespace: two containers that share a directory but not the network do not see
 * each other's lock.
 */
import { createHash } from 'node:crypto';
import { open, readFile, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

export interface ProcessLock {
  release(): Promise<void>;
}

const LOCK_FILE = 'lock.pid';

/** Undefined when another process holds the lock of `directory`, which must exist. */
export async function lockDirectory(directory: string): Promise<ProcessLock | undefined> {
  const path = await realpath(directory);
  return process.platform === 'linux' ? lockByName(path) : lockByFile(join(path, LOCK_FILE));
}

function lockByName(path: string): Promise<ProcessLock | undefined> {
  const name = createHash('sha256').update(path).digest('hex').slice(0, 32);
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    // Exclusive: a cluster worker must not share the name with its siblings through the primary.
    server.listen({ path: `\0sluice-store-${name}`, exclusive: true }, () => {
      server.unref();
      resolve({ release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

async function lockByFile(path: string): Promise<ProcessLock | undefined> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, 'wx');
      await file.write(String(process.pid));
      await file.close();
      return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (isAlive(Number.parseInt(await readFile(path, 'utf8'), 10))) return undefined;
    await rm(path, { force: true });
  }
  return undefined;
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
