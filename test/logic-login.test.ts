import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Capability, CloseReason, Command, Intent } from '../src/protocol/index.ts';
import { RefusalReason } from '../src/store/store.ts';
import { logicWorld } from './support/logic-world.ts';

const SEND_ONLY = Capability.SendOnly;

test('a good login is accepted with generation, epoch, head, floor and cursor', async () => {
  const { gate, run, logic } = await logicWorld();
  gate.login(3, 9, {});
  await run();
  const [accepted] = gate.take();
  assert.equal(accepted?.what, 'accepted');
  assert.deepEqual(
    [accepted['slot'], accepted['serial'], accepted['uid'], accepted['deviceId']],
    [3, 9, 'alice', 'd1'],
  );
  assert.deepEqual([accepted['generation'], accepted['epoch'], accepted['head'], accepted['floor']], [1, 1, 0, 1]);
  assert.deepEqual([accepted['cursor'], accepted['startSeq'], accepted['resync']], [0, 0, false]);
  assert.equal(logic.sessions.size, 1);
});

test('nothing is answered to a login before its commit (G1)', async () => {
  const { gate, run } = await logicWorld({ commitDelayMs: 50 });
  gate.login(0, 1, {});
  await run(49);
  assert.deepEqual(gate.events, []);
  await run(5);
  assert.equal(gate.events.length, 1);
});

test('each bad login is refused with its own reason and opens no session', async () => {
  const { gate, run, logic } = await logicWorld();
  const cases: [Parameters<typeof gate.login>[2], CloseReason][] = [
    [{ credential: 'bad' }, CloseReason.CredentialInvalid],
    [{ version: 2 }, CloseReason.UnsupportedVersion],
    [{ uid: 'no spaces' }, CloseReason.MalformedBody],
    [{ uid: 'u'.repeat(65) }, CloseReason.MalformedBody],
    [{ deviceId: '' }, CloseReason.MalformedBody],
    [{ credential: 'x'.repeat(3073) }, CloseReason.MalformedBody],
    [{ intent: 2 }, CloseReason.ProtocolError],
    [{ app: 'nobody' }, CloseReason.CredentialInvalid],
  ];
  for (const [index, [connect, reason]] of cases.entries()) {
    gate.login(index, 1, connect);
    await run();
    const [refused] = gate.take();
    assert.deepEqual([refused?.what, refused?.['reason']], ['refused', reason], JSON.stringify(connect).slice(0, 80));
  }
  assert.equal(logic.sessions.size, 0);
});

test('a newer device of the same type takes over: the older one is kicked with REPLACED', async () => {
  const { gate, run, logic } = await logicWorld();
  gate.login(0, 1, { deviceId: 'd1' });
  await run();
  gate.login(1, 1, { deviceId: 'd2' });
  await run();
  const [end] = gate.of(0).filter((event) => event.what === 'end');
  assert.deepEqual([end?.['reason'], end?.['kick'], end?.['deviceType']], [CloseReason.Replaced, true, 'phone']);
  assert.equal(logic.sessions.size, 1);
});

test('devices of other types stay', async () => {
  const { gate, run, logic } = await logicWorld();
  gate.login(0, 1, { deviceId: 'd1' });
  gate.login(1, 1, { deviceId: 'd2', deviceType: 'desktop' });
  await run();
  assert.equal(logic.sessions.size, 2);
  assert.deepEqual(
    gate.events.filter((event) => event.what === 'end'),
    [],
  );
});

test('the same device never kicks itself: its older connection is superseded', async () => {
  const { gate, run, logic } = await logicWorld();
  gate.login(0, 1, {});
  await run();
  gate.login(1, 1, { intent: Intent.Resume, lastGeneration: 1 });
  await run();
  const [end] = gate.of(0).filter((event) => event.what === 'end');
  assert.deepEqual([end?.['reason'], end?.['kick']], [CloseReason.Superseded, false]);
  assert.equal(logic.sessions.size, 1);
});

