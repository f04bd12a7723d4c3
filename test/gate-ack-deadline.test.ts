/** Pushes that nobody acknowledges: S-ACK-5, G7. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseReason } from '../src/protocol/index.ts';
import { GateWorld } from './support/gate-world.ts';
import { EPOCH } from './support/scripted-logic.ts';

/** Keeps the client from being idle while time passes. */
async function pushed(seqs: number): Promise<GateWorld & { client: ReturnType<GateWorld['login']>['client'] }> {
  const world = await GateWorld.start({ ackTimeoutMs: 10_000, heartbeatMs: 600_000 });
  const { client, session } = world.login();
  for (let seq = 1; seq <= seqs; seq++) world.logic.push(session, seq);
  world.settle();
  return Object.assign(world, { client });
}

test('S-ACK-5 G7: an unacknowledged push is pushed once more after the deadline, then the connection ends ACK_TIMEOUT', async () => {
  const world = await pushed(2);
  world.advance(9900);
  assert.equal(world.logic.repushes.length, 0);
  world.advance(200);
  const [repush] = world.logic.repushes;
  assert.deepEqual([repush?.epoch, repush?.seq], [EPOCH, 0]);
  for (const seq of [1, 2]) world.logic.push(world.logic.lastLogin, seq);
  world.advance(9800);
  assert.deepEqual(world.client.seqs, [1, 2, 1, 2]);
  assert.equal(world.client.closeReason, undefined);
  world.advance(300);
  assert.equal(world.client.closeReason, 'ACK_TIMEOUT');
  assert.equal(world.logic.repushes.length, 1);
  assert.equal(world.gate.counters.repushes, 2);
});

test('S-ACK-5: an ACK in time moves the deadline, and one for everything ends it', async () => {
  const world = await pushed(2);
  world.advance(9000);
  world.client.ack(1);
  world.advance(9000);
  assert.deepEqual(world.logic.repushes, []);
  world.client.ack(2);
  world.advance(100_000);
  assert.deepEqual(world.logic.repushes, []);
  assert.equal(world.client.closeReason, undefined);
});

test('G7: progress after a re-push earns another one, from there on', async () => {
  const world = await pushed(3);
  world.advance(10_100);
  world.client.ack(1);
  world.advance(10_200);
  assert.deepEqual(
    world.logic.repushes.map(({ seq }) => seq),
    [0, 1],
  );
  assert.equal(world.client.closeReason, undefined);
  world.advance(10_200);
  assert.equal(world.client.closeReason, 'ACK_TIMEOUT');
});

test('what was acknowledged, or was not asked for, is not pushed again', async () => {
  const world = await pushed(2);
  world.logic.push(world.logic.lastLogin, 1);
  world.settle();
  assert.deepEqual(world.client.seqs, [1, 2]);
  world.client.ack(1);
  world.advance(10_100);
  for (const seq of [1, 2]) world.logic.push(world.logic.lastLogin, seq);
  world.settle();
  assert.deepEqual(world.client.seqs, [1, 2, 2]);
});

test('while no logic is there nobody is closed for what cannot be pushed again', async () => {
  const world = await pushed(1);
  await world.killLogic();
  world.advance(60_000);
  assert.equal(world.client.closeReason, undefined);
  await world.startLogic();
  world.advance(10_200);
  assert.equal(world.logic.repushes.length, 1);
  world.advance(10_200);
  assert.equal(world.client.closeReason, 'ACK_TIMEOUT');
});

test('S-ACK-5: a socket that is not drained is a slow consumer, not an ACK_TIMEOUT', async () => {
  const world = await GateWorld.start({ ackTimeoutMs: 10_000, stallTimeoutMs: 15_000, heartbeatMs: 600_000 });
  const { client, session } = world.login();
  client.stream.pause();
  for (let seq = 1; seq <= 3; seq++) world.logic.push(session, seq, 10_000);
  world.advance(24_900);
  assert.deepEqual(world.logic.repushes, []);
  assert.equal(world.logic.closed.length, 0);
  world.advance(300);
  assert.equal(world.logic.closed[0]?.reason, CloseReason.SlowConsumer);
});

test('S-ACK-5: a socket that drains late gets its re-push then', async () => {
  const world = await GateWorld.start({ ackTimeoutMs: 10_000, stallTimeoutMs: 15_000, heartbeatMs: 600_000 });
  const { client, session } = world.login();
  client.stream.pause();
  world.logic.push(session, 1, 20_000);
  world.advance(12_000);
  client.stream.resume();
  world.advance(7000);
  assert.deepEqual(world.logic.repushes, []);
  world.advance(1200);
  assert.equal(world.logic.repushes.length, 1);
  assert.equal(world.gate.slowConsumers, 0);
});
