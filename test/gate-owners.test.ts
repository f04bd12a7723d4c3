/** A gate between several logics: who gets what, and what follows when a partition changes hands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppId } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import { CloseReason, Command, ErrorCode, SendFlag } from '../src/protocol/index.ts';
import { GateWorld, type LoggedIn } from './support/gate-world.ts';
import { PARTITIONS } from './support/owned.ts';
import { EPOCH, ScriptedLogic, TRUNK_ADDRESS } from './support/scripted-logic.ts';

const SECOND_ADDRESS = { path: '/second' };
const homeOf = (uid: string): number => partitionOf('demo' as AppId, uid, PARTITIONS);
const ALICE = homeOf('alice');
const BOB = homeOf('bob');

interface Pair {
  readonly world: GateWorld;
  readonly first: ScriptedLogic;
  readonly second: ScriptedLogic;
}

/** Alice lives with the first logic, bob with the second. */
async function twoLogics(): Promise<Pair> {
  const world = new GateWorld(
    {},
    {
      logics: [
        { name: 'first', address: TRUNK_ADDRESS },
        { name: 'second', address: SECOND_ADDRESS },
      ],
    },
  );
  const second = new ScriptedLogic(world.transport, world.clock, 'second', SECOND_ADDRESS);
  world.logic.own([ALICE]);
  second.own([BOB]);
  await world.logic.start();
  await second.start();
  await world.gate.start();
  world.settle();
  return { world, first: world.logic, second };
}

function login({ world, first, second }: Pair, uid: string): LoggedIn {
  const client = world.dial();
  client.connect(uid);
  world.settle();
  const { link, slot, serial } = (homeOf(uid) === ALICE ? first : second).lastLogin;
  return { client, session: { link, slot, serial } };
}

test('a login goes to the owner of its user', async () => {
  const pair = await twoLogics();
  login(pair, 'alice');
  login(pair, 'bob');
  assert.deepEqual(
    [pair.first, pair.second].map((logic) => logic.logins.map(({ connect }) => connect?.uid)),
    [['alice'], ['bob']],
  );
});

test('a login whose user has no owner is refused for now, others go on', async () => {
  const pair = await twoLogics();
  pair.second.own([]);
  pair.world.settle();
  const client = pair.world.dial();
  client.connect('bob');
  pair.world.settle();
  assert.equal(client.closeReason, 'UNAVAILABLE');
  assert.equal(login(pair, 'alice').client.closeReason, undefined);
  assert.equal(pair.world.gate.logicUp, true);
});

test('commands of a session go to its home, a SEND to the owner of its target, as a guest of it', async () => {
  const pair = await twoLogics();
  const { world, first, second } = pair;
  const alice = login(pair, 'alice');
  alice.client.send('alice');
  alice.client.sync(0);
  alice.client.send('bob');
  world.settle();
  assert.deepEqual(
    first.forwards.map(({ command }) => command),
    [Command.Send, Command.Sync],
  );
  assert.deepEqual([second.forwards.length, second.guestForwards, first.guestForwards], [1, 1, 0]);
  const [guest] = second.guests;
  assert.deepEqual(
    [guest?.app, guest?.uid, guest?.deviceType, guest?.deviceId, guest?.generation, guest?.capabilities],
    ['demo', 'alice', 'phone', 'alice-phone', 1, 0],
  );
  second.sendack(second.lastForward);
  world.settle();
  assert.ok(alice.client.received.includes('SENDACK'));
});

test('a SEND to a target without an owner is RETRY_LATER and held; other targets go on after a RESTART', async () => {
  const pair = await twoLogics();
  const { world, first, second } = pair;
  const alice = login(pair, 'alice');
  second.own([]);
  world.settle();
  const refused = alice.client.send('bob');
  const held = alice.client.send('bob');
  world.settle();
  assert.deepEqual(alice.client.errors, [`${refused} RETRY_LATER`, `${held} HELD`]);
  alice.client.send('alice', SendFlag.Restart);
  world.settle();
  assert.equal(first.forwards.length, 1);
});

test('a home that moves: everything in flight is RETRY_LATER, the session registers with the next owner', async () => {
  const pair = await twoLogics();
  const { world, first, second } = pair;
  const alice = login(pair, 'alice');
  const bob = login(pair, 'bob');
  const requests = [alice.client.send('alice'), alice.client.sync(0), alice.client.send('bob')];
  bob.client.send('bob');
  world.settle();
  second.own([ALICE, BOB], 2);
  world.settle();
  assert.deepEqual(
    alice.client.errors,
    requests.map((request) => `${request} RETRY_LATER`),
  );
  assert.deepEqual(
    second.registers.map(({ uid }) => uid),
    ['bob', 'alice'].sort(),
  );
  assert.equal(first.registers.length, 0);
  assert.equal(alice.client.closeReason, undefined);
});

