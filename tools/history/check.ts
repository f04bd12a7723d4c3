/**
 * Checks recorded histories: `node dist/tools/history/check.js FILE…`
 *
 * All files together are one history. Exit code 0: every promise was kept; 1: some were not; 2: the files cannot be read.
 */
import { checkHistory } from './checker.ts';
import { readHistoryFiles } from './history-files.ts';
import { printReport } from './report.ts';

async function main(paths: readonly string[]): Promise<number> {
  if (paths.length === 0) {
    console.error('usage: node dist/tools/history/check.js FILE…');
    return 2;
  }
  try {
    const report = checkHistory(await readHistoryFiles(paths));
    printReport(report);
    return report.ok ? 0 : 1;
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
