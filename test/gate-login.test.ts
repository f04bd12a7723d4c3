/** Logging in through the gate: S-LOGIN and T1. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE_REASON_NAMES, CloseReason, Command, readConnack } from '../src/protocol/index.ts';
import { GateWorld } from './support/gate-world.ts';

test('S-LOGIN: CONNACK repeats the requestId of CONNECT and announces the limits that hold', async () => {
  const world = await GateWorld.start({
    windowMessages: 17,
    windowBytes: 5000,
    ackTimeoutMs: 1234,
    heartbeatMs: 45_000,
  });
  world.logic.accepting = { generation: 3, epoch: 9, head: 12, floor: 2, cursor: 10, startSeq: 10, ticket: 'tkt' };
  const { client } = world.login();
  const frame = client.frames[0];
  assert.equal(frame?.command, Command.Connack);
  assert.equal(frame?.requestId, 1);
  const body = readConnack(frame?.body as Buffer, 0, frame?.body.length as number);
  assert.deepEqual(body, {
    version: 1,
    generation: 3,
    epoch: 9,
    head: 12,
    floor: 2,
    cursor: 10,
    heartbeatMs: 45_000,
    windowMessages: 17,
    windowBytes: 5000,
    bodyBytesMax: 65_536,
    ackTimeoutMs: 1234,
    serverTimeMs: world.clock.wallMs(),
    ticket: 'tkt',
    sessionExpiresAtMs: 0,
  });
  assert.equal(world.gate.counters.logins, 1);
  assert.equal(world.gate.preLoginConnections, 0);
});

test('S-LOGIN-9: a client whose place is not the server’s gets RESYNC after CONNACK', async () => {
  const world = await GateWorld.start();
  world.logic.accepting = { resync: true };
  const { client } = world.login();
  assert.deepEqual(client.received, ['CONNACK', 'RESYNC']);
});

for (const reason of [
  CloseReason.Busy,
  CloseReason.RateLimited,
  CloseReason.CredentialInvalid,
  CloseReason.CredentialExpired,
  CloseReason.CredentialRevoked,
  CloseReason.UnsupportedVersion,
  CloseReason.Replaced,
]) {
  test(`S-LOGIN-4: a login refused ${CLOSE_REASON_NAMES[reason]} gets one CLOSE with reason, wait and detail, and the end`, async () => {
    const world = await GateWorld.start();
    world.logic.accepting = false;
    const client = world.dial();
    client.connect();
    world.settle();
    world.logic.refuse(world.logic.lastLogin, reason, 700, 'because');
    world.settle();
    assert.deepEqual(client.close, { reason, retryAfterMs: 700, detail: 'because' });
    assert.deepEqual(client.received, ['CLOSE']);
    assert.ok(client.closed);
    assert.equal(world.gate.connections, 0);
    assert.equal(world.gate.counters.closes[reason], 1);
  });
}

test('S-LOGIN-1: anything but CONNECT first is answered NOT_LOGGED_IN', async () => {
  const world = await GateWorld.start();
  for (const command of [0x00, Command.Ping, Command.Ack, Command.Disconnect, Command.Sync, Command.Send, 0xc4, 0xff]) {
    const client = world.dial();
    client.frame(command, Buffer.from([0x90]));
    world.settle();
    assert.equal(client.closeReason, 'NOT_LOGGED_IN', `command ${command}`);
    assert.deepEqual(client.received, ['CLOSE']);
  }
  assert.equal(world.logic.logins.length, 0);
});

test('S-LOGIN-2: a frame before CONNACK is answered NOT_LOGGED_IN, and the logic is told that the login is off', async () => {
  const world = await GateWorld.start();
  world.logic.accepting = false;
  const client = world.dial();
  client.connect();
  client.ping();
  world.settle();
  assert.equal(client.closeReason, 'NOT_LOGGED_IN');
  assert.equal(world.logic.closed[0]?.reason, CloseReason.NotLoggedIn);
  world.logic.accept(world.logic.lastLogin);
  world.settle();
  assert.deepEqual(client.received, ['CLOSE']);
  assert.equal(world.gate.counters.staleFrames, 1);
});

test('S-LOGIN-5: a second CONNECT is answered ALREADY_LOGGED_IN', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  client.connect();
  world.settle();
  assert.equal(client.closeReason, 'ALREADY_LOGGED_IN');
});

test('a CONNECT whose body is not well-formed never reaches the logic: MALFORMED_BODY', async () => {
  const world = await GateWorld.start();
  const client = world.dial();
  client.frame(Command.Connect, Buffer.from([0xdd, 0x01, 0xc9, 0xc3, 0x80]));
  world.settle();
  assert.equal(client.closeReason, 'MALFORMED_BODY');
  assert.equal(world.logic.logins.length, 0);
});

test('T1: the login deadline counts from accept, and bytes do not extend it', async () => {
  const world = await GateWorld.start({ loginTimeoutMs: 5000 });
  const client = world.dial();
  const connect = Buffer.from([0, 0, 60, Command.Connect, 0, 0, 0, 1]);
  for (let second = 0; second < 5; second++) {
    client.raw(connect.subarray(second, second + 1));
    assert.equal(client.closeReason, undefined);
    world.advance(999);
  }
  assert.equal(client.closeReason, undefined);
  world.advance(106);
  assert.equal(client.closeReason, 'LOGIN_TIMEOUT');
});

test('T1: the deadline holds while the logic thinks about the credential', async () => {
  const world = await GateWorld.start();
  world.logic.accepting = false;
  const client = world.dial();
  world.advance(3000);
  client.connect();
  world.advance(1900);
  assert.equal(client.closeReason, undefined);
  world.advance(300);
  assert.equal(client.closeReason, 'LOGIN_TIMEOUT');
  assert.equal(world.logic.closed[0]?.reason, CloseReason.LoginTimeout);
});

test('T1: 5000 connections at 1 byte a second are all closed within 6 s, and a good client logs in meanwhile', async () => {
  const world = await GateWorld.start();
  const slow = Array.from({ length: 5000 }, () => world.dial());
  const header = Buffer.from([0, 0, 200, Command.Connect, 0, 0, 0, 1]);
  for (let second = 0; second < 3; second++) {
    for (const client of slow) client.raw(header.subarray(second, second + 1));
    world.advance(1000);
  }
  const { client: good } = world.login();
  assert.deepEqual(good.received, ['CONNACK']);
  world.advance(3000);
  assert.ok(slow.every((client) => client.closeReason === 'LOGIN_TIMEOUT'));
  assert.equal(world.gate.connections, 1);
  assert.equal(world.gate.unfinishedFrames, 0);
});

test('without a logic a login is refused UNAVAILABLE with a jittered wait', async () => {
  const world = await GateWorld.start();
  await world.killLogic();
  const waits = Array.from({ length: 20 }, () => {
    const client = world.dial();
    client.connect();
    world.settle();
    assert.equal(client.closeReason, 'UNAVAILABLE');
    return client.close?.retryAfterMs ?? 0;
  });
  assert.ok(waits.every((wait) => wait >= 500 && wait <= 2000));
  assert.ok(new Set(waits).size > 10);
});

test('a login in progress when the logic dies is refused UNAVAILABLE', async () => {
  const world = await GateWorld.start();
  world.logic.accepting = false;
  const client = world.dial();
  client.connect();
  world.settle();
  await world.killLogic();
  assert.equal(client.closeReason, 'UNAVAILABLE');
});

test('an answer for a login whose client has gone concerns nobody, not even the next connection in its slot', async () => {
  const world = await GateWorld.start();
  world.logic.accepting = false;
  const first = world.dial();
  first.connect('alice');
  world.settle();
  const login = world.logic.lastLogin;
  first.stream.destroy();
  world.settle();
  const second = world.dial();
  second.connect('bob');
  world.settle();
  assert.equal(world.logic.lastLogin.slot, login.slot);
  world.logic.accept(login);
  world.logic.refuse(login, CloseReason.Busy);
  world.logic.endSession(login, CloseReason.Kicked, true);
  world.settle();
  assert.deepEqual(second.received, []);
  assert.equal(world.gate.counters.staleFrames, 3);
  world.logic.accept(world.logic.lastLogin);
  world.settle();
  assert.deepEqual(second.received, ['CONNACK']);
});

test('a session that logged in cannot be refused any more', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  world.logic.refuse(world.logic.lastLogin, CloseReason.CredentialInvalid);
  world.settle();
  assert.deepEqual(client.received, ['CONNACK']);
  assert.equal(world.gate.counters.staleFrames, 1);
});

test('S-SESSION-3: KICK is followed by CLOSE with the same reason; without KICK there is CLOSE alone', async () => {
  const world = await GateWorld.start();
  const kicked = world.login('alice');
  const superseded = world.login('bob');
  world.logic.endSession(kicked.session, CloseReason.Replaced, true, 'phone');
  world.logic.endSession(superseded.session, CloseReason.Superseded);
  world.settle();
  assert.deepEqual(kicked.client.received, ['CONNACK', 'KICK', 'CLOSE']);
  assert.equal(kicked.client.closeReason, 'REPLACED');
  assert.deepEqual(superseded.client.received, ['CONNACK', 'CLOSE']);
  assert.equal(superseded.client.closeReason, 'SUPERSEDED');
  assert.deepEqual(
    world.logic.closed.map((closed) => closed.reason),
    [CloseReason.Replaced, CloseReason.Superseded],
  );
});
