import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './support/manual-clock.ts';
import { SeededRandom } from './support/seeded-random.ts';

test('the manual clock fires timers by due time, equal ones in the order they were set', () => {
  const clock = new ManualClock();
  const log: string[] = [];
  clock.setTimer(() => log.push(`b@${clock.monotonicMs()}`), 20);
  clock.setTimer(() => log.push(`a@${clock.monotonicMs()}`), 10);
  clock.setTimer(() => log.push(`c@${clock.monotonicMs()}`), 20);
  clock.clearTimer(clock.setTimer(() => log.push('cleared'), 15));
  clock.advance(19);
  assert.deepEqual(log, ['a@10']);
  clock.advance(1);
  assert.deepEqual(log, ['a@10', 'b@20', 'c@20']);
  assert.equal(clock.pendingTimers, 0);
});

test('the manual clock runs deferred tasks after the timer that asked for them and before the next timer', () => {
  const clock = new ManualClock();
  const log: string[] = [];
  clock.setTimer(() => {
    log.push('timer 1');
    clock.defer(() => log.push('end of tick 1'));
  }, 5);
  clock.setTimer(() => log.push('timer 2'), 5);
  clock.advance(5);
  assert.deepEqual(log, ['timer 1', 'end of tick 1', 'timer 2']);
});

test('the manual clock moves wall time with monotonic time and lets it jump alone', () => {
  const clock = new ManualClock(1_000);
  clock.advance(2.5);
  assert.equal(clock.wallMs(), 1_002);
  clock.wallStartMs -= 600;
  assert.equal(clock.wallMs(), 402);
  assert.equal(clock.monotonicMs(), 2.5);
});

test('the manual clock lets awaiting code go on between steps of time', async () => {
  const clock = new ManualClock();
  const seenMs: number[] = [];
  const loop = (async () => {
    for (let round = 0; round < 3; round += 1) {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 10));
      seenMs.push(clock.monotonicMs());
    }
  })();
  await clock.advanceAsync(30);
  await loop;
  assert.deepEqual(seenMs, [10, 20, 30]);
});

test('the seeded random repeats for one seed and differs for another', () => {
  const first = new SeededRandom(7);
  const again = new SeededRandom(7);
  assert.deepEqual(first.bytes(64), again.bytes(64));
  assert.equal(first.fraction(), again.fraction());
  assert.notDeepEqual(new SeededRandom(7).bytes(64), new SeededRandom(8).bytes(64));
  assert.ok(Array.from({ length: 1000 }, () => first.below(3)).every((n) => n === 0 || n === 1 || n === 2));
});
