import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SlotMeters } from '../src/gate/slot-meters.ts';

test('any history: the excess is what a bucket of the burst’s size that leaks at the rate has run over', () => {
  const history = fc.array(fc.record({ ms: fc.nat(400), amount: fc.integer({ min: 1, max: 5 }) }), { maxLength: 100 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), history, (rate, burst, counts) => {
      const meters = new SlotMeters(rate, burst);
      let nowMs = 1000;
      let level = 0;
      for (const { ms, amount } of counts) {
        nowMs += ms;
        level = Math.max(0, level - (ms * rate) / 1000) + amount;
        const expectedMs = (Math.max(0, level - burst) * 1000) / rate;
        assert.ok(Math.abs(meters.count(0, amount, nowMs) - expectedMs) < 1e-3);
        const recoveryMs = (Math.max(0, level - burst / 2) * 1000) / rate;
        assert.ok(Math.abs(meters.recoveryMs(0, nowMs) - recoveryMs) < 1e-3);
      }
    }),
  );
});

for (const rate of [1, 3, 7, 20, 1000]) {
  test(`a burst of exactly its size is within the rate, rounding or not: ${rate} a second`, () => {
    const meters = new SlotMeters(rate, 10 * rate);
    for (let count = 0; count < 10 * rate; count++) assert.equal(meters.count(5000, 1, 123.456), 0);
    assert.ok(meters.count(5000, 1, 123.456) > 0);
    meters.forget(5000);
    assert.equal(meters.count(5000, 1, 123.456), 0);
    assert.equal(meters.count(0, 1, 123.456), 0);
  });
}