test('resume of a replaced device is refused with REPLACED, fresh takes over', async () => {
  const { gate, run } = await logicWorld();
  gate.login(0, 1, { deviceId: 'd1' });
  await run();
  gate.login(1, 1, { deviceId: 'd2' });
  await run();
  gate.take();
  gate.login(2, 1, { deviceId: 'd1', intent: Intent.Resume, lastGeneration: 1 });
  await run();
  assert.equal(gate.of(2)[0]?.['reason'], CloseReason.Replaced);
  gate.login(3, 1, { deviceId: 'd1', intent: Intent.Fresh });
  await run();
  assert.equal(gate.of(3)[0]?.what, 'accepted');
});

test('of 100 racing logins exactly one stays current, the one with the highest generation (G8)', async () => {
  const { gate, run, logic, dial } = await logicWorld();
  const gates = [gate, await dial('gate 2'), await dial('gate 3')];
  for (let i = 0; i < 100; i++) gates[i % 3]?.login(i, 1, { deviceId: `d${i}` });
  await run(50);
  const events = gates.flatMap((one) => one.take());
  const accepted = events.filter((event) => event.what === 'accepted');
  assert.equal(accepted.length, 100);
  assert.equal(events.filter((event) => event.what === 'end').length, 99);
  const [current, ...others] = logic.sessions.sessionsOf('demo', 'alice');
  assert.deepEqual(others, []);
  assert.equal(current?.generation, Math.max(...accepted.map((event) => event['generation'] as number)));
});

test('a login whose connection closed before the commit opens no session, but still displaces', async () => {
  const { gate, run, logic } = await logicWorld({ commitDelayMs: 20 });
  gate.login(0, 1, { deviceId: 'd1' });
  await run(25);
  gate.take();
  gate.login(1, 1, { deviceId: 'd2' });
  await run(5);
  gate.closed(1, 1);
  await run(25);
  assert.deepEqual(gate.of(1), []);
  assert.equal(gate.of(0)[0]?.['reason'], CloseReason.Replaced);
  assert.equal(logic.sessions.size, 0);
});

test('a login whose connection closed before its turn is not even verified', async () => {
  const { gate, run, store } = await logicWorld();
  gate.login(1, 1, {});
  gate.closed(1, 1);
  await run();
  assert.deepEqual(gate.events, []);
  assert.deepEqual(store.submitted, []);
});

test('a slot that got another connection meanwhile answers only that one', async () => {
  const { gate, run, logic } = await logicWorld();
  gate.login(1, 1, { uid: 'alice' });
  gate.login(1, 2, { uid: 'bob' });
  await run();
  assert.deepEqual(
    gate.take().map((event) => [event.what, event['serial'], event['uid']]),
    [['accepted', 2, 'bob']],
  );
  assert.equal(logic.sessions.size, 1);
});

test('a client that holds more than the cursor starts there, and the cursor follows', async () => {
  const { gate, run } = await logicWorld();
  gate.login(0, 1, { uid: 'bob' });
  gate.login(1, 1, {});
  await run();
  for (let i = 1; i <= 3; i++) gate.send(1, 1, i, {});
  await run();
  gate.closed(0, 1);
  gate.take();
  gate.login(2, 1, { uid: 'bob', epoch: 1, lastSeq: 2 });
  await run(1100);
  assert.deepEqual([gate.of(2)[0]?.['startSeq'], gate.of(2)[0]?.['resync']], [2, false]);
  gate.closed(2, 1);
  gate.login(3, 1, { uid: 'bob' });
  await run();
  assert.deepEqual([gate.of(3)[0]?.['cursor'], gate.of(3)[0]?.['startSeq']], [2, 2]);
});

