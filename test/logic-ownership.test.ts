/** A logic that shares its store with others: what it says it owns, whom it drops, and senders that are guests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GUEST_IDLE_MS } from '../src/logic/guests.ts';
import type { AppId, Epoch, PartitionNumber } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import { CloseReason, Command, ErrorCode } from '../src/protocol/index.ts';
import { OperationType, RefusalReason } from '../src/store/store.ts';
import { type FakeGate, fieldsOf } from './support/fake-gate.ts';
import { type LogicWorld, logicWorld } from './support/logic-world.ts';

async function loggedIn(): Promise<LogicWorld> {
  const world = await logicWorld();
  world.gate.login(1, 1, { uid: 'bob' });
  await world.run();
  world.gate.take();
  return world;
}

async function partitionsOf({ logic, run }: LogicWorld, gate: FakeGate): Promise<number[]> {
  await run();
  assert.equal(logic.ownership.size, gate.owned.at(-1)?.length);
  return (gate.owned.at(-1) ?? []).map(({ partition }) => partition);
}

const bobs = (partitions: number): PartitionNumber => partitionOf('demo' as AppId, 'bob', partitions);

test('a store of its own is owned as a whole, and every gate is told at once', async () => {
  const world = await logicWorld();
  const partitions = await partitionsOf(world, world.gate);
  assert.equal(new Set(partitions).size, partitions.length);
  assert.ok(partitions.length > 1);
  const other = await world.dial('gate 2');
  assert.deepEqual(await partitionsOf(world, other), partitions);
});

test('a partition that is lost: the gates are told, its sessions are dropped without a word, the others stay', async () => {
  const world = await loggedIn();
  const partitions = world.logic.ownership.size;
  world.gate.login(2, 1, { uid: 'alice' });
  await world.run();
  world.gate.take();
  world.logic.lost(bobs(partitions), []);
  const left = await partitionsOf(world, world.gate);
  assert.equal(left.length, partitions - 1);
  assert.ok(!left.includes(bobs(partitions)));
  assert.deepEqual(world.gate.take(), []);
  assert.equal(world.logic.sessions.size, 1);
  assert.equal(world.logic.counters.sessionsHandedOver, 1);
});

const cursorsIn = ({ store }: LogicWorld): [string, number][] =>
  store.submitted.flatMap((op) => (op.type === OperationType.Cursor ? [[op.uid, op.seq] as [string, number]] : []));

test('a partition that leaves takes its cursors along, and no others', async () => {
  const world = await loggedIn();
  world.gate.login(2, 1, { uid: 'alice' });
  await world.run();
  world.gate.position('cursor', 1, 1, 1, 3);
  world.gate.position('cursor', 2, 1, 1, 4);
  await world.run();
  world.logic.cursors.flush(bobs(world.logic.ownership.size));
  assert.deepEqual(cursorsIn(world), [['bob', 3]]);
  await world.run(2000);
  assert.deepEqual(cursorsIn(world), [
    ['bob', 3],
    ['alice', 4],
  ]);
});

test('what a gate had not told the last owner is written by the next: the session registers with it, then it is told', async () => {
  const world = await logicWorld();
  world.gate.register(1, 1, { uid: 'bob', ackedSeq: 5 });
  world.gate.register(2, 1, { uid: 'alice', ackedSeq: 6 });
  world.gate.position('cursor', 1, 1, 1, 5);
  await world.run(2000);
  assert.deepEqual(cursorsIn(world), [['bob', 5]]);
});

test('what changes within one tick is announced once', async () => {
  const world = await logicWorld();
  const before = world.gate.owned.length;
  for (const partition of [1, 2, 3] as PartitionNumber[]) world.logic.lost(partition, []);
  world.logic.ownership.acquired(2 as PartitionNumber, 7);
  await world.run();
  assert.equal(world.gate.owned.length, before + 1);
  assert.deepEqual(
    world.gate.owned.at(-1)?.find(({ partition }) => partition === 2),
    { partition: 2, ownerEpoch: 7 },
  );
});

test('a session of a partition that is not owned here is not registered', async () => {
  const world = await loggedIn();
  world.logic.lost(bobs(world.logic.ownership.size), []);
  await world.run();
  world.gate.register(3, 1, { uid: 'bob', generation: 1 });
  await world.run();
  assert.equal(world.logic.sessions.size, 0);
  assert.deepEqual(world.gate.take(), []);
});

test('logins whose outcome is lost with their partition give their places to others', async () => {
  const world = await logicWorld({ limits: { loginConcurrency: 1 }, commitDelayMs: 1000 });
  world.gate.login(1, 1, { uid: 'bob' });
  await world.run();
  const [login] = world.store.submitted;
  assert.ok(login !== undefined);
  world.gate.login(2, 1, { uid: 'carol' });
  world.logic.lost(bobs(world.logic.ownership.size), [login]);
  await world.run();
  assert.equal(world.store.submitted.length, 2);
});

test('a new epoch: every session of the partition is told RESYNC with what is there, and nobody else', async () => {
  const world = await loggedIn();
  world.gate.login(2, 1, { uid: 'alice' });
  world.gate.login(3, 1, { uid: 'bob', deviceType: 'desktop', deviceId: 'd2' });
  await world.run();
  world.gate.take();
  world.logic.ownership.epochChanged(bobs(world.logic.ownership.size), 2 as Epoch, 5);
  await world.run();
  const events = world.gate.take();
  assert.deepEqual(
    events.map((event) => fieldsOf(event, 'what', 'slot', 'floor', 'head')),
    [
      ['resync', 1, 1, 0],
      ['resync', 3, 1, 0],
    ],
  );
});

test('a guest sends like a session: stored, acknowledged, pushed; its identity counts once', async () => {
  const world = await loggedIn();
  world.gate.sendFor(9, 4, 100, { uid: 'alice', deviceId: 'a1' }, { target: 'bob', text: 'one' });
  world.gate.sendFor(9, 4, 101, { uid: 'mallory' }, { target: 'bob', text: 'two' });
  await world.run();
  const replies = world.gate.of(9);
  assert.deepEqual(
    replies.map((event) => fieldsOf(event, 'what', 'command', 'requestId')),
    [
      ['reply', Command.Sendack, 100],
      ['reply', Command.Sendack, 101],
    ],
  );
  assert.deepEqual(
    world.gate.of(1).map((event) => fieldsOf(event, 'what', 'from', 'text')),
    [
      ['push', 'alice', 'one'],
      ['push', 'alice', 'two'],
    ],
  );
  assert.equal(world.logic.guests.size, 1);
  assert.equal(world.logic.sessions.size, 1);
});

test('another connection on the slot of a guest is another guest', async () => {
  const world = await loggedIn();
  world.gate.sendFor(9, 4, 100, { uid: 'alice' }, { target: 'bob' });
  world.gate.sendFor(9, 5, 101, { uid: 'carol' }, { target: 'bob' });
  await world.run();
  assert.deepEqual(
    world.gate.of(1).map((event) => fieldsOf(event, 'from')),
    [['alice'], ['carol']],
  );
  assert.equal(world.logic.guests.size, 1);
});

test('S-SEND-6: what follows a refused SEND of a guest is HELD until a RESTART', async () => {
  const world = await loggedIn();
  world.store.refuse = RefusalReason.Unavailable;
  world.gate.sendFor(9, 4, 100, { uid: 'alice' }, { target: 'bob' });
  await world.run();
  world.store.refuse = undefined;
  world.gate.sendFor(9, 4, 101, { uid: 'alice' }, { target: 'bob' });
  await world.run();
  assert.deepEqual(
    world.gate.of(9).map((event) => fieldsOf(event, 'requestId', 'code')),
    [
      [100, ErrorCode.StoreUnavailable],
      [101, ErrorCode.Held],
    ],
  );
});

test('a guest with a malformed body is ended; the sessions of that user here stay', async () => {
  const world = await loggedIn();
  world.gate.sendFor(9, 4, 100, { uid: 'bob' }, { target: 'bob' });
  await world.run();
  world.gate.take();
  world.gate.forwardFor(9, 4, 101, { uid: 'bob' }, Buffer.from([0x91, 0x01]));
  await world.run();
  assert.deepEqual(fieldsOf(world.gate.of(9)[0], 'what', 'reason'), ['endGuest', CloseReason.MalformedBody]);
  assert.equal(world.logic.sessions.sessionsOf('demo', 'bob').length, 1);
});

test('a guest that sends no more is forgotten, one that goes on is not; so are those of a link that ends', async () => {
  const world = await loggedIn();
  world.gate.sendFor(8, 1, 100, { uid: 'alice' }, { target: 'bob' });
  world.gate.sendFor(9, 1, 101, { uid: 'carol' }, { target: 'bob' });
  await world.run(GUEST_IDLE_MS + 1);
  world.gate.sendFor(9, 1, 102, { uid: 'carol' }, { target: 'bob' });
  await world.run(GUEST_IDLE_MS);
  assert.equal(world.logic.guests.size, 1);
  world.gate.dialer.stop();
  await world.run();
  assert.equal(world.logic.guests.size, 0);
});
