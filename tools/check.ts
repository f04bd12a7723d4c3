/**
 * `npm run check`: everything but the tests, in under a minute. One line per check with its duration; the output only
 * of those that fail. Two at a time: each of them uses more than one core already.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { SystemClock } from '../src/clock/clock.ts';

interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const TOGETHER_MAX = 2;
const SOURCES: readonly string[] = ['src', 'test', 'bench', 'tools'];

const CHECKS: readonly Check[] = [
  { name: 'types', ...installed('tsc', '--noEmit', '--incremental', 'false') },
  { name: 'format and lint (biome)', ...installed('biome', 'check', '--error-on-warnings', '--colors=off', '.') },
  { name: 'promises (oxlint)', ...installed('oxlint', '--type-aware', '--deny-warnings', ...SOURCES) },
  { name: 'layers (dependency-cruiser)', ...own('check-layers') },
  { name: 'dead code (knip)', ...installed('knip', '--no-progress') },
  { name: 'repository (tidy)', ...own('tidy') },
];

const clock = new SystemClock();

function installed(name: string, ...args: string[]): { command: string; args: string[] } {
  return { command: join('node_modules', '.bin', name), args };
}

function own(name: string): { command: string; args: string[] } {
  return { command: process.execPath, args: [join('dist', 'tools', `${name}.js`)] };
}

/** Runs one check; resolves with whether it passed. */
function run(check: Check): Promise<boolean> {
  const startMs = clock.monotonicMs();
  return new Promise((settle) => {
    const child = spawn(check.command, check.args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => output.push(piece));
    child.stderr.on('data', (piece: Buffer) => output.push(piece));
    const finish = (passed: boolean, text: string): void => {
      const seconds = ((clock.monotonicMs() - startMs) / 1000).toFixed(1);
      console.log(`${passed ? 'ok    ' : 'FAILED'}  ${check.name}  ${seconds} s`);
      if (!passed) console.log(text.trimEnd().replace(/^/gm, '        '));
      settle(passed);
    };
    child.on('error', (error) => finish(false, error.message));
    child.on('close', (code) => finish(code === 0, Buffer.concat(output).toString()));
  });
}

async function main(): Promise<void> {
  const waiting = [...CHECKS];
  let failed = 0;
  const lane = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      if (!(await run(check))) failed++;
    }
  };
  await Promise.all(Array.from({ length: TOGETHER_MAX }, lane));
  if (failed > 0) console.log(`${failed} of ${CHECKS.length} checks failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

await main();
