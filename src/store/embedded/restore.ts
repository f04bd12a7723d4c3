/**
 * Makes a data directory out of a backup. The store that comes out of it begins a new life: its generation is one
 * higher and all its epochs rise to a value taken from the clock, because the seqs behind the backup may have been given
 * out by the store that was lost. Every client gets RESYNC.
 */
import type { Disk } from '../disk.ts';
import { type BackupResult, copyStopped } from './backup.ts';
import { beginNewLife } from './store-files.ts';

export interface RestoreResult extends BackupResult {
  generation: number;
  epochMax: number;
}

/** Rejects with a `BackupError` when `target` is not empty or the backup is damaged; nothing is written then. */
export async function restore(backup: Disk, target: Disk, wallMs: number): Promise<RestoreResult> {
  const place = await target.identity();
  let generation = 0;
  let epochMax = 0;
  const copied = await copyStopped(backup, target, (meta) => {
    beginNewLife(meta, wallMs);
    generation = meta.generation;
    epochMax = Math.max(...meta.epochs);
    return { ...meta, place };
  });
  return { ...copied, generation, epochMax };
}
