import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdmissionQueue } from '../src/logic/admission-queue.ts';
import { ManualClock } from './support/manual-clock.ts';

function queueOf(runningMax: number, waitingMax: number, waitMsMax = 100) {
  const clock = new ManualClock();
  const started: number[] = [];
  const expired: number[] = [];
  const queue = new AdmissionQueue<number>({
    clock,
    runningMax,
    waitingMax,
    waitMsMax,
    start: (task) => started.push(task),
    expired: (task) => expired.push(task),
  });
  return { clock, queue, started, expired };
}

test('as many tasks run as may, the rest start in order as others finish', () => {
  const { queue, started } = queueOf(2, 10);
  for (const task of [1, 2, 3, 4]) assert.equal(queue.offer(task), true);
  assert.deepEqual(started, [1, 2]);
  queue.finished();
  assert.deepEqual(started, [1, 2, 3]);
  queue.finished();
  assert.deepEqual(started, [1, 2, 3, 4]);
  assert.equal(queue.waiting, 0);
});

test('a full queue refuses at once', () => {
  const { queue } = queueOf(1, 1);
  assert.equal(queue.offer(1), true);
  assert.equal(queue.offer(2), true);
  assert.equal(queue.offer(3), false);
});

test('a task that waited too long expires and never starts; the later ones go on waiting', () => {
  const { clock, queue, started, expired } = queueOf(1, 10, 100);
  queue.offer(1);
  queue.offer(2);
  clock.advance(60);
  queue.offer(3);
  clock.advance(39);
  assert.deepEqual(expired, []);
  clock.advance(1);
  assert.deepEqual(expired, [2]);
  queue.finished();
  assert.deepEqual(started, [1, 3]);
  clock.advance(1000);
  assert.deepEqual(expired, [2]);
  assert.equal(clock.pendingTimers, 0);
});

test('tasks that finish within their own start use no stack', () => {
  const clock = new ManualClock();
  let started = 0;
  let first = true;
  const queue: AdmissionQueue<number> = new AdmissionQueue<number>({
    clock,
    runningMax: 1,
    waitingMax: 100_000,
    waitMsMax: 1000,
    start: () => {
      started++;
      if (!first) queue.finished();
      first = false;
    },
    expired: () => assert.fail('nothing expires'),
  });
  for (let i = 0; i < 50_000; i++) queue.offer(i);
  assert.equal(started, 1);
  queue.finished();
  assert.equal(started, 50_000);
  assert.equal(queue.running, 0);
});

test('stop expires everything that waits', () => {
  const { clock, queue, expired } = queueOf(1, 10);
  for (const task of [1, 2, 3]) queue.offer(task);
  queue.stop();
  assert.deepEqual(expired, [2, 3]);
  assert.equal(clock.pendingTimers, 0);
});
