/**
 * A real disk whose writes and syncs are mirrored, in their order, on a fault disk: which can then show what a power loss
 * at any moment of the real run would have left. A write counts from its start, a sync covers what was complete when it
 * began.
 */
import type { Disk, DiskFile } from '../../src/store/disk.ts';
import { FaultDisk } from './fault-disk.ts';

export class RecordingDisk implements Disk {
  readonly #disk: Disk;
  readonly mirror: FaultDisk = new FaultDisk();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async open(path: string, options: { create: boolean }): Promise<DiskFile> {
    const file = await this.#disk.open(path, options);
    return this.#mirrored(file, await this.mirror.open(path, options), this.mirror.inodeOf(path));
  }

  list(directory: string): Promise<string[]> {
    return this.#disk.list(directory);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.mirror.rename(from, to);
    await this.#disk.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.mirror.remove(path);
    await this.#disk.remove(path);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#disk.syncDirectory(directory);
    await this.mirror.syncDirectory(directory);
  }

  identity(): Promise<string> {
    return this.mirror.identity();
  }

  lock(): Promise<{ release(): Promise<void> } | undefined> {
    return this.#disk.lock();
  }

  #mirrored(file: DiskFile, mirror: DiskFile, inode: number): DiskFile {
    const { events } = this.mirror;
    return {
      write: async (buffers, position) => {
        await mirror.write(buffers, position);
        await file.write(buffers, position);
      },
      read: (buffer, position) => file.read(buffer, position),
      sync: async () => {
        const upTo = events.length;
        await file.sync();
        events.push({ type: 'sync', inode, upTo });
      },
      truncate: async (length) => {
        await mirror.truncate(length);
        await file.truncate(length);
      },
      size: () => file.size(),
      close: () => file.close(),
    };
  }
}
