/**
 * `store.meta`: what the store is and which segments belong to it; small, checksummed, replaced as a whole.
 *
 *   crc32 of the rest, 8 hex digits · newline · JSON
 *
 * Replaced before anything relies on it: before the first record of a new segment is written, before a deleted
 * segment's file goes, before a store that was opened takes its first commit, and after the last one of a clean stop.
 */
import { crc32 } from 'node:zlib';
import type { Durability } from '../../model/durability.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { StoreOpenError } from '../store.ts';
import { FORMAT_VERSION } from './format.ts';

export const META_FILE = 'store.meta';
export const META_FILE_NEW = 'store.meta.new';
const CHECKSUM_BYTES = 9;

/** A segment that takes no more records. */
export interface SealedSegment {
  base: number;
  end: number;
}

export interface StoreMeta {
  format: number;
  storeId: string;
  /** 1 for a new store; one more for each life that begins with a restore, a copy or a cutting repair. */
  generation: number;
  /** `Disk.identity` of where the store was opened last; another place is a copy. Empty in a backup. */
  place: string;
  partitions: number;
  /** Key of the log's checksums and of the dedupe keys: u32 words. */
  secret: number[];
  durability: Durability;
  /** By partition. */
  epochs: number[];
  /** By partition: no message id up to this one is given out again. */
  lastMessageIds: number[];
  sealed: SealedSegment[];
  /** Bases of segments that were deleted last; their files may still be there after a crash. */
  removed: number[];
  /** Base of the segment that takes records. */
  activeBase: number;
  /** The log was on stable storage up to here when this file was written. */
  durableMark: number;
  /** The store was closed in order: the log ends exactly at `durableMark`. */
  clean: boolean;
}

/** Undefined when there is no store yet. */
export async function loadMeta(disk: Disk): Promise<StoreMeta | undefined> {
  const names = await disk.list('.');
  if (!names.includes(META_FILE)) return undefined;
  const file = await disk.open(META_FILE, { create: false });
  const bytes = await readWhole(file);
  await file.close();
  const text = bytes.toString('utf8', CHECKSUM_BYTES);
  const stated = bytes.toString('latin1', 0, CHECKSUM_BYTES);
  if (stated !== `${hex(crc32(bytes.subarray(CHECKSUM_BYTES)))}\n`) {
    throw new StoreOpenError(
      `${META_FILE} is damaged (its checksum does not match). Nothing was changed. Restore the data directory from a backup.`,
    );
  }
  const meta = JSON.parse(text) as StoreMeta;
  if (meta.format !== FORMAT_VERSION) {
    throw new StoreOpenError(
      `${META_FILE} has format ${meta.format}; this version reads format ${FORMAT_VERSION}. Start the version that wrote it.`,
    );
  }
  return meta;
}

/** `before`: what has to be durable before the new file counts; it is waited for late, so that both take one sync's time. */
export async function saveMeta(disk: Disk, meta: StoreMeta, before?: Promise<unknown>): Promise<void> {
  const body = Buffer.from(JSON.stringify(meta), 'utf8');
  const head = Buffer.from(`${hex(crc32(body))}\n`, 'latin1');
  if ((await disk.list('.')).includes(META_FILE_NEW)) await disk.remove(META_FILE_NEW);
  const file = await disk.open(META_FILE_NEW, { create: true });
  try {
    await file.write([head, body], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await before;
  await disk.rename(META_FILE_NEW, META_FILE);
  await disk.syncDirectory('.');
}

async function readWhole(file: DiskFile): Promise<Buffer> {
  const bytes = Buffer.alloc(await file.size());
  const length = await file.read(bytes, 0);
  return bytes.subarray(0, length);
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
