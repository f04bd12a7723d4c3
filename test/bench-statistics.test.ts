import assert from 'node:assert/strict';
import test from 'node:test';
import { DeliveryCheck } from '../bench/load/delivery-check.ts';
import { slope } from '../bench/statistics.ts';

test('the slope of a straight line is what one more of x adds, whatever it starts from', () => {
  assert.equal(
    slope([
      [1000, 5_001_000],
      [2000, 5_002_000],
      [4000, 5_004_000],
    ]),
    1,
  );
});

test('a delivery check tells lost, doubled and reordered messages apart', () => {
  const check = new DeliveryCheck(2);
  for (const counter of [0, 1, 3, 2, 2, 5]) check.delivered(0, counter);
  check.delivered(1, 0);
  assert.deepEqual(check.faults(Uint32Array.of(7, 1)), { lost: 2, duplicated: 1, reordered: 1 });
});
