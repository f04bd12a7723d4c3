/** Copies files from one disk to another in steps that leave room for everybody else. */
import type { Disk, DiskFile } from '../disk.ts';

const STEP_BYTES = 1024 * 1024;
/** Never more than this waits to be written: a commit's fsync may have to wait for it. */
const UNSYNCED_BYTES_MAX = 8 * 1024 * 1024;

export interface CopySource {
  file: DiskFile;
  from: number;
  length: number;
}

/** Creates `path` on `to`, fills and syncs it. `pace` is waited for before each step; when it rejects, so does this. */
export async function copyToFile(
  source: CopySource,
  to: Disk,
  path: string,
  pace: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const target = await to.open(path, { create: true });
  try {
    const buffer = Buffer.allocUnsafe(Math.min(STEP_BYTES, source.length));
    let unsynced = 0;
    for (let done = 0; done < source.length; ) {
      await pace();
      const bytes = buffer.subarray(0, Math.min(STEP_BYTES, source.length - done));
      if ((await source.file.read(bytes, source.from + done)) !== bytes.length) {
        throw new Error(`${path}: the source is shorter than ${source.length} bytes`);
      }
      await target.write([bytes], done);
      done += bytes.length;
      unsynced += bytes.length;
      if (unsynced < UNSYNCED_BYTES_MAX) continue;
      await target.sync();
      unsynced = 0;
    }
    await target.sync();
  } finally {
    await target.close();
  }
}

export async function readWholeFile(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, { create: false });
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size());
    const length = await file.read(bytes, 0);
    if (length !== bytes.length) throw new Error(`only ${length} of ${bytes.length} bytes can be read`);
    return bytes;
  } finally {
    await file.close();
  }
}
