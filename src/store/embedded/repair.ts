/**
 * Cuts a damaged store down to its longest consistent prefix. Only when asked to; nothing is deleted:
 *
 *   log/…a.seg ▕ kept ▏ damage … ▏    log/…b.seg             store.meta
 *                     └─► repair-1/…a.seg.from-4711   └─► repair-1/…b.seg    └─► repair-1/store.meta
 *
 * What is cut is synced in its new place before the old one changes, and meta is written last: a repair that is
 * interrupted is repeated. All epochs rise, since messages that were acknowledged may be gone: every client learns of it.
 * Users whose names lie behind the damage get them again from there, or a made-up one.
 */

import type { AppId, Uid } from '../../model/ids.ts';
import { partitionOf } from '../../model/partition.ts';
import type { Disk } from '../disk.ts';
import { encodeUser, type UserEntry } from './entry-codec.ts';
import { copyToFile } from './file-copy.ts';
import { emptyReport, type FsckReport, FsckVerdict } from './fsck-report.ts';
import { LogTail } from './log-tail.ts';
import { META_FILE, saveMeta } from './meta-file.ts';
import { RecordBuilder } from './record-builder.ts';
import { LOG_DIRECTORY, segmentBase, segmentPath } from './segment-set.ts';
import { checkStore, type PrefixEnd } from './store-check.ts';
import { beginNewLife } from './store-files.ts';

export interface RepairResult {
  /** How the store was before. */
  report: FsckReport;
  /** False: nothing had to be done, or nothing could be. */
  isRepaired: boolean;
  /** Where that which was cut lies, relative to the data directory; empty when nothing was. */
  putAside: string;
}

const NAME_BYTES = 1024;
const REPAIRS_MAX = 1000;

export async function repair(disk: Disk, wallMs: number): Promise<RepairResult> {
  const lock = await disk.lock();
  if (lock === undefined) {
    return { report: { ...emptyReport(), verdict: FsckVerdict.InUse }, isRepaired: false, putAside: '' };
  }
  try {
    const { report, end } = await checkStore(disk);
    if (report.verdict !== FsckVerdict.Damaged || end === undefined) return { report, isRepaired: false, putAside: '' };
    const putAside = await freeDirectory(disk);
    await cut(disk, end, putAside, wallMs);
    return { report, isRepaired: true, putAside };
  } finally {
    await lock.release();
  }
}

async function cut(disk: Disk, end: PrefixEnd, aside: string, wallMs: number): Promise<void> {
  const { meta, bases, chain } = end;
  const activeBase = bases.at(-1)!;
  await copyAside(disk, META_FILE, 0, `${aside}/${META_FILE}`);
  const active = await disk.open(segmentPath(activeBase), { create: false });
  try {
    const offset = chain.position - activeBase;
    const name = segmentPath(activeBase).slice(LOG_DIRECTORY.length + 1);
    if ((await active.size()) > offset) {
      await copyAside(disk, segmentPath(activeBase), offset, `${aside}/${name}.from-${offset}`);
    }
    await disk.syncDirectory(aside);
    await disk.syncDirectory('.');
    for (const other of await disk.list(LOG_DIRECTORY)) {
      const base = segmentBase(other);
      if (base === undefined || bases.includes(base)) continue;
      await disk.rename(`${LOG_DIRECTORY}/${other}`, `${aside}/${other}`);
    }
    await disk.syncDirectory(aside);
    await disk.syncDirectory(LOG_DIRECTORY);
    await active.truncate(offset);
    const naming = namingRecord(end);
    if (naming !== undefined) await active.write([naming], offset);
    await active.sync();
    const next = structuredClone(meta);
    beginNewLife(next, wallMs);
    next.sealed = meta.sealed.filter(({ base }) => bases.includes(base) && base !== activeBase);
    next.activeBase = activeBase;
    next.durableMark = chain.position + (naming?.length ?? 0);
    next.lastMessageIds = end.lastMessageIds;
    next.clean = true;
    await saveMeta(disk, next);
  } finally {
    await active.close();
  }
}

/** A record that names the users whose names were cut, or undefined when there are none. */
function namingRecord({ meta, chain, unnamedUsers, names }: PrefixEnd): Buffer | undefined {
  if (unnamedUsers.length === 0) return undefined;
  const builder = new RecordBuilder(new LogTail(unnamedUsers.length * NAME_BYTES), meta.secret[0]!);
  builder.begin(chain.position, chain.commit, chain.previousCrc, chain.position, meta.durability);
  for (const user of unnamedUsers) {
    const { app, uid } = names.get(user) ?? madeUp(user);
    encodeUser(builder, user, partitionOf(app, uid, meta.partitions), app, uid);
  }
  return builder.finish().bytes;
}

/** No app has an empty id, so that nobody can log in as this user. */
function madeUp(user: number): UserEntry {
  return { user, app: '' as AppId, uid: `unnamed-${user}` as Uid };
}

async function copyAside(disk: Disk, path: string, from: number, to: string): Promise<void> {
  const file = await disk.open(path, { create: false });
  try {
    await copyToFile({ file, from, length: (await file.size()) - from }, disk, to);
  } finally {
    await file.close();
  }
}

async function freeDirectory(disk: Disk): Promise<string> {
  for (let number = 1; number <= REPAIRS_MAX; number++) {
    const name = `repair-${number}`;
    if ((await disk.list(name)).length === 0) return name;
  }
  throw new Error('there are too many directories repair-N: move them away first');
}
