/** The machine's own disk. See `../disk.ts`. */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lockDirectory, type ProcessLock } from '../../net/process-lock.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { lockFile } from './file-lock.ts';
import { LOG_DIRECTORY } from './segment-set.ts';

const LOCK_FILE = 'owner.lock';

class NodeDiskFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let at = position;
    for (const buffer of buffers) {
      for (let done = 0; done < buffer.length; ) {
        const { bytesWritten } = await this.#handle.write(buffer, done, buffer.length - done, at);
        done += bytesWritten;
        at += bytesWritten;
      }
    }
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, done, buffer.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  truncate(length: number): Promise<void> {
    return this.#handle.truncate(length);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

export class NodeDisk implements Disk {
  readonly #root: string;

  /** `root` is created when missing. */
  constructor(root: string) {
    this.#root = root;
  }

  async open(path: string, options: { create: boolean }): Promise<DiskFile> {
    return new NodeDiskFile(await open(join(this.#root, path), options.create ? 'wx+' : 'r+', 0o600));
  }

  async list(directory: string): Promise<string[]> {
    const path = join(this.#root, directory);
    await mkdir(path, { recursive: true });
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  }

  rename(from: string, to: string): Promise<void> {
    return rename(join(this.#root, from), join(this.#root, to));
  }

  remove(path: string): Promise<void> {
    return rm(join(this.#root, path));
  }

  async syncDirectory(directory: string): Promise<void> {
    const handle = await open(join(this.#root, directory), 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Inode and time of birth of the log's directory: a copy has others, also one that kept hard links to the files. */
  async identity(): Promise<string> {
    const path = join(this.#root, LOG_DIRECTORY);
    await mkdir(path, { recursive: true });
    const { ino, birthtimeNs } = await stat(path, { bigint: true });
    return `${ino}-${birthtimeNs}`;
  }

  /** Two locks: a name that no other process of this network namespace can take, and a lock that the kernel holds. */
  async lock(): Promise<ProcessLock | undefined> {
    await mkdir(this.#root, { recursive: true });
    const name = await lockDirectory(this.#root);
    if (name === undefined) return undefined;
    const file = await lockFile(join(this.#root, LOCK_FILE));
    if (file === undefined) {
      await name.release();
      return undefined;
    }
    return {
      release: async () => {
        await file.release();
        await name.release();
      },
    };
  }
}
