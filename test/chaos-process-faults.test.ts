import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { SystemClock } from '../src/clock/clock.ts';
import { type FaultTarget, planFaults, runFault, runFaults } from '../tools/chaos/process-faults.ts';
import { SeededRandom } from './support/seeded-random.ts';

const IDLE = ['-e', 'setInterval(() => undefined, 1000)', 'sluice-dummy'];

/** One role that is started again whenever it dies. */
class DummySystem {
  readonly pids: number[] = [];
  #child: ChildProcess | undefined;
  #stopped = false;
  readonly #restarts: boolean;

  constructor(restarts: boolean) {
    this.#restarts = restarts;
    this.#start();
  }

  readPid(name: string): number | undefined {
    return name === 'gate-1' ? this.pids.at(-1) : undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#child?.kill('SIGKILL');
  }

  #start(): void {
    this.#child = spawn(process.execPath, IDLE, { stdio: 'ignore' });
    this.pids.push(this.#child.pid as number);
    this.#child.on('exit', () => {
      if (!this.#stopped && this.#restarts) this.#start();
    });
  }
}

function system(t: TestContext, restarts = true, awayMsMax = 10_000): FaultTarget & { pids: DummySystem } {
  const pids = new DummySystem(restarts);
  t.after(() => pids.stop());
  return { clock: new SystemClock(), pids, isOurs: (pid) => statusOf(pid) !== 'Z', awayMsMax };
}

/** 'Z' when it is gone, or dead and not yet collected. */
function statusOf(pid: number): string {
  try {
    return /^State:\s*(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 'Z';
  } catch {
    return 'Z';
  }
}

test('a killed role is waited for until it is back under a new pid', async (t) => {
  const target = system(t);
  const faults = planFaults(new SeededRandom(1), {
    roles: ['gate-1'],
    count: 3,
    gapMsMax: 5,
    pauseMsMax: 0,
    pauses: 0,
  });
  const done = await runFaults(target, faults);
  assert.deepEqual(
    done.map(({ pidBefore, pidAfter }) => [pidBefore, pidAfter]),
    [0, 1, 2].map((index) => [target.pids.pids[index], target.pids.pids[index + 1]]),
  );
});

test('a paused role goes on afterwards under its old pid', async (t) => {
  const target = system(t);
  const pause = runFault(target, { role: 'gate-1', kind: 'pause', afterMs: 0, pauseMs: 300 });
  const pid = target.pids.readPid('gate-1') as number;
  while (statusOf(pid) !== 'T') await new Promise((resolve) => target.clock.setTimer(() => resolve(undefined), 5));
  const { pidBefore, pidAfter, awayMs } = await pause;
  assert.deepEqual([pidBefore, pidAfter], [pid, pid]);
  assert.ok(awayMs >= 290);
  assert.notEqual(statusOf(pid), 'T');
});

test('a role that does not come back fails with its name and the bound', async (t) => {
  const target = system(t, false, 200);
  const kill = runFault(target, { role: 'gate-1', kind: 'kill', afterMs: 0, pauseMs: 0 });
  await assert.rejects(kill, /^Error: gate-1 did not come back within 200 ms/);
});

test('plans drawn from one seed are the same plan', () => {
  const plan = { roles: ['gate-1', 'logic-1'], count: 30, gapMsMax: 100, pauseMsMax: 100, pauses: 0.5 };
  const [first, again, other] = [5, 5, 6].map((seed) => planFaults(new SeededRandom(seed), plan));
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
  assert.equal(new Set(first?.map(({ kind, role }) => `${kind} ${role}`)).size, 4);
});