test('only requests to a target that moves are given up, and its connection is held', async () => {
  const pair = await twoLogics();
  const { world, first, second } = pair;
  const alice = login(pair, 'alice');
  const kept = alice.client.send('alice');
  const given = alice.client.send('bob');
  world.settle();
  second.own([]);
  world.settle();
  assert.deepEqual(alice.client.errors, [`${given} RETRY_LATER`]);
  assert.equal(world.gate.heldConnections, 1);
  second.sendack(second.lastForward);
  first.sendack(first.lastForward);
  world.settle();
  const answers = alice.client.frames.filter(({ command }) => command === Command.Sendack);
  assert.deepEqual(
    answers.map(({ requestId }) => requestId),
    [kept],
  );
});

test('a past owner that has not noticed is not listened to any more', async () => {
  const pair = await twoLogics();
  const { world, first, second } = pair;
  const alice = login(pair, 'alice');
  second.own([ALICE, BOB], 2);
  world.settle();
  const before = world.gate.counters.staleFrames;
  first.push(alice.session, 1);
  first.head(alice.session, 9);
  first.endSession(alice.session, CloseReason.Kicked, true);
  world.settle();
  assert.equal(world.gate.counters.staleFrames - before, 3);
  assert.deepEqual(alice.client.received, ['CONNACK']);
  const [registered] = second.registers;
  assert.ok(registered !== undefined);
  second.push(registered, 1);
  world.settle();
  assert.deepEqual(alice.client.received, ['CONNACK', 'MESSAGE']);
});

test('a SEND to another owner waits until the home has confirmed the session', async () => {
  const pair = await twoLogics();
  const { world, first, second } = pair;
  const alice = login(pair, 'alice');
  first.own([ALICE], 2);
  world.settle();
  const early = alice.client.send('bob');
  world.settle();
  assert.deepEqual(alice.client.errors, [`${early} RETRY_LATER`]);
  first.head(alice.session, 0);
  world.settle();
  alice.client.send('bob', SendFlag.Restart);
  world.settle();
  assert.equal(second.forwards.length, 1);
});

test('S-SEND-6: a SEND that a logic refuses for now holds the connection also when its home moves before the next', async () => {
  const pair = await twoLogics();
  const { world, first, second } = pair;
  const alice = login(pair, 'alice');
  alice.client.send('alice');
  world.settle();
  first.error(first.lastForward, ErrorCode.StoreUnavailable);
  world.settle();
  second.own([ALICE, BOB], 2);
  world.settle();
  second.registers.forEach((session) => second.head(session, 0));
  world.settle();
  const overtaking = alice.client.send('alice');
  world.settle();
  assert.ok(alice.client.errors.includes(`${overtaking} HELD`));
  assert.equal(second.forwards.length, 0);
});

test('a logic that dies takes along only its own: the sessions of the others notice nothing', async () => {
  const pair = await twoLogics();
  const { world, first, second } = pair;
  const alice = login(pair, 'alice');
  const bob = login(pair, 'bob');
  alice.client.sync(0);
  world.settle();
  await second.stop();
  world.settle();
  first.page(first.lastForward, 0, 0);
  const refused = bob.client.sync(0);
  world.settle();
  assert.deepEqual(alice.client.received, ['CONNACK', 'SYNCACK']);
  assert.deepEqual(bob.client.errors, [`${refused} RETRY_LATER`]);
});

test('a logic that knows another number of partitions is refused while the others are there', async () => {
  const pair = await twoLogics();
  const { world } = pair;
  const stranger = new ScriptedLogic(world.transport, world.clock, 'stranger', SECOND_ADDRESS, 16);
  await pair.second.stop();
  world.settle();
  stranger.own([BOB % 16], 9);
  await stranger.start();
  world.advance(1000);
  assert.equal(world.gate.logics.size, 1);
  const complaints = (): number => world.log.lines.filter(({ level }) => level === 'error').length;
  assert.equal(complaints(), 1, 'once a minute, however often it is dialled');
  world.advance(61_000);
  assert.equal(complaints(), 2);
});

test('RESYNC reaches a session once: in an epoch that it has already, the logic only says its head', async () => {
  const pair = await twoLogics();
  const alice = login(pair, 'alice');
  pair.first.resync(alice.session, EPOCH + 1, 3, 5);
  pair.first.resync(alice.session, EPOCH + 1, 3, 6);
  pair.world.settle();
  assert.deepEqual(alice.client.received, ['CONNACK', 'RESYNC', 'NOTIFY']);
});

test('a guest whose command breaks the rules loses its connection, and its home hears of it', async () => {
  const pair = await twoLogics();
  const { world, first, second } = pair;
  const alice = login(pair, 'alice');
  alice.client.send('bob');
  world.settle();
  second.endGuest(second.lastForward, CloseReason.MalformedBody);
  world.settle();
  assert.equal(alice.client.closeReason, 'MALFORMED_BODY');
  assert.equal(first.closed.length, 1);
});
