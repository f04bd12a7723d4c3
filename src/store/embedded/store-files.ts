/** Creates a store's files, and takes over those of an earlier run before the first commit of this one. */
import { type Random, randomHex } from '../../clock/random.ts';
import { Durability } from '../../model/durability.ts';
import { PARTITIONS_MAX } from '../../model/partition.ts';
import type { Disk } from '../disk.ts';
import { StoreOpenError } from '../store.ts';
import { DEDUPE_SECRET_WORDS } from './dedupe-key.ts';
import { FORMAT_VERSION, SEGMENT_HEADER_BYTES, viewOf } from './format.ts';
import { META_FILE, type StoreMeta, saveMeta } from './meta-file.ts';
import type { MetaKeeper } from './meta-keeper.ts';
import type { LogEnd } from './recovery.ts';
import { LOG_DIRECTORY, SegmentSet, segmentBase, segmentPath } from './segment-set.ts';

const STORE_ID_BYTES = 16;
const COPY_BYTES = 1024 * 1024;
/** 2026-01-01T00:00:00Z; a u32 of seconds lasts for 136 years. */
const EPOCHS_START_MS = 1_767_225_600_000;

export async function createStore(
  disk: Disk,
  random: Random,
  options: { partitions: number; durability: Durability },
): Promise<StoreMeta> {
  const { partitions, durability } = options;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > PARTITIONS_MAX) {
    throw new StoreOpenError(`a store has 1 to ${PARTITIONS_MAX} partitions, not ${partitions}`);
  }
  await removeLeftovers(disk);
  const secret = viewOf(Buffer.from(random.bytes(DEDUPE_SECRET_WORDS * 4)));
  const meta: StoreMeta = {
    format: FORMAT_VERSION,
    storeId: randomHex(random, STORE_ID_BYTES),
    generation: 1,
    place: await disk.identity(),
    partitions,
    secret: Array.from({ length: DEDUPE_SECRET_WORDS }, (_, word) => secret.getUint32(word * 4, true)),
    durability,
    epochs: new Array(partitions).fill(1),
    lastMessageIds: new Array(partitions).fill(0),
    sealed: [],
    removed: [],
    activeBase: 0,
    durableMark: SEGMENT_HEADER_BYTES,
    clean: true,
  };
  const file = await new SegmentSet(disk).createFile(meta, 0, 1, 0);
  await file.close();
  await saveMeta(disk, meta);
  return meta;
}

/** What an interrupted creation left. Anything that may hold a message is not touched. */
async function removeLeftovers(disk: Disk): Promise<void> {
  for (const name of await disk.list(LOG_DIRECTORY)) {
    const base = segmentBase(name);
    if (base === undefined) continue;
    const file = await disk.open(segmentPath(base), { create: false });
    const size = await file.size();
    await file.close();
    if (base !== 0 || size > SEGMENT_HEADER_BYTES) {
      throw new StoreOpenError(
        `${META_FILE} is missing but ${segmentPath(base)} holds records. Nothing was changed. Restore the data directory from a backup.`,
      );
    }
    await disk.remove(segmentPath(base));
  }
}

/**
 * Makes the end of the log as safe as it claims to be and states it in meta, before anything is served: the bytes that
 * may never have reached the disk are written again and synced, the epochs rise if the last run may have lost
 * acknowledged commits or was cut, and a torn record is cut off. A copy begins a life of its own: the original may have
 * given out the seqs that follow.
 */
export async function takeOver(
  meta: MetaKeeper,
  segments: SegmentSet,
  end: LogEnd,
  now: { durability: Durability; place: string; wallMs: number },
): Promise<void> {
  const { clean, durableMark } = meta.current;
  const { active } = segments;
  if (!clean) await writeAgain(segments, Math.max(durableMark, end.durableMark, active.base), end.position);
  await meta.change((next) => {
    settleEpochs(next, end, now);
    next.place = now.place;
    next.durability = now.durability;
    next.durableMark = end.position;
    next.clean = false;
  });
  if (end.tornBytes === 0) return;
  await active.file.truncate(end.position - active.base);
  await active.file.sync();
}

/** The epochs of the life that goes on from `end`: risen when acknowledged commits may be missing from it. */
export function settleEpochs(meta: StoreMeta, end: LogEnd, now: { place: string; wallMs: number }): void {
  const mayMiss = end.tornBytes > 0 || (!meta.clean && meta.durability < Durability.Disk);
  if (meta.place !== now.place) beginNewLife(meta, now.wallMs);
  else if (mayMiss) meta.epochs = meta.epochs.map((epoch) => epoch + 1);
}

/**
 * Epochs of a store that parts from its past come from the clock, so that neither the original, which counts in ones,
 * nor another copy of it arrives at the same.
 */
export function beginNewLife(meta: StoreMeta, wallMs: number): void {
  const fromClock = Math.floor((wallMs - EPOCHS_START_MS) / 1000);
  meta.generation += 1;
  meta.epochs = meta.epochs.map((epoch) => Math.max(epoch + 1, fromClock));
}

/** After a failed fsync the system may hold pages that it believes to be on disk: only writing them again helps. */
async function writeAgain(segments: SegmentSet, from: number, to: number): Promise<void> {
  const { active } = segments;
  const buffer = Buffer.alloc(COPY_BYTES);
  for (let position = from; position < to; position += COPY_BYTES) {
    const bytes = buffer.subarray(0, Math.min(COPY_BYTES, to - position));
    await active.file.read(bytes, position - active.base);
    await active.file.write([bytes], position - active.base);
  }
  await active.file.sync();
}
