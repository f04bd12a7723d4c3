/** Clients that do not read: T14, T15. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseReason, Command } from '../src/protocol/index.ts';
import { GateWorld } from './support/gate-world.ts';
import { frameBytes } from './support/scripted-client.ts';

const MARKS = { outboxSoftBytes: 20_000, outboxHardBytes: 50_000, windowBytes: 16_777_216, heartbeatMs: 600_000 };

for (const [title, unsentBytes, pushed] of [
  ['max − 1', 19_999, true],
  ['max', 20_000, false],
  ['max + 1', 20_001, false],
] as const) {
  test(`T14: ${title} unsent bytes: ${pushed ? 'the next message is pushed' : 'NOTIFY instead of the next message'}`, async () => {
    const world = await GateWorld.start(MARKS);
    const { client, session } = world.login();
    client.stream.pause();
    world.logic.push(session, 1, 19_000);
    world.settle();
    const overheadBytes = client.link.accepted.pendingBytes - 19_000;
    const other = world.login('bob');
    other.client.stream.pause();
    world.logic.push(other.session, 1, unsentBytes - overheadBytes);
    world.settle();
    assert.equal(other.client.link.accepted.pendingBytes, unsentBytes);
    world.logic.push(other.session, 2);
    world.settle();
    other.client.stream.resume();
    world.settle();
    assert.deepEqual(other.client.seqs, pushed ? [1, 2] : [1]);
    assert.deepEqual(other.client.notified, pushed ? [] : [2]);
  });
}

test('T14: above the soft mark without any progress for 15 s: SLOW_CONSUMER', async () => {
  const world = await GateWorld.start({ ...MARKS, stallTimeoutMs: 15_000, ackTimeoutMs: 600_000 });
  const { client, session } = world.login();
  client.stream.pause();
  world.logic.push(session, 1, 30_000);
  world.settle();
  world.logic.push(session, 2);
  world.settle();
  assert.equal(world.gate.slowConsumers, 1);
  world.advance(14_900);
  assert.equal(world.logic.closed.length, 0);
  world.advance(300);
  assert.equal(world.logic.closed[0]?.reason, CloseReason.SlowConsumer);
  assert.equal(world.gate.slowConsumers, 0);
  world.advance(2200);
  assert.equal(world.gate.connections, 0);
});

test('T14: who makes progress stays, however slow; who has drained is not watched any more', async () => {
  const world = await GateWorld.start({ ...MARKS, stallTimeoutMs: 15_000, ackTimeoutMs: 600_000 });
  const { client, session } = world.login();
  client.link.options = { ...client.link.options, chunkBytes: 1000 };
  client.stream.pause();
  world.logic.push(session, 1, 30_000);
  world.settle();
  world.logic.push(session, 2);
  world.settle();
  for (let second = 0; second < 5; second++) {
    world.advance(14_000);
    assert.equal(world.logic.closed.length, 0);
    takeOneChunk(world, client);
  }
  client.stream.resume();
  world.settle();
  assert.equal(world.gate.slowConsumers, 0);
  world.advance(60_000);
  assert.equal(client.closeReason, undefined);
});

function takeOneChunk(world: GateWorld, client: ReturnType<GateWorld['dial']>): void {
  const onBytes = client.onBytes.bind(client);
  client.onBytes = (stream, bytes) => {
    onBytes(stream, bytes);
    stream.pause();
  };
  client.stream.resume();
  world.settle();
  client.onBytes = onBytes;
}

test('T14: beyond the hard mark a connection ends at once', async () => {
  const world = await GateWorld.start({ ...MARKS, outboxSoftBytes: 1_000_000 });
  const { client, session } = world.login();
  client.stream.pause();
  for (let seq = 1; seq <= 5; seq++) world.logic.push(session, seq, 10_000);
  world.settle();
  assert.equal(world.logic.closed.length, 0);
  world.logic.push(session, 6);
  world.settle();
  assert.equal(world.logic.closed[0]?.reason, CloseReason.SlowConsumer);
  world.advance(2200);
  assert.equal(world.gate.connections, 0);
});

test('T14: a pull by who does not read cannot queue pages beyond the hard mark', async () => {
  const world = await GateWorld.start(MARKS);
  const { client } = world.login();
  client.stream.pause();
  for (let pull = 0; pull < 4; pull++) client.sync(0);
  world.settle();
  for (const forward of world.logic.forwards) world.logic.page(forward, 0, 20, 1500);
  world.settle();
  assert.equal(world.logic.closed[0]?.reason, CloseReason.SlowConsumer);
});

test('T15 CVE-2025-21605: errors count: a flood of refused SENDs that nobody reads ends at the hard mark', async () => {
  const world = await GateWorld.start(MARKS);
  const { client } = world.login();
  await world.killLogic();
  client.stream.pause();
  const send = frameBytes(Command.Send, Buffer.from('95a3626f6200a2633100c40168', 'hex'), 9);
  let sent = 0;
  while (world.gate.counters.closes[CloseReason.SlowConsumer] === 0 && sent < 100_000) {
    client.raw(...Array.from({ length: 100 }, () => send));
    world.settle();
    sent += 100;
  }
  assert.equal(world.gate.counters.closes[CloseReason.SlowConsumer], 1);
  // The hard mark and the reserve for control frames.
  assert.ok((client.link.accepted.pendingBytes as number) <= 50_000 + 16_384 + 100);
});

test('T15 CVE-2025-21605: pongs count: answers nobody reads end at the hard mark', async () => {
  const world = await GateWorld.start({ ...MARKS, pingsPerSecondMax: 1000 });
  const { client } = world.login();
  client.stream.pause();
  const ping = frameBytes(Command.Ping, Buffer.from([0x90]), 9);
  for (let round = 0; round < 60; round++) {
    client.raw(...Array.from({ length: 100 }, () => ping));
    world.settle();
  }
  assert.equal(world.gate.counters.closes[CloseReason.SlowConsumer], 1);
});

test('aedes#51: 2000 clients that do not read leave bounded memory, and readers are not affected', async () => {
  const world = await GateWorld.start({ ...MARKS, outboxSoftBytes: 2000, windowBytes: 262_144, ackTimeoutMs: 600_000 });
  const stuck = Array.from({ length: 2000 }, (_, index) => world.login(`stuck${index}`));
  const { client: reader, session: reading } = world.login('reader');
  for (const { client } of stuck) client.stream.pause();
  for (let seq = 1; seq <= 50; seq++) {
    for (const { session } of stuck) world.logic.push(session, seq, 1000);
    world.logic.push(reading, seq, 1000);
    world.settle();
  }
  assert.equal(reader.seqs.length, 50);
  for (const { client } of stuck) assert.ok(client.link.accepted.pendingBytes < 2000 + 1100 + 50);
  world.advance(15_200);
  assert.equal(world.gate.counters.closes[CloseReason.SlowConsumer], 2000);
  world.advance(2200);
  assert.equal(world.gate.connections, 1);
});
