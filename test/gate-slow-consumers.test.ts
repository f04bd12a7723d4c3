import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SlowConsumers } from '../src/gate/slow-consumers.ts';

const DRAIN_TIMEOUT_MS = 100;

test('any history of queue lengths: who is overdue has not got shorter for the whole time, and everyone who has not is', () => {
  const history = fc.array(fc.record({ ms: fc.integer({ min: 1, max: 60 }), queued: fc.nat(5) }), { maxLength: 60 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), history, (first, checks) => {
      const slow = new SlowConsumers({ stallTimeoutMs: DRAIN_TIMEOUT_MS });
      slow.watch(0, first, 0);
      let nowMs = 0;
      let before = first;
      let progressMs = 0;
      let watched = true;
      for (const { ms, queued } of checks) {
        nowMs += ms;
        if (queued < before) progressMs = nowMs;
        before = queued;
        const overdue: number[] = [];
        slow.check(
          nowMs,
          () => queued,
          (slot) => overdue.push(slot),
        );
        const expected: boolean = watched && queued > 0 && nowMs - progressMs >= DRAIN_TIMEOUT_MS;
        assert.deepEqual(overdue, expected ? [0] : []);
        if (queued === 0) watched = false;
        assert.equal(slow.size, watched ? 1 : 0);
      }
    }),
  );
});

test('watching twice does not start the time again', () => {
  const slow = new SlowConsumers({ stallTimeoutMs: DRAIN_TIMEOUT_MS });
  slow.watch(0, 10, 0);
  slow.watch(0, 20, 90);
  const overdue: number[] = [];
  slow.check(
    100,
    () => 20,
    (slot) => overdue.push(slot),
  );
  assert.deepEqual(overdue, [0]);
});

test('whoever is reported may be forgotten while reporting', () => {
  const slow = new SlowConsumers({ stallTimeoutMs: DRAIN_TIMEOUT_MS });
  for (const slot of [0, 1, 2]) slow.watch(slot, 10, 0);
  slow.check(
    100,
    () => 10,
    (slot) => slow.forget(slot),
  );
  assert.equal(slow.size, 0);
});