test('another epoch or a future seq starts at the cursor and asks for a resync (G6)', async () => {
  const { gate, run } = await logicWorld();
  for (const [slot, position] of [
    { epoch: 7, lastSeq: 0 },
    { epoch: 1, lastSeq: 1 },
  ].entries()) {
    gate.login(slot, 1, position);
    await run();
    assert.deepEqual([gate.of(slot)[0]?.['startSeq'], gate.of(slot)[0]?.['resync']], [0, true]);
  }
});

test('a session that only sends gets generation 0, displaces nobody and is not pushed to', async () => {
  const { gate, run, logic } = await logicWorld();
  gate.login(0, 1, { deviceId: 'd1' });
  await run();
  gate.login(1, 1, { deviceId: 'd2', capabilities: SEND_ONLY });
  await run();
  assert.equal(gate.of(1)[0]?.['generation'], 0);
  assert.equal(logic.sessions.size, 2);
  gate.take();
  gate.send(0, 1, 1, { target: 'alice' });
  await run();
  assert.deepEqual(gate.of(1), []);
});

test('logins beyond the concurrency wait; those that wait too long get BUSY with a jittered delay (T7)', async () => {
  const verifier = { verify: () => new Promise<CloseReason>(() => {}) };
  const { gate, run } = await logicWorld({ verifier, limits: { loginConcurrency: 2, loginQueueMs: 100 } });
  for (let slot = 0; slot < 5; slot++) gate.login(slot, 1, { uid: `u${slot}` });
  await run(99);
  assert.deepEqual(gate.events, []);
  await run(10);
  const refused = gate.take();
  assert.deepEqual(
    refused.map((event) => [event.slot, event['reason']]),
    [2, 3, 4].map((slot) => [slot, CloseReason.Busy]),
  );
  const waits = refused.map((event) => event['retryAfterMs'] as number);
  for (const wait of waits) assert.ok(wait >= 500 && wait <= 30_000);
  assert.equal(new Set(waits).size, 3);
});

test('a store that cannot write refuses logins for now', async () => {
  const { gate, run, store } = await logicWorld();
  store.refuse = RefusalReason.Unavailable;
  gate.login(0, 1, {});
  await run();
  store.refuse = RefusalReason.Busy;
  gate.login(1, 1, {});
  await run();
  assert.deepEqual(
    gate.take().map((event) => event['reason']),
    [CloseReason.Unavailable, CloseReason.Busy],
  );
});

test('a verifier that breaks refuses the login as a fault of the server', async () => {
  const verifier = { verify: () => Promise.reject(new Error('broken')) };
  const { gate, run } = await logicWorld({ verifier, limits: { loginConcurrency: 1 } });
  gate.login(0, 1, {});
  gate.login(1, 1, {});
  await run();
  for (const event of gate.take()) assert.equal(event['reason'], CloseReason.InternalError);
});

test('under one-per-user a login ends the sessions of every type, under many none', async () => {
  for (const [sessionPolicy, left] of [
    ['one-per-user', 1],
    ['many', 3],
  ] as const) {
    const { gate, run, logic } = await logicWorld({ app: { sessionPolicy } });
    gate.login(0, 1, { deviceId: 'd1', deviceType: 'phone' });
    gate.login(1, 1, { deviceId: 'd2', deviceType: 'desktop' });
    gate.login(2, 1, { deviceId: 'd3', deviceType: 'desktop' });
    await run();
    assert.equal(logic.sessions.size, left, sessionPolicy);
  }
});

test('commands of an ended session are dropped', async () => {
  const { gate, run, logic } = await logicWorld();
  gate.login(0, 1, { deviceId: 'd1' });
  await run();
  gate.login(1, 1, { deviceId: 'd2' });
  await run();
  gate.take();
  gate.send(0, 1, 1, {});
  gate.forward(9, 1, Command.Send, 1, Buffer.from([0x90]));
  await run();
  assert.deepEqual(gate.take(), []);
  assert.equal(logic.counters.staleCommands, 2);
});
