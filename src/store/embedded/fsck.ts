/**
 * Reads a store that nobody has open, from the first byte to the last, and says exactly what is wrong and what can be
 * saved. Changes nothing; `repair.ts` cuts.
 */
import type { Disk } from '../disk.ts';
import { emptyReport, type FsckReport, FsckVerdict } from './fsck-report.ts';
import { checkStore } from './store-check.ts';

/** Takes the directory's lock while it reads. */
export async function fsck(disk: Disk): Promise<FsckReport> {
  const lock = await disk.lock();
  if (lock === undefined) return { ...emptyReport(), verdict: FsckVerdict.InUse };
  try {
    return (await checkStore(disk)).report;
  } finally {
    await lock.release();
  }
}
