import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Capability, CloseReason, CredentialType, ErrorCode } from '../src/protocol/index.ts';
import { MemoryStoreData } from '../src/store/memory/memory-store-data.ts';
import { RefusalReason } from '../src/store/store.ts';
import type { FakeGate } from './support/fake-gate.ts';
import { logicWorld } from './support/logic-world.ts';

const SENDER = Capability.SendOnly;

/** The slots whose sessions were told to end, with reason and kick. */
function ends(gate: FakeGate): unknown[] {
  return gate.take().flatMap((event) => (event.what === 'end' ? [[event.slot, event['reason'], event['kick']]] : []));
}

function answer(gate: FakeGate): unknown[] {
  const event = gate.events.find(({ what }) => what === 'apiKicked');
  return [event?.['error'], event?.['sessionsEnded']];
}

/** Alice on a phone, a tablet, and a program that only sends, in slots 0, 1 and 2. */
async function world(data = new MemoryStoreData()) {
  const made = await logicWorld({ data });
  const { gate, run } = made;
  gate.login(0, 1, { deviceId: 'phone1' });
  gate.login(1, 1, { deviceId: 'tablet1', deviceType: 'tablet', credential: 'old' });
  await run();
  gate.login(2, 1, { deviceId: 'tool', deviceType: 'tool', capabilities: SENDER });
  await run();
  return { ...made, logins: gate.take() };
}

test('the sessions of a user are listed with device, generation, gate and time of login', async () => {
  const { gate, run, clock } = await world();
  gate.apiSessions(5, 'alice');
  gate.apiSessions(6, 'nobody');
  gate.apiSessions(7, 'alice', 'unknown');
  await run();
  const [found, none, other] = gate.take();
  const common = { gate: 'gate 1', loggedInAtS: Math.floor(clock.wallMs() / 1000) };
  assert.deepEqual(found?.['sessions'], [
    { deviceType: 'phone', deviceId: 'phone1', generation: 1, ...common },
    { deviceType: 'tablet', deviceId: 'tablet1', generation: 2, ...common },
    { deviceType: 'tool', deviceId: 'tool', generation: 0, ...common },
  ]);
  assert.deepEqual([none?.['error'], none?.['sessions']], [0, []]);
  assert.deepEqual([other?.['error'], other?.['sessions']], [ErrorCode.Forbidden, []]);
});

test('a kick ends the sessions that it names, and only those', async () => {
  const { gate, run } = await world();
  gate.apiKick(5, { deviceType: 'tablet' });
  await run();
  assert.deepEqual(answer(gate), [0, 1]);
  assert.deepEqual(ends(gate), [[1, CloseReason.Kicked, true]]);
  gate.apiKick(6, { deviceId: 'nothing' });
  await run();
  assert.deepEqual(answer(gate), [0, 0]);
  gate.take();
  gate.apiKick(7, {});
  await run();
  assert.deepEqual(answer(gate), [0, 2]);
  assert.deepEqual(ends(gate), [
    [0, CloseReason.Kicked, true],
    [2, CloseReason.Kicked, true],
  ]);
});

test('T21: a kick reaches its own app and user only', async () => {
  const { gate, run, logic } = await world();
  gate.apiKick(5, { app: 'unknown' });
  gate.apiKick(6, { uid: 'bob' });
  gate.apiKick(7, { uid: 'no such user' });
  await run();
  const codes = gate.take().map((event) => [event['error'], event['sessionsEnded']]);
  assert.deepEqual(codes, [
    [ErrorCode.Forbidden, 0],
    [0, 0],
    [ErrorCode.BadTarget, 0],
  ]);
  assert.equal(logic.sessions.size, 3);
});

test('a revocation is committed before anybody hears of it, and refuses older tokens and tickets from then on', async () => {
  const { gate, run, logins, clock } = await world();
  await run(1000);
  gate.apiKick(5, { revoke: true, deviceType: 'phone' });
  await clock.settle();
  assert.deepEqual(gate.take(), []);
  await run();
  assert.deepEqual(answer(gate), [0, 3]);
  assert.deepEqual(ends(gate), [
    [0, CloseReason.Kicked, true],
    [1, CloseReason.CredentialRevoked, false],
    [2, CloseReason.Shutdown, false],
  ]);
  const ticket = String(logins[0]?.['ticket']);
  gate.login(3, 1, { deviceId: 'phone1', credentialType: CredentialType.Ticket, credential: ticket });
  gate.login(4, 1, { deviceId: 'tablet1', deviceType: 'tablet', credential: 'old' });
  gate.login(5, 1, { deviceId: 'tool', credential: 'old', capabilities: SENDER });
  gate.login(6, 1, { deviceId: 'phone1' });
  await run();
  const outcomes = [3, 4, 5, 6].map((slot) => gate.of(slot)[0]?.['reason'] ?? gate.of(slot)[0]?.what);
  const revoked = CloseReason.CredentialRevoked;
  assert.deepEqual(outcomes, [revoked, revoked, revoked, 'accepted']);
});

test('revokeBefore spares sessions with a newer credential; a mark in the future is refused', async () => {
  const { gate, run, clock } = await world();
  gate.apiKick(5, { deviceId: 'nothing', revoke: true, revokeBeforeMs: clock.wallMs() - 60_000 });
  await run();
  assert.deepEqual(ends(gate), [
    [1, CloseReason.CredentialRevoked, false],
    [2, CloseReason.Shutdown, false],
  ]);
  gate.apiKick(6, { revoke: true, revokeBeforeMs: clock.wallMs() + 3_600_000 });
  await run();
  assert.deepEqual(answer(gate), [ErrorCode.BadRequest, 0]);
});

test('a revocation that the store does not take ends nobody and says so', async () => {
  const { gate, run, store, logic } = await world();
  store.refuse = RefusalReason.Unavailable;
  gate.apiKick(5, { revoke: true });
  await run();
  assert.deepEqual(answer(gate), [ErrorCode.StoreUnavailable, 0]);
  assert.equal(logic.sessions.size, 3);
});

test('a revoked session that its gate brings back after a restart of logic ends', async () => {
  const data = new MemoryStoreData();
  const before = await world(data);
  const loggedInAtS = Math.floor(before.clock.wallMs() / 1000);
  await before.run(1000);
  // The gate is gone when the kick comes: nobody can tell it.
  before.gate.dialer.stop();
  const api = await before.dial('api');
  api.apiKick(5, { revoke: true });
  await before.run();
  assert.deepEqual(answer(api), [0, 0]);
  const stopped = before.logic.stop();
  await before.run();
  await stopped;
  const after = await logicWorld({ data });
  const { gate } = after;
  gate.register(0, 1, { deviceId: 'phone1', generation: 1, loggedInAtS });
  gate.register(1, 1, { deviceId: 'tablet1', deviceType: 'tablet', generation: 2, loggedInAtS });
  gate.register(2, 1, { deviceId: 'tool', capabilities: SENDER, loggedInAtS });
  await after.run();
  assert.deepEqual(ends(gate), [
    [0, CloseReason.CredentialRevoked, false],
    [1, CloseReason.CredentialRevoked, false],
    [2, CloseReason.Shutdown, false],
  ]);
  assert.equal(after.logic.sessions.size, 0);
});
