/** `sluice fsck`: reads a store, or a backup, from end to end; with `--repair` cuts it down to what is consistent. */
import { resolve } from 'node:path';
import { SystemClock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { FsckVerdict } from '../store/embedded/fsck-report.ts';
import type { RepairResult } from '../store/embedded/repair.ts';
import { describeReport, fsckDirectory, repairDirectory } from '../store/embedded/store-commands.ts';
import { CliError, ExitCode } from './cli-error.ts';
import { existingDirectory, storeDirectory, systemRuns, withoutSystem } from './system-lock.ts';
import { writeLine } from './terminal.ts';

export interface FsckOptions {
  readonly repair?: boolean;
  readonly json?: boolean;
}

const USABLE: ReadonlySet<FsckVerdict> = new Set([FsckVerdict.Intact, FsckVerdict.Interrupted]);

/** @param backup a backup to look at instead of the store; '' for none */
export async function fsck(config: Config, options: FsckOptions, backup: string): Promise<ExitCode> {
  const directory = existingDirectory(backup === '' ? storeDirectory(config) : resolve(backup), 'store to check');
  const act = async (): Promise<RepairResult> =>
    options.repair
      ? await repairDirectory(directory, new SystemClock().wallMs())
      : { report: await fsckDirectory(directory), isRepaired: false, putAside: '' };
  const result = backup === '' ? await withoutSystem(config, act) : await act();
  if (result === undefined) throw systemRuns(config);
  const { report, isRepaired, putAside } = result;
  if (report.verdict === FsckVerdict.InUse) throw new CliError(`a process has ${directory} open: stop it first`);
  if (options.json) await writeLine(JSON.stringify({ directory, ...report, isRepaired, putAside }));
  else for (const line of [...describeReport(report), ...outcome(result)]) await writeLine(line);
  return USABLE.has(report.verdict) || isRepaired ? ExitCode.Done : ExitCode.Failed;
}

const ADVICE =
  '`sluice restore` from a backup, or `sluice fsck --repair` to go on with what is consistent; the rest is put aside';

function outcome({ report, isRepaired, putAside }: RepairResult): string[] {
  if (report.verdict !== FsckVerdict.Damaged) return [];
  if (!isRepaired) return [ADVICE];
  return [`repaired: cut down to what is consistent; the rest is in ${putAside}. Every client will pull again.`];
}
