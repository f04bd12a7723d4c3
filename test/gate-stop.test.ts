/** A planned restart: G10. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseReason, HEADER_BYTES, readClose, readGoaway } from '../src/protocol/index.ts';
import { FakeStream } from './support/fake-stream.ts';
import { ALTERNATIVES, GateWorld } from './support/gate-world.ts';

async function worldOf(
  connections: number,
  drainMs: number,
): Promise<{ world: GateWorld; clients: ReturnType<GateWorld['dial']>[] }> {
  const world = await GateWorld.start({ drainMs });
  const clients = Array.from({ length: connections }, (_, index) => world.login(`user${index}`).client);
  return { world, clients };
}

test('G10: everyone is told GOAWAY at once, then closed with SHUTDOWN, paced over the whole time', async () => {
  const { world, clients } = await worldOf(100, 5000);
  const stopped = world.gate.stop();
  await world.clock.advanceAsync(10);
  assert.ok(clients.every((client) => client.received.at(1) === 'GOAWAY'));
  const times = clients.map((client) => {
    const goaway = client.frames[1]?.body as Buffer;
    const { retryAfterMs = 0, alternatives } = readGoaway(goaway, 0, goaway.length) ?? {};
    assert.deepEqual(alternatives, ALTERNATIVES);
    return retryAfterMs;
  });
  assert.ok(times.every((ms) => ms >= 2500 && ms <= 5000));
  assert.ok(new Set(times).size > 50, 'the times are spread');
  const closedAt: number[] = [];
  for (let step = 0; step < 10; step++) {
    await world.clock.advanceAsync(500);
    closedAt.push(clients.filter((client) => client.closeReason === 'SHUTDOWN').length);
  }
  for (const [index, closed] of closedAt.entries()) {
    assert.ok(Math.abs(closed - (index + 1) * 10) <= 2, `${closed} closed after ${(index + 1) * 500} ms`);
  }
  await world.clock.advanceAsync(200);
  await stopped;
  assert.ok(clients.every((client) => client.closed));
  assert.equal(world.gate.connections, 0);
  assert.deepEqual(new Set(world.logic.closed.map(({ reason }) => reason)), new Set([CloseReason.Shutdown]));
  assert.equal(world.logic.closed.length, 100);
});

test('G10: a connection works until its turn comes, and its last acknowledgement reaches the logic', async () => {
  const { world, clients } = await worldOf(2, 1000);
  world.logic.acknowledging = true;
  const session = world.logic.logins[1];
  const stopped = world.gate.stop();
  await world.clock.advanceAsync(10);
  const last = clients[1] as (typeof clients)[number];
  if (session !== undefined) world.logic.push(session, 1);
  world.settle();
  last.ack(1);
  last.send();
  await world.clock.advanceAsync(10);
  assert.deepEqual(last.received, ['CONNACK', 'GOAWAY', 'MESSAGE', 'SENDACK']);
  await world.clock.advanceAsync(2000);
  await stopped;
  assert.equal(world.logic.closed.find(({ slot }) => slot === session?.slot)?.seq, 1);
});

test('clients that do not take the goodbye are cut at the deadline', async () => {
  const { world, clients } = await worldOf(10, 500);
  for (const client of clients.slice(0, 5)) client.link.setSilent(true);
  let done = false;
  const stopped = world.gate.stop().then(() => {
    done = true;
  });
  await world.clock.advanceAsync(1400, 10);
  assert.equal(done, false);
  await world.clock.advanceAsync(300, 10);
  await stopped;
  assert.equal(world.gate.connections, 0);
});

test('stop is idempotent: every caller gets the same promise, and nobody is told twice', async () => {
  const { world, clients } = await worldOf(3, 500);
  const first = world.gate.stop();
  assert.equal(world.gate.stop(), first);
  await world.clock.advanceAsync(1000);
  assert.equal(world.gate.stop(), first);
  await first;
  assert.deepEqual(clients[0]?.received, ['CONNACK', 'GOAWAY', 'CLOSE']);
});

test('a stopping gate lets nobody in: what the listener still accepts is refused SHUTDOWN', async () => {
  const { world } = await worldOf(1, 1000);
  const accepted = world.dial();
  const stopped = world.gate.stop();
  const late = world.dial();
  await world.clock.advanceAsync(50);
  assert.equal(accepted.closeReason, 'SHUTDOWN');
  assert.ok(late.closed);
  assert.equal(late.closeReason, undefined);
  const accepts = world.gate.counters.accepted;
  const stream = new FakeStream();
  world.gate.onAccepted(stream);
  assert.equal(world.gate.counters.accepted, accepts);
  assert.ok(stream.ended);
  const close = stream.written.subarray(HEADER_BYTES);
  assert.equal(readClose(close, 0, close.length)?.reason, CloseReason.Shutdown);
  await world.clock.advanceAsync(2000);
  await stopped;
});

test('a gate without connections stops at once and leaves the trunk and no timer behind', async () => {
  const { world } = await worldOf(0, 5000);
  await world.gate.stop();
  await world.logic.stop();
  world.settle();
  assert.equal(world.gate.logicUp, false);
  assert.equal(world.clock.pendingTimers, 0);
});
