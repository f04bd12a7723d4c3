/**
 * What `sluice fsck`, `sluice backup` and `sluice restore` do to the store in a directory, and what they print. A store
 * that a process has open is backed up by that process: `EmbeddedStore.backup`.
 */
import { stat } from 'node:fs/promises';
import type { Disk } from '../disk.ts';
import { BackupError, type BackupResult, backupStopped } from './backup.ts';
import { fsck } from './fsck.ts';
import { emptyReport, type FsckReport, FsckVerdict } from './fsck-report.ts';
import { NodeDisk } from './node-disk.ts';
import { type RepairResult, repair } from './repair.ts';
import { type RestoreResult, restore } from './restore.ts';

export async function fsckDirectory(directory: string): Promise<FsckReport> {
  if (!(await isDirectory(directory))) return { ...emptyReport(), verdict: FsckVerdict.Absent };
  return fsck(new NodeDisk(directory));
}

export async function repairDirectory(directory: string, wallMs: number): Promise<RepairResult> {
  if (await isDirectory(directory)) return repair(new NodeDisk(directory), wallMs);
  return { report: { ...emptyReport(), verdict: FsckVerdict.Absent }, isRepaired: false, putAside: '' };
}

/** Copies a store that nobody has open and reads the copy back. */
export async function backupDirectory(source: string, target: string): Promise<BackupResult> {
  const result = await backupStopped(await existing(source), new NodeDisk(target));
  await assertReadable(new NodeDisk(target));
  return result;
}

/** Reads a backup from the first byte to the last; rejects when anything is wrong with it. */
export async function verifyBackup(directory: string): Promise<FsckReport> {
  return assertReadable(await existing(directory));
}

export async function restoreDirectory(backup: string, target: string, wallMs: number): Promise<RestoreResult> {
  return restore(await existing(backup), new NodeDisk(target), wallMs);
}

/** One line a fact, for people. */
export function describeReport(report: FsckReport): string[] {
  const { kept, beyond } = report;
  const lines = [`verdict: ${report.verdict}`];
  if (report.storeId !== '') {
    const closed = report.wasClosed ? 'closed in order' : 'not closed in order';
    lines.push(`store: ${report.storeId}, generation ${report.generation}, epoch ${report.epochMax}, ${closed}`);
    lines.push(
      `consistent: ${kept.commits} commits, ${kept.messages} messages, ${kept.users} users in ${kept.segments} segments, ` +
        `${kept.bytes} bytes`,
    );
  }
  if (kept.messages > 0) lines.push(`newest of them: ${new Date(kept.lastMessageMs).toISOString()}`);
  if (beyond.bytes > 0) {
    lines.push(
      `behind the damage: ${beyond.commits} intact commits, ${beyond.messages} messages, ${beyond.bytes} bytes`,
    );
  }
  for (const { path, byte, what } of report.findings) lines.push(`${path}, byte ${byte}: ${what}`);
  return lines;
}

async function assertReadable(disk: Disk): Promise<FsckReport> {
  const report = await fsck(disk);
  if (report.verdict === FsckVerdict.Intact) return report;
  throw new BackupError(`the backup is not usable\n${describeReport(report).join('\n')}`);
}

async function existing(directory: string): Promise<NodeDisk> {
  if (!(await isDirectory(directory))) throw new BackupError(`${directory} is not a directory`);
  return new NodeDisk(directory);
}

async function isDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() === true;
}
