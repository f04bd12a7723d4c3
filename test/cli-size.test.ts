import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Costs, MEASURED_COSTS } from '../src/cli/measured-costs.ts';
import { type MachineShape, type Size, sizeOf, type Workload } from '../src/cli/sizing.ts';
import { sluice } from './support/system.ts';

const WORKLOAD: Workload = {
  users: 100_000,
  messagesPerDay: 50,
  onlineShare: 0.3,
  devices: 1,
  payloadBytes: 200,
  peakFactor: 4,
  reconnectsPerHour: 0.5,
  retentionDays: 30,
  retentionMessages: 100_000,
  dedupeDays: 1,
  heartbeatS: 60,
};
const MACHINE: MachineShape = {
  cores: 8,
  memoryBytes: 32e9,
  loadMax: 0.5,
  connectionsPerGate: 100_000,
  redisNodeBytes: 32e9,
  redisReplicas: 1,
};

function sized(workload: Partial<Workload>, machine: Partial<MachineShape> = {}, costs: Partial<Costs> = {}): Size {
  return sizeOf({ ...WORKLOAD, ...workload }, { ...MEASURED_COSTS, ...costs }, { ...MACHINE, ...machine });
}

function step(size: Size, name: string): number {
  return size.steps.find(({ what }) => what === name)?.value ?? Number.NaN;
}

test('a sizing grows with its users and never asks for less than one machine and one node', () => {
  const small = sized({ users: 1 });
  assert.deepEqual([small.machines, small.redisNodes, small.embeddedFits], [1, 2, true]);
  assert.ok(sized({ users: 50_000_000 }).machines > sized({ users: 5_000_000 }).machines);
});

test('a sizing is bound by memory when connections are many and messages few', () => {
  const size = sized({ users: 20_000_000, messagesPerDay: 0, onlineShare: 1 }, { cores: 1000 });
  const memory = step(size, 'memory for connections');
  assert.equal(size.machines, Math.ceil(memory / MACHINE.memoryBytes / MACHINE.loadMax));
});

test('a sizing is bound by cores when messages are many: each is delivered to all devices but the sending one', () => {
  const size = sized(
    { users: 86_400, messagesPerDay: 1000, devices: 2 },
    { memoryBytes: 1e15 },
    { cpuMicrosPerDelivery: 100 },
  );
  assert.equal(step(size, 'deliveries in the busiest second'), 1000 * 4 * 3);
  assert.equal(size.machines, Math.ceil(step(size, 'cores in use') / 8 / 0.5));
});

test('what is kept is bound by age and by count, and the embedded store fits while one machine has its memory', () => {
  assert.equal(step(sized({ retentionMessages: 1000 }), 'messages kept'), 100_000 * 500);
  assert.equal(step(sized({}), 'messages kept'), 100_000 * 1500);
  assert.equal(sized({}).embeddedFits, true);
  assert.equal(sized({ users: 5_000_000, messagesPerDay: 200 }).embeddedFits, false);
});

test('Redis nodes hold the memory, or bear the rate, with their replicas', () => {
  const byMemory = sized({});
  assert.equal(byMemory.redisNodes, 2 * Math.ceil(step(byMemory, 'Redis: memory') / 32e9 / 0.5));
  const byRate = sized(
    { retentionDays: 0, users: 1_000_000, messagesPerDay: 500, dedupeDays: 0 },
    { redisReplicas: 2 },
  );
  assert.equal(byRate.redisNodes, 3 * Math.ceil(step(byRate, 'Redis: cores in use') / 0.5));
});

test('sluice size prints every step, the result, and where its costs come from', async () => {
  const { code, stdout } = await sluice(['size', '--users', '5e6', '--messages-per-day', '200']);
  assert.equal(code, 0);
  assert.match(stdout, /connections at the busiest time +1,950,000 += 5000000 users × 0\.3 online × 1\.3 devices/);
  assert.match(
    stdout,
    /^\d+ machines, \d+ gate workers; the embedded store does not fit on one machine: Redis, [\d,]+ nodes\.$/m,
  );
  assert.match(stdout, /Costs from .*\d{4}/);
});

test('sluice size takes costs that were measured elsewhere, and says as JSON what it assumed', async () => {
  const { stdout } = await sluice(['size', '--users', '1000', '--cpu-per-delivery', '7', '--json']);
  const result = JSON.parse(stdout);
  assert.deepEqual([result.costs.cpuMicrosPerDelivery, result.machines, result.workload.retentionDays], [7, 1, 30]);
});
