import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseReason, Command, ErrorCode, Intent, SendFlag } from '../src/protocol/index.ts';
import { MemoryStoreData } from '../src/store/memory/memory-store-data.ts';
import { type FakeGate, fieldsOf } from './support/fake-gate.ts';
import { logicWorld } from './support/logic-world.ts';

/** The generation that a slot was given. */
function generationOf(gate: FakeGate, slot: number): number {
  return Number(gate.of(slot).find((event) => event.what === 'accepted')?.['generation']);
}

/** Slots that were told to end, with reason and kick. */
function ends(gate: FakeGate): unknown[] {
  return gate.events.flatMap((event) =>
    event.what === 'end' ? [[event.slot, event['reason'], event['kick'], event['deviceType']]] : [],
  );
}

const DEVICES = [
  { deviceId: 'phone1', deviceType: 'phone' },
  { deviceId: 'tablet1', deviceType: 'tablet' },
  { deviceId: 'phone2', deviceType: 'phone' },
];

for (const [sessionPolicy, expected] of [
  ['one-per-type', [[0, CloseReason.Replaced, true, 'phone']]],
  [
    'one-per-user',
    [
      [0, CloseReason.Replaced, true, 'tablet'],
      [1, CloseReason.Replaced, true, 'phone'],
    ],
  ],
  ['many', []],
] as const) {
  test(`S-SESSION-1: policy ${sessionPolicy} ends the sessions that it displaces, and no others`, async () => {
    const { gate, run, logic } = await logicWorld({ app: { sessionPolicy } });
    for (const [slot, device] of DEVICES.entries()) {
      gate.login(slot, 1, device);
      await run();
    }
    assert.deepEqual(ends(gate), expected);
    assert.equal(logic.sessions.size, DEVICES.length - expected.length);
  });
}

test('G8: a login displaces the session of a rival whose login the store has lost with an older epoch', async () => {
  const { gate, run, data } = await logicWorld();
  for (const slot of [0, 1]) gate.login(slot, 1, DEVICES[slot] as (typeof DEVICES)[number]);
  await run();
  data.users.clear();
  data.epochs.fill(2);
  gate.login(2, 1, DEVICES[2] as (typeof DEVICES)[number]);
  await run();
  assert.deepEqual(ends(gate), [[0, CloseReason.Replaced, true, 'phone']]);
});

test('G8: a KICK that was lost with its connection is learned at the resume: REPLACED', async () => {
  const { gate, run, dial } = await logicWorld();
  gate.login(0, 1, { deviceId: 'phone1' });
  await run();
  const lastGeneration = generationOf(gate, 0);
  gate.dialer.stop();
  const other = await dial('gate 2');
  other.login(0, 1, { deviceId: 'phone2' });
  await run();
  for (const slot of [1, 2]) {
    other.login(slot, 1, { deviceId: 'phone1', intent: Intent.Resume, lastGeneration });
    await run();
    assert.deepEqual(fieldsOf(other.of(slot)[0], 'what', 'reason'), ['refused', CloseReason.Replaced]);
  }
  other.login(3, 1, { deviceId: 'phone1', intent: Intent.Fresh });
  await run();
  assert.equal(other.of(3)[0]?.what, 'accepted');
});

test('G8: two devices that resume after a restart of logic: the older one ends, whoever comes first', async () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const data = new MemoryStoreData();
    const before = await logicWorld({ data });
    before.gate.login(0, 1, { deviceId: 'phone1' });
    await before.run();
    // The gate of the first phone is cut off and does not hear of the second.
    before.gate.dialer.stop();
    const other = await before.dial('gate 2');
    other.login(1, 1, { deviceId: 'phone2' });
    await before.run();
    const stopped = before.logic.stop();
    await before.run();
    await stopped;
    const { gate, run, logic } = await logicWorld({ data });
    for (const place of order) {
      gate.register(place, 1, { deviceId: `phone${place + 1}`, generation: place + 1 });
      await run();
    }
    assert.deepEqual(ends(gate), [[0, CloseReason.Replaced, true, 'phone']], `order ${order.join(' ')}`);
    assert.equal(logic.sessions.size, 1);
  }
});

test('G8: until the store has confirmed a registered session, nothing is done for it', async () => {
  const data = new MemoryStoreData();
  const before = await logicWorld({ data });
  before.gate.login(0, 1, { deviceId: 'phone1' });
  before.gate.login(1, 1, { deviceId: 'phone2' });
  await before.run();
  const stopped = before.logic.stop();
  await before.run();
  await stopped;
  const { gate, run, logic } = await logicWorld({ data });
  gate.register(0, 1, { deviceId: 'phone1', generation: 1 });
  gate.send(0, 1, 5, { target: 'bob' });
  gate.sync(0, 1, 6, { epoch: 1, after: 0, limit: 10 });
  gate.reauth(0, 1, 7, 'good');
  await run();
  const answers = gate.of(0).map((event) => fieldsOf(event, 'what', 'code'));
  const busy = ['reply', ErrorCode.Busy];
  assert.deepEqual(answers, [busy, busy, busy, ['end', undefined]]);
  assert.equal(logic.counters.messagesStored, 0);
});

test('G8: of 100 logins that race over several gates exactly one is current, and it alone may send', async () => {
  const { gate, run, dial, logic } = await logicWorld({ commitDelayMs: 3, limits: { loginConcurrency: 7 } });
  const gates = [gate, await dial('gate 2'), await dial('gate 3'), await dial('gate 4')];
  for (let i = 0; i < 100; i++) gates[i % 4]?.login(i, 1, { deviceId: `phone${i}` });
  await run(500);
  const current = gates.flatMap((one) =>
    one.events.flatMap((event) =>
      event.what === 'accepted' && !one.of(event.slot).some(({ what }) => what === 'end') ? [event] : [],
    ),
  );
  assert.equal(current.length, 1);
  assert.equal(logic.sessions.size, 1);
  const all = gates.flatMap((one) => one.events.filter(({ what }) => what === 'accepted'));
  const generations = all.map((event) => Number(event['generation']));
  assert.equal(current[0]?.['generation'], Math.max(...generations));
  for (const one of gates) one.take();
  for (let i = 0; i < 100; i++) gates[i % 4]?.send(i, 1, 5, { target: 'bob', flags: SendFlag.Restart });
  await run(50);
  const acknowledged = gates.flatMap((one) => one.take().filter((event) => event['command'] === Command.Sendack));
  assert.deepEqual(
    acknowledged.map(({ slot }) => slot),
    [current[0]?.slot],
  );
});
