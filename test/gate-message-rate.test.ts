/** How fast one connection may send (T17), ask for nonsense and ping (T15). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command, ErrorCode, SendFlag } from '../src/protocol/index.ts';
import { GateWorld, type LoggedIn } from './support/gate-world.ts';

const RATE = { messagesPerSecondMax: 20, messagesBurst: 100, sendsInFlightMax: 1024, heartbeatMs: 600_000 };

async function rated(limits: Parameters<typeof GateWorld.start>[0] = {}): Promise<GateWorld & LoggedIn> {
  const world = await GateWorld.start({ ...RATE, ...limits });
  world.logic.acknowledging = true;
  return Object.assign(world, world.login());
}

for (const [title, messages, paused] of [
  ['max − 1', 99, 0],
  ['max', 100, 0],
  ['max + 1', 101, 1],
] as const) {
  test(`T17: a burst of ${title} messages is forwarded; beyond it the gate stops reading for a moment`, async () => {
    const world = await rated();
    for (let message = 0; message < messages; message++) world.client.send();
    world.settle();
    assert.equal(world.gate.pausedConnections, paused);
    assert.equal(world.gate.counters.readPauses, paused);
    world.client.send();
    world.advance(200);
    assert.equal(world.logic.forwards.length, messages + 1);
    assert.equal(world.gate.pausedConnections, 0);
    assert.deepEqual(world.client.errors, []);
  });
}

for (const [title, bytes, paused] of [
  ['max − 1', 65_535, 0],
  ['max', 65_536, 0],
  ['max + 1', 65_537, 1],
] as const) {
  test(`T17: ${title} bytes of messages at once`, async () => {
    const world = await rated({ messagesPerSecondMax: 0, messageBytesPerSecondMax: 65_536 });
    // A body of 10 bytes and one of the rest.
    world.client.frame(Command.Send, Buffer.from('95a3626f6200a1310090', 'hex'), 1);
    const rest = Buffer.alloc(bytes - 10);
    Buffer.from('91c6', 'hex').copy(rest);
    rest.writeUInt32BE(rest.length - 6, 2);
    world.client.frame(Command.Send, rest, 2);
    world.settle();
    assert.equal(world.logic.forwards.length, 2);
    assert.equal(world.gate.pausedConnections, paused);
  });
}

test('T17: a client that sends 1000 a second gets about 20 a second through, and nothing accepted is lost', async () => {
  const world = await rated({ throttledAfterMs: 600_000 });
  world.client.link.options = { ...world.client.link.options, chunkBytes: 200 };
  for (let tick = 0; tick < 600; tick++) {
    world.client.sendMany(100);
    world.advance(100);
  }
  const perSecond = (world.logic.forwards.length - 100) / 60;
  assert.ok(perSecond > 15 && perSecond < 25, `${perSecond} a second`);
  const acknowledged = world.client.bodiesOf(Command.Sendack).length;
  assert.equal(acknowledged, world.logic.forwards.length);
  assert.deepEqual(world.client.errors, []);
  assert.equal(world.client.closeReason, undefined);
});

test('T17: above the rate for throttledAfterMs: ERROR THROTTLED and a hold, until half of the burst is free again', async () => {
  const world = await rated({ throttledAfterMs: 10_000 });
  world.client.sendMany(400);
  world.settle();
  assert.equal(world.logic.forwards.length, 400);
  world.advance(10_100);
  const [refused, held] = [world.client.send('bob'), world.client.send('bob')];
  world.advance(1100);
  assert.deepEqual(world.client.errors, [`${refused} THROTTLED`, `${held} HELD`]);
  assert.ok((world.client.errorBodies[0]?.retryAfterMs ?? 0) > 5000);
  assert.equal(world.gate.heldConnections, 1);
  world.advance(20_000);
  world.client.send('bob', SendFlag.Restart);
  world.settle();
  assert.equal(world.logic.forwards.length, 401);
});

test('T17: pauses last a second at most, so that heartbeats get through', async () => {
  const world = await rated();
  world.client.sendMany(300);
  world.settle();
  world.client.ping();
  world.advance(950);
  assert.equal(world.client.bodiesOf(Command.Pong).length, 0);
  world.advance(150);
  assert.equal(world.client.bodiesOf(Command.Pong).length, 1);
});

test('T17: idle and ack deadlines stand still while the gate does not read', async () => {
  const world = await rated({ loginTimeoutMs: 500, heartbeatMs: 600, ackTimeoutMs: 500 });
  world.client.sendMany(150);
  world.settle();
  world.logic.push(world.session, 1);
  world.settle();
  world.client.ack(1);
  world.advance(950);
  assert.equal(world.client.closeReason, undefined);
  assert.deepEqual(world.logic.repushes, []);
  assert.equal(world.gate.pausedConnections, 1);
  world.advance(200);
  assert.deepEqual(world.logic.repushes, []);
  world.advance(1000);
  assert.equal(world.client.closeReason, 'IDLE_TIMEOUT');
});

test('T17: reading, acknowledging and pulling have no message rate', async () => {
  const world = await rated();
  for (let round = 0; round < 500; round++) {
    world.client.sync(0);
    world.client.ack(0);
  }
  world.settle();
  assert.equal(world.gate.pausedConnections, 0);
  assert.equal(world.logic.forwards.length, 500);
});

test('T17: without rates nothing is ever paused', async () => {
  const world = await rated({ messagesPerSecondMax: 0 });
  for (let chunk = 0; chunk < 10; chunk++) world.client.sendMany(500);
  world.settle();
  assert.equal(world.gate.counters.readPauses, 0);
});

test('T17: a paused connection that goes leaves nothing to its slot', async () => {
  const world = await rated();
  world.client.sendMany(200);
  world.settle();
  assert.equal(world.gate.pausedConnections, 1);
  world.client.link.cut();
  world.settle();
  assert.equal(world.gate.pausedConnections, 0);
  const next = world.login('bob');
  assert.equal(next.session.slot, world.session.slot);
  next.client.send();
  world.settle();
  assert.equal(world.gate.pausedConnections, 0);
});

for (const [title, requests, reason] of [
  ['max − 1', 2, undefined],
  ['max', 3, 'PROTOCOL_ERROR'],
  ['max + 1', 4, 'PROTOCOL_ERROR'],
] as const) {
  for (const code of [ErrorCode.BadRequest, ErrorCode.UnknownCommand]) {
    test(`S-ERROR-4 T15: ${title} requests refused with ${code}`, async () => {
      const world = await GateWorld.start({ protocolErrorsMax: 3 });
      const { client } = world.login();
      for (let request = 1; request <= requests; request++) client.frame(0x43, Buffer.from([0x90]), request);
      world.settle();
      for (const forward of world.logic.forwards) world.logic.error(forward, code);
      world.settle();
      assert.equal(client.closeReason, reason);
      assert.equal(client.errors.length, Math.min(3, requests));
    });
  }
}

test('T15: refusals that are not the client’s fault do not count', async () => {
  const world = await GateWorld.start({ protocolErrorsMax: 3 });
  const { client } = world.login();
  for (const code of [ErrorCode.Busy, ErrorCode.StoreUnavailable, ErrorCode.Forbidden, ErrorCode.Conflict]) {
    for (let request = 0; request < 5; request++) {
      client.send('bob', SendFlag.Restart);
      world.settle();
      world.logic.error(world.logic.lastForward, code);
    }
  }
  world.settle();
  assert.equal(client.closeReason, undefined);
  assert.equal(world.gate.counters.errors[ErrorCode.Busy], 5);
});

for (const [title, pings, reason] of [
  ['max − 1', 9, undefined],
  ['max', 10, undefined],
  ['max + 1', 11, 'PROTOCOL_ERROR'],
] as const) {
  test(`S-PING-3 T15: ${title} PINGs of ten seconds at once`, async () => {
    const world = await GateWorld.start({ pingsPerSecondMax: 1 });
    const { client } = world.login();
    for (let ping = 0; ping < pings; ping++) client.ping();
    world.settle();
    assert.equal(client.closeReason, reason);
    assert.equal(client.bodiesOf(Command.Pong).length, Math.min(10, pings));
  });
}

test('S-PING-3: one PING a second is answered for ever', async () => {
  const world = await GateWorld.start({ pingsPerSecondMax: 1 });
  const { client } = world.login();
  for (let second = 0; second < 300; second++) {
    client.ping();
    world.advance(1000);
  }
  assert.equal(client.bodiesOf(Command.Pong).length, 300);
});
