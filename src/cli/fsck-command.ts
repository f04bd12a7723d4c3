/** `sluice fsck`: reads a store, or a backup, from end to end; with `--repair` cuts it down to what is consistent. */
import { resolve } from 'node:path';
import { SystemClock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { fsck as checkStore } from '../store/embedded/fsck.ts';
import { FsckVerdict } from '../store/embedded/fsck-report.ts';
import { NodeDisk } from '../store/embedded/node-disk.ts';
import { type RepairResult, repair } from '../store/embedded/repair.ts';
import { CliError, ExitCode } from './cli-error.ts';
import { existingDirectory, storeDirectory, systemRuns, withoutSystem } from './system-lock.ts';
import { writeLine } from './terminal.ts';

export interface FsckOptions {
  readonly repair?: boolean;
  readonly json?: boolean;
}

const FINDINGS_SHOWN = 20;
const USABLE: ReadonlySet<FsckVerdict> = new Set([FsckVerdict.Intact, FsckVerdict.Interrupted]);

/** @param backup a backup to look at instead of the store; '' for none */
export async function fsck(config: Config, options: FsckOptions, backup: string): Promise<ExitCode> {
  const directory = existingDirectory(backup === '' ? storeDirectory(config) : resolve(backup), 'store to check');
  const disk = new NodeDisk(directory);
  const act = async (): Promise<RepairResult> =>
    options.repair
      ? await repair(disk, new SystemClock().wallMs())
      : { report: await checkStore(disk), isRepaired: false, putAside: '' };
  const result = backup === '' ? await withoutSystem(config, act) : await act();
  if (result === undefined) throw systemRuns(config);
  const { report, isRepaired, putAside } = result;
  if (report.verdict === FsckVerdict.InUse) throw new CliError(`a process has ${directory} open: stop it first`);
  if (options.json) await writeLine(JSON.stringify({ directory, ...report, isRepaired, putAside }));
  else for (const line of linesOf(directory, result)) await writeLine(line);
  return USABLE.has(report.verdict) || isRepaired ? ExitCode.Done : ExitCode.Failed;
}

function* linesOf(directory: string, { report, isRepaired, putAside }: RepairResult): Generator<string> {
  const { verdict, findings, kept, beyond } = report;
  yield `${directory}: ${verdict}`;
  for (const { path, byte, what } of findings.slice(0, FINDINGS_SHOWN)) yield `  ${path}, byte ${byte}: ${what}`;
  if (findings.length > FINDINGS_SHOWN) yield `  … and ${findings.length - FINDINGS_SHOWN} more`;
  if (verdict === FsckVerdict.Absent || verdict === FsckVerdict.Lost) return;
  const last = kept.lastMessageMs === 0 ? '' : `, the last at ${new Date(kept.lastMessageMs).toISOString()}`;
  yield `consistent: ${kept.commits} commits, ${kept.messages} messages of ${kept.users} users${last} (${kept.bytes} bytes)`;
  if (verdict !== FsckVerdict.Damaged) return;
  yield `readable behind the damage, but not consistent: ${beyond.commits} commits, ${beyond.messages} messages`;
  yield isRepaired ? repaired(putAside) : ADVICE;
}

const ADVICE =
  '`sluice restore` from a backup, or `sluice fsck --repair` to go on with what is consistent; the rest is put aside';

function repaired(putAside: string): string {
  return `repaired: cut down to what is consistent${putAside === '' ? '' : `; the rest is in ${putAside}`}. All clients will pull again.`;
}
