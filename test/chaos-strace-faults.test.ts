import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { delay, SystemClock } from '../src/clock/clock.ts';
import {
  attachWithFaults,
  isTraced,
  type SyscallFault,
  spawnWithFaults,
  straceArguments,
  straceProblem,
  tracedEnvironment,
} from '../tools/chaos/strace-faults.ts';

const problem = straceProblem();
const needsStrace = problem === undefined ? {} : { skip: problem };

/** Writes one byte and syncs it, `rounds` times; says how each sync ended and how long it took. */
const WRITER = `
const { open } = require('node:fs/promises');
(async () => {
  const [path, rounds, go] = process.argv.slice(1);
  const file = await open(path, 'w');
  process.stdout.write('ready\\n');
  if (go === 'wait') await new Promise((resolve) => process.stdin.once('data', resolve));
  for (let round = 0; round < Number(rounds); round += 1) {
    await file.write(Buffer.from('x'), 0, 1, round);
    const start = performance.now();
    const end = await file.datasync().then(() => 'ok', (error) => error.code);
    process.stdout.write(end + ' ' + Math.round(performance.now() - start) + '\\n');
  }
  process.exit(0);
})();`;

function scratchFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-strace-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'file');
}

function writer(t: TestContext, path: string, rounds: number, fault: SyscallFault): ChildProcess {
  const args = ['-e', WRITER, path, String(rounds)];
  const child = spawnWithFaults(process.execPath, args, { faults: [fault], only: [path] }, { stdio: 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** The lines that the writer says, and how it ended. */
async function ended(child: ChildProcess): Promise<{ lines: string[]; signal: string | null }> {
  let output = '';
  child.stdout?.on('data', (bytes) => {
    output += String(bytes);
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  const lines = output.trim().split('\n');
  return { lines: lines.filter((line) => line !== 'ready'), signal };
}

test('faults become the arguments of strace', () => {
  const faults = [
    { syscalls: ['fdatasync'], delayMs: 5 },
    { syscalls: ['pwrite64', 'pwritev'], signal: 'KILL', when: '3' },
  ];
  assert.deepEqual(straceArguments({ faults, only: ['data/a'] }).slice(4), [
    '-P',
    'data/a',
    '-e',
    'trace=fdatasync,pwrite64,pwritev',
    '-e',
    'inject=fdatasync:delay_enter=5000',
    '-e',
    'inject=pwrite64,pwritev:signal=KILL:when=3',
  ]);
});

test('the Nth sync of a file fails, and only that', needsStrace, async (t) => {
  const fault = { syscalls: ['fdatasync'], error: 'EIO', when: '2' };
  const { lines } = await ended(writer(t, scratchFile(t), 4, fault));
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    ['ok', 'EIO', 'ok', 'ok'],
  );
});

test('a delayed sync takes at least its delay', needsStrace, async (t) => {
  const { lines } = await ended(writer(t, scratchFile(t), 2, { syscalls: ['fdatasync'], delayMs: 50 }));
  for (const line of lines) assert.ok(Number(line.split(' ')[1]) >= 49, line);
});

test('a process dies at the Nth write, and the child shows it', needsStrace, async (t) => {
  const path = scratchFile(t);
  const { lines, signal } = await ended(writer(t, path, 5, { syscalls: ['pwrite64'], signal: 'KILL', when: '3' }));
  assert.equal(signal, 'SIGKILL');
  assert.equal(lines.length, 2);
  assert.ok(statSync(path).size <= 3);
});

test('a running process gets faults when strace is attached', needsStrace, async (t) => {
  const path = scratchFile(t);
  const env = tracedEnvironment({});
  const child = spawn(process.execPath, ['-e', WRITER, path, '2', 'wait'], { env, stdio: 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  const end = ended(child);
  await once(child.stdout, 'data');
  const tracer = attachWithFaults(child.pid as number, { faults: [{ syscalls: ['fdatasync'], error: 'EIO' }] });
  t.after(() => tracer.kill('SIGTERM'));
  const clock = new SystemClock();
  while (!isTraced(readFileSync(`/proc/${child.pid}/status`, 'utf8'))) await delay(clock, 5);
  child.stdin.write('go');
  const { lines } = await end;
  assert.ok(lines.every((line) => line.startsWith('EIO')) && lines.length === 2, lines.join());
});
