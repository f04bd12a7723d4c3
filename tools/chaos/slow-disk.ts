/** The disk behind it, with every fsync of a file lasting `syncMs` at least. */
import { type Clock, delay } from '../../src/clock/clock.ts';
import type { Disk, DiskFile } from '../../src/store/disk.ts';

export function slowDisk(disk: Disk, clock: Clock, syncMs: number): Disk {
  return {
    open: async (path, options) => slowFile(await disk.open(path, options), clock, syncMs),
    list: (directory) => disk.list(directory),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (directory) => disk.syncDirectory(directory),
    identity: () => disk.identity(),
    lock: () => disk.lock(),
  };
}

function slowFile(file: DiskFile, clock: Clock, syncMs: number): DiskFile {
  return {
    write: (buffers, position) => file.write(buffers, position),
    read: (buffer, position) => file.read(buffer, position),
    sync: async () => {
      const enough = delay(clock, syncMs);
      await file.sync();
      await enough;
    },
    truncate: (length) => file.truncate(length),
    size: () => file.size(),
    close: () => file.close(),
  };
}
