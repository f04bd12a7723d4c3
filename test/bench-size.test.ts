import assert from 'node:assert/strict';
import test from 'node:test';
import { DeliveryCheck } from '../bench/load/delivery-check.ts';
import { MACHINE_DEFAULT, MEASURED_COSTS, sizeOf, WORKLOAD_DEFAULT } from '../bench/size.ts';
import { slope } from '../bench/statistics.ts';

test('a sizing grows with its users and never asks for less than one machine', () => {
  assert.equal(sizeOf({ ...WORKLOAD_DEFAULT, users: 1 }).machines, 1);
  const large = sizeOf({ ...WORKLOAD_DEFAULT, users: 50_000_000 });
  assert.ok(large.machines > sizeOf({ ...WORKLOAD_DEFAULT, users: 5_000_000 }).machines);
});

test('a sizing is bound by memory when connections are many and messages few', () => {
  const workload = {
    ...WORKLOAD_DEFAULT,
    users: 20_000_000,
    messagesPerUserPerDay: 0,
    onlineShare: 1,
    devicesPerUser: 1,
  };
  const { machines, steps } = sizeOf(workload, MEASURED_COSTS, { ...MACHINE_DEFAULT, cores: 1000 });
  const memory = steps.find(({ what }) => what === 'memory')?.value ?? 0;
  assert.equal(machines, Math.ceil(memory / MACHINE_DEFAULT.memoryBytes / MACHINE_DEFAULT.loadMax));
});

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
