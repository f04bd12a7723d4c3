/** A backup of the store that this process has open, while it goes on. See `backup.ts`. */
import type { Disk } from '../disk.ts';
import { assertEmpty, BackupError, type BackupResult, metaOfCopy, writeStore } from './backup.ts';
import type { Engine } from './engine.ts';

/** Copies up to the committed mark. Rejects when `isStopping` comes true. */
export async function backupEngine(engine: Engine, target: Disk, isStopping: () => boolean): Promise<BackupResult> {
  const { log, segments, meta, state } = engine;
  await assertEmpty(target);
  const mark = log.committedMark;
  const pinned = segments.pin();
  const active = segments.active;
  const parts = pinned.map(({ base, end, file }) => ({ base, end: base === active.base ? mark : end, file }));
  const copy = metaOfCopy(meta.current, parts, Array.from(state.lastMessageIds));
  try {
    return await writeStore(parts, copy, target, () =>
      isStopping() ? Promise.reject(new BackupError('the store is closing')) : Promise.resolve(),
    );
  } finally {
    await segments.unpin(pinned);
  }
}
