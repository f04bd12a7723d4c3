/**
 * Copies a consistent prefix of a store, up to the committed mark, into an empty directory.
 *
 *   log/…0.seg ▕ sealed ▏ log/…a.seg ▕ sealed ▏ log/…b.seg ▕ committed ▏ under way …
 *   copied whole          copied whole           copied up to the mark
 *
 * Segments are copied, not linked: a bit that turns in the store's file must not turn in its backup. A megabyte at a
 * time, eight at most waiting to be written. `store.meta` comes last: what has none is not a backup. It names no place, so
 * that a backup that is opened where it lies, or moved by hand, counts as a copy and gets epochs of its own.
 */
import type { Disk, DiskFile } from '../disk.ts';
import { copyToFile } from './file-copy.ts';
import { FsckVerdict } from './fsck-report.ts';
import { type StoreMeta, saveMeta } from './meta-file.ts';
import { LOG_DIRECTORY, segmentPath } from './segment-set.ts';
import { checkStore } from './store-check.ts';

export class BackupError extends Error {
  override readonly name = 'BackupError';
}

export interface BackupResult {
  storeId: string;
  segments: number;
  bytes: number;
}

/** A segment and how much of it belongs to the copy. */
export interface SegmentPart {
  base: number;
  end: number;
  file: DiskFile;
}

/** Writes `parts`, in order, and `meta` as the store on `target`, which must be empty. */
export async function writeStore(
  parts: readonly SegmentPart[],
  meta: StoreMeta,
  target: Disk,
  pace?: () => Promise<void>,
): Promise<BackupResult> {
  let bytes = 0;
  for (const { base, end, file } of parts) {
    await copyToFile({ file, from: 0, length: end - base }, target, segmentPath(base), pace);
    bytes += end - base;
  }
  await target.syncDirectory(LOG_DIRECTORY);
  await saveMeta(target, meta);
  return { storeId: meta.storeId, segments: parts.length, bytes };
}

/** Meta of a store that ends at the end of `parts`. */
export function metaOfCopy(meta: StoreMeta, parts: readonly SegmentPart[], lastMessageIds: number[]): StoreMeta {
  const active = parts.at(-1)!;
  return {
    ...structuredClone(meta),
    place: '',
    lastMessageIds,
    sealed: parts.slice(0, -1).map(({ base, end }) => ({ base, end })),
    removed: [],
    activeBase: active.base,
    durableMark: active.end,
    clean: true,
  };
}

/** Rejects unless there is nothing in `target` that could be overwritten or mixed up. */
export async function assertEmpty(target: Disk): Promise<void> {
  const names = [...(await target.list('.')), ...(await target.list(LOG_DIRECTORY))].filter(
    (name) => name !== 'owner.lock',
  );
  if (names.length > 0) throw new BackupError(`the target directory is not empty (${names[0]}); nothing was written`);
}

/** Copies a store that nobody has open. Rejects when it is damaged. */
export async function backupStopped(source: Disk, target: Disk): Promise<BackupResult> {
  return copyStopped(source, target, (meta) => meta);
}

/** Copies the intact store on `source`; `change` edits what is written as its meta data. */
export async function copyStopped(
  source: Disk,
  target: Disk,
  change: (meta: StoreMeta) => StoreMeta,
): Promise<BackupResult> {
  const lock = await source.lock();
  if (lock === undefined) throw new BackupError('a process has the source directory open');
  const targetLock = await target.lock();
  const parts: SegmentPart[] = [];
  try {
    if (targetLock === undefined) throw new BackupError('a process has the target directory open');
    await assertEmpty(target);
    const { report, end } = await checkStore(source);
    if (end === undefined || (report.verdict !== FsckVerdict.Intact && report.verdict !== FsckVerdict.Interrupted)) {
      const { path, byte, what } = report.findings[0] ?? { path: 'the directory', byte: 0, what: 'holds no store' };
      throw new BackupError(`the source is ${report.verdict}: ${path}, byte ${byte}: ${what}. Nothing was written.`);
    }
    for (const [number, base] of end.bases.entries()) {
      const file = await source.open(segmentPath(base), { create: false });
      const isLast = number === end.bases.length - 1;
      parts.push({ base, end: isLast ? end.chain.position : base + (await file.size()), file });
    }
    return await writeStore(parts, change(metaOfCopy(end.meta, parts, end.lastMessageIds)), target);
  } finally {
    for (const { file } of parts) await file.close();
    await targetLock?.release();
    await lock.release();
  }
}
