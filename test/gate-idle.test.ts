/** Who is silent for too long: T24, and the measured promise that a wheel serves them all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseReason, Command } from '../src/protocol/index.ts';
import { GateWorld } from './support/gate-world.ts';

test('T24: a connection is closed after 1.5 heartbeats of silence, not before, and at most a tick later', async () => {
  const world = await GateWorld.start({ heartbeatMs: 60_000 });
  const { client } = world.login();
  world.advance(89_999);
  assert.equal(client.closeReason, undefined);
  world.advance(101);
  assert.equal(client.closeReason, 'IDLE_TIMEOUT');
  assert.equal(world.logic.closed[0]?.reason, CloseReason.IdleTimeout);
});

test('every inbound byte counts as a sign of life', async () => {
  const world = await GateWorld.start({ heartbeatMs: 60_000, frameTimeoutMs: 600_000 });
  const { client } = world.login();
  const speak = [
    () => client.ping(),
    () => client.sync(0),
    () => client.ack(0),
    () => client.raw(0, 0),
    () => client.raw(1, Command.Ping, 0, 0, 0, 9, 0x90),
  ];
  for (const say of speak) {
    world.advance(89_000);
    say();
  }
  world.advance(89_900);
  assert.equal(client.closeReason, undefined);
  world.advance(300);
  assert.equal(client.closeReason, 'IDLE_TIMEOUT');
});

test('what the server sends is no sign of life', async () => {
  const world = await GateWorld.start({ heartbeatMs: 60_000, ackTimeoutMs: 600_000 });
  const { client, session } = world.login();
  for (let seq = 1; seq <= 10; seq++) {
    world.logic.push(session, seq);
    world.advance(9010);
  }
  assert.equal(client.closeReason, 'IDLE_TIMEOUT');
});

test('a half-open connection whose client cannot even take the goodbye is cut', async () => {
  const world = await GateWorld.start({ heartbeatMs: 60_000 });
  const { client } = world.login();
  client.link.setSilent(true);
  world.advance(90_100);
  assert.equal(world.gate.connections, 1);
  world.advance(2200);
  assert.equal(world.gate.connections, 0);
  assert.equal(world.logic.closed.length, 1);
});

test('10,000 connections on one wheel: each ends at its own time, the ones that speak stay', async () => {
  const world = await GateWorld.start({ heartbeatMs: 60_000 });
  const everyone = Array.from({ length: 10_000 }, (_, index) => world.login(`user${index}`).client);
  const silent = everyone.filter((_, index) => index % 2 === 0);
  const speaking = everyone.filter((_, index) => index % 2 === 1);
  world.advance(50_000);
  for (const client of speaking) client.ping();
  world.advance(39_900);
  assert.ok(everyone.every((client) => client.closeReason === undefined));
  world.advance(200);
  assert.ok(silent.every((client) => client.closeReason === 'IDLE_TIMEOUT'));
  assert.ok(speaking.every((client) => client.closeReason === undefined));
  assert.equal(world.gate.connections, 5000);
  world.advance(50_000);
  assert.ok(speaking.every((client) => client.closeReason === 'IDLE_TIMEOUT'));
  assert.equal(world.gate.connections, 0);
});

test('a slot that is used again does not inherit the deadlines of its former connection', async () => {
  const world = await GateWorld.start({ heartbeatMs: 60_000 });
  const first = world.login('alice');
  world.logic.push(first.session, 1);
  world.advance(9000);
  first.client.stream.destroy();
  world.settle();
  const second = world.login('bob');
  assert.equal(second.session.slot, first.session.slot);
  world.advance(89_900);
  assert.equal(second.client.closeReason, undefined);
  assert.deepEqual(world.logic.repushes, []);
});
