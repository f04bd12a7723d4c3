import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopPacer } from '../src/clock/loop-pacer.ts';
import { ManualClock } from './support/manual-clock.ts';

interface Paced {
  readonly clock: ManualClock;
  readonly pacer: LoopPacer;
  readonly done: string[];
  /** An event, and the end of its turn. */
  readonly event: () => void;
}

function paced(intervalMs: number): Paced {
  const clock = new ManualClock();
  const done: string[] = [];
  const pacer = new LoopPacer(clock, intervalMs, (ms) => {
    done.push(`sleep ${ms}`);
    clock.advance(ms);
  });
  pacer.beforeSleep(() => done.push('flush'));
  const event = (): void => {
    pacer.touched();
    clock.runDeferred();
  };
  return { clock, pacer, done, event };
}

test('the first event after a pause of two intervals is not followed by a sleep, the next one is', () => {
  const { clock, done, event } = paced(10);
  event();
  assert.deepEqual(done, []);
  clock.advance(29);
  event();
  assert.deepEqual(done, ['flush', 'sleep 10']);
  clock.advance(21);
  event();
  assert.deepEqual(done, ['flush', 'sleep 10']);
});

test('events of one turn are followed by one sleep, and what they left to send leaves before it', () => {
  const { pacer, clock, done, event } = paced(10);
  event();
  pacer.touched();
  pacer.touched();
  clock.runDeferred();
  assert.deepEqual(done, ['flush', 'sleep 10']);
  assert.equal(pacer.sleeps, 1);
});

test('a process without events does not sleep: it waits as usual', () => {
  const { clock, done, event } = paced(10);
  event();
  event();
  const before = done.length;
  clock.advance(1000);
  assert.equal(done.length, before);
});

test('the sleep is shorter by what the turn took, and a turn as long as the interval is followed by none', () => {
  const { clock, pacer, done, event } = paced(10);
  event();
  let turnMs = 4;
  pacer.beforeSleep(() => clock.advance(turnMs));
  event();
  assert.deepEqual(done, ['sleep 6']);
  turnMs = 10;
  event();
  assert.deepEqual(done, ['sleep 6']);
});
