/**
 * `npm test`: all test files, then the acceptance tests one at a time, then one summary of both.
 *
 *   npm test                               everything
 *   npm test -- store                      files whose name contains "store" (several words: any of them)
 *   npm test -- gate --test-name-pattern T2   options go to node
 *
 * Fails when no test ran, and when a test was skipped without saying why.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addSummaries, emptySummary, formatSummary, type TestSummary } from './test-summary.ts';

/** A test that takes longer hangs. */
const TEST_TIMEOUT_MS = 240_000;

const toolsFolder = dirname(fileURLToPath(import.meta.url));
const testFolder = resolve(toolsFolder, '..', 'test');

function testFiles(folder: string, filters: readonly string[]): string[] {
  const names = listNames(folder).filter((name) => name.endsWith('.test.js'));
  return names
    .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
    .sort()
    .map((name) => relative(process.cwd(), join(folder, name)));
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Runs `files` in one `node --test`; resolves with what was counted. */
async function runFiles(
  files: readonly string[],
  concurrency: number,
  options: readonly string[],
): Promise<TestSummary> {
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-tests-'));
  const summaryFile = join(scratch, 'summary.json');
  const reporter = process.stdout.isTTY ? 'spec' : join(toolsFolder, 'test-reporter.js');
  try {
    const code = await runNode([
      '--enable-source-maps',
      '--test',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      `--test-reporter=${reporter}`,
      '--test-reporter-destination=stdout',
      `--test-reporter=${join(toolsFolder, 'test-summary-reporter.js')}`,
      `--test-reporter-destination=${summaryFile}`,
      ...options,
      ...files,
    ]);
    const summary = JSON.parse(readFileSync(summaryFile, 'utf8')) as TestSummary;
    return code === 0 ? summary : { ...summary, fail: Math.max(summary.fail, 1) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function runNode(args: readonly string[]): Promise<number> {
  return new Promise((settle, reject) => {
    const child = spawn(process.execPath, args, { stdio: 'inherit' });
    const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      settle(code ?? 1);
    });
  });
}

async function main(args: readonly string[]): Promise<number> {
  const optionsFrom = args.findIndex((arg) => arg.startsWith('-'));
  const filters = optionsFrom < 0 ? args : args.slice(0, optionsFrom);
  const options = optionsFrom < 0 ? [] : args.slice(optionsFrom);
  const unitFiles = testFiles(testFolder, filters);
  const acceptanceFiles = testFiles(join(testFolder, 'acceptance'), filters);

  let total = emptySummary();
  if (unitFiles.length > 0) {
    total = addSummaries(total, await runFiles(unitFiles, Math.max(2, availableParallelism()), options));
  }
  if (acceptanceFiles.length > 0) total = addSummaries(total, await runFiles(acceptanceFiles, 1, options));

  for (const title of total.skippedWithoutReason) console.log(`skipped without a reason: ${title}`);
  if (total.ran === 0) console.log(`no test ran${filters.length > 0 ? ` (no match for ${filters.join(', ')})` : ''}`);
  console.log(formatSummary(total));
  return total.fail + total.cancelled + total.skippedWithoutReason.length > 0 || total.ran === 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
