/** The gate without its logic, and with a new one: G9, the crash matrix, holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseReason, Command, ErrorCode, readPong } from '../src/protocol/index.ts';
import { GateWorld, type LoggedIn } from './support/gate-world.ts';
import { frameBytes } from './support/scripted-client.ts';
import { EPOCH } from './support/scripted-logic.ts';

/** The last PONG. */
function pong({ client }: LoggedIn): ReturnType<typeof readPong> {
  const body = client.bodiesOf(Command.Pong).at(-1) as Buffer;
  return readPong(body, 0, body.length);
}

test('G9: when the link breaks, everything in flight on it is RETRY_LATER and the connections stay', async () => {
  const world = await GateWorld.start();
  const alice = world.login('alice');
  const bob = world.login('bob');
  const ids = [alice.client.send('bob'), alice.client.sync(0), alice.client.send('carol')];
  bob.client.send('alice');
  world.settle();
  world.logic.sendack(world.logic.forwards.find((forward) => forward.slot === bob.session.slot) as never);
  world.settle();
  await world.killLogic();
  assert.deepEqual(
    alice.client.errors,
    ids.map((id) => `${id} RETRY_LATER`),
  );
  assert.ok(alice.client.errorBodies.every((body) => body.retryAfterMs >= 500 && body.retryAfterMs <= 2000));
  assert.deepEqual(bob.client.received, ['CONNACK', 'SENDACK']);
  assert.equal(world.gate.connections, 2);
  assert.equal(world.gate.logicUp, false);
  assert.equal(world.gate.heldConnections, 1);
});

test('a half-open trunk is noticed after three missed heartbeats', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  world.transport.links[0]?.setSilent(true);
  const id = client.send();
  world.advance(6000);
  assert.deepEqual(client.errors, []);
  world.advance(4000);
  assert.deepEqual(client.errors, [`${id} RETRY_LATER`]);
});

test('while no logic is there requests are refused RETRY_LATER, PING is answered and known is false', async () => {
  const world = await GateWorld.start();
  const alice = world.login();
  await world.killLogic();
  const ids = [alice.client.sync(0), alice.client.send()];
  alice.client.ping();
  world.settle();
  assert.deepEqual(
    alice.client.errors,
    ids.map((id) => `${id} RETRY_LATER`),
  );
  assert.deepEqual(pong(alice), { epoch: EPOCH, head: 0, known: false });
});

test('a new logic gets every session again with its identity, generation and place', async () => {
  const world = await GateWorld.start();
  world.logic.accepting = { generation: 5, head: 10, startSeq: 10, loggedInAtS: 1_700_000_123 };
  const alice = world.login('alice');
  world.logic.push(alice.session, 11);
  world.settle();
  alice.client.ack(11);
  await world.killLogic();
  await world.startLogic();
  assert.deepEqual(
    world.logic.registers.map(({ link: _, ...session }) => session),
    [
      {
        slot: alice.session.slot,
        serial: alice.session.serial,
        app: 'demo',
        uid: 'alice',
        deviceType: 'phone',
        deviceId: 'alice-phone',
        generation: 5,
        capabilities: 0,
        epoch: EPOCH,
        ackedSeq: 11,
        loggedInAtS: 1_700_000_123,
      },
    ],
  );
  assert.deepEqual(alice.client.received, ['CONNACK', 'MESSAGE']);
});

/** The logic answers what was registered with it since the last call, until nothing more comes. */
function confirmAll(world: GateWorld): void {
  for (let confirmed = 0; confirmed < world.logic.registers.length; ) {
    for (const session of world.logic.registers.slice(confirmed)) {
      confirmed++;
      world.logic.head(session, 0);
    }
    world.settle();
  }
}

test('5000 sessions are registered as the logic answers, each once, and only what is registered is forwarded', async () => {
  const world = await GateWorld.start();
  const everyone = Array.from({ length: 5000 }, (_, index) => world.login(`user${index}`));
  await world.killLogic();
  await world.startLogic();
  assert.equal(world.logic.registers.length, 200);
  confirmAll(world);
  const slots = world.logic.registers.map(({ slot }) => slot);
  assert.equal(slots.length, 5000);
  assert.equal(new Set(slots).size, 5000);
  for (const { client } of everyone) client.sync(0);
  world.settle();
  assert.equal(world.logic.forwards.length, 5000);
  assert.ok(everyone.every(({ client }) => client.received.length === 1));
});

test('a client that asks before its session was registered is told to come again soon, and is registered first', async () => {
  const world = await GateWorld.start();
  const everyone = Array.from({ length: 2000 }, (_, index) => world.login(`user${index}`));
  await world.killLogic();
  await world.startLogic();
  const { client } = everyone[1999] as (typeof everyone)[number];
  client.sync(0);
  world.settle();
  const refusal = client.errorBodies.at(-1);
  assert.equal(refusal?.code, ErrorCode.RetryLater);
  assert.ok((refusal?.retryAfterMs ?? Number.NaN) <= 200);
  assert.equal(world.logic.registers.at(-1)?.uid, 'user1999');
  client.sync(0);
  world.settle();
  assert.equal(world.logic.forwards.length, 1);
});

test('registration goes on when connections end before the logic has answered for them', async () => {
  const world = await GateWorld.start();
  const everyone = Array.from({ length: 1500 }, (_, index) => world.login(`user${index}`));
  await world.killLogic();
  await world.startLogic();
  for (const { client } of everyone.slice(0, 200)) client.stream.destroy();
  world.settle();
  confirmAll(world);
  assert.equal(new Set(world.logic.registers.map(({ uid }) => uid)).size, 1500);
});

test('S-LOGIN-10: a session that only sends is registered as such', async () => {
  const world = await GateWorld.start();
  const client = world.dial();
  client.connect('alice', 1);
  world.settle();
  await world.killLogic();
  await world.startLogic();
  assert.equal(world.logic.registers[0]?.capabilities, 1);
});

test('a connection that came and one that went while the logic was away: only who is there is registered', async () => {
  const world = await GateWorld.start();
  const alice = world.login('alice');
  world.login('bob');
  await world.killLogic();
  alice.client.stream.destroy();
  world.settle();
  await world.startLogic();
  assert.deepEqual(
    world.logic.registers.map(({ uid }) => uid),
    ['bob'],
  );
  assert.deepEqual(world.logic.closed, []);
});

test('G6: a push that was lost on the broken link shows as NOTIFY when the owner says its head', async () => {
  const world = await GateWorld.start();
  const missed = world.login('alice');
  const complete = world.login('bob');
  for (const { session } of [missed, complete]) world.logic.push(session, 1);
  world.settle();
  await world.killLogic();
  await world.startLogic();
  const [first, second] = world.logic.registers;
  if (first !== undefined && second !== undefined) {
    world.logic.head(first, 2);
    world.logic.head(second, 1);
  }
  world.settle();
  for (const { client } of [missed, complete]) client.ping();
  world.settle();
  assert.deepEqual(missed.client.notified, [2]);
  assert.deepEqual(pong(missed), { epoch: EPOCH, head: 2, known: true });
  assert.deepEqual(complete.client.notified, []);
  assert.deepEqual(pong(complete), { epoch: EPOCH, head: 1, known: true });
});

for (const [title, requests] of [
  ['max − 1', 3],
  ['max', 4],
  ['max + 1', 5],
] as const) {
  test(`T16: ${title} requests in flight: beyond it BUSY, also for one clientMsgId again and again`, async () => {
    const world = await GateWorld.start({ sendsInFlightMax: 4 });
    const { client } = world.login();
    const ids = Array.from({ length: requests }, () => client.send());
    world.settle();
    assert.equal(world.logic.forwards.length, Math.min(4, requests));
    assert.deepEqual(client.errors, requests > 4 ? [`${ids[4]} BUSY`] : []);
  });
}

test('T16: an answer makes room for the next request', async () => {
  const world = await GateWorld.start({ sendsInFlightMax: 2 });
  const { client } = world.login();
  client.sync(0);
  client.sync(0);
  world.settle();
  world.logic.page(world.logic.lastForward, 0, 0);
  world.settle();
  client.sync(0);
  const refused = client.sync(0);
  world.settle();
  assert.equal(world.logic.forwards.length, 3);
  assert.deepEqual(client.errors, [`${refused} BUSY`]);
});

test('T16 CVE-2023-28366: 10,000 SENDs with one clientMsgId and no answer leave the ring full and nothing else', async () => {
  const world = await GateWorld.start({ sendsInFlightMax: 4 });
  const { client } = world.login();
  const send = frameBytes(Command.Send, Buffer.from('95a3626f6200a2633100c40168', 'hex'), 9);
  for (let chunk = 0; chunk < 100; chunk++) client.raw(...Array.from({ length: 100 }, () => send));
  world.settle();
  assert.equal(world.logic.forwards.length, 4);
  assert.equal(client.errors.length, 9996);
  await world.killLogic();
  assert.equal(client.errors.length, 10_000);
});

test('frames of the logic about a connection that has gone are dropped, whoever has its slot now', async () => {
  const world = await GateWorld.start();
  const alice = world.login('alice');
  alice.client.send();
  world.settle();
  const forward = world.logic.lastForward;
  alice.client.stream.destroy();
  world.settle();
  const bob = world.login('bob');
  assert.equal(bob.session.slot, alice.session.slot);
  world.logic.sendack(forward);
  world.logic.push(alice.session, 1);
  world.logic.head(alice.session, 9);
  world.logic.endSession(alice.session, CloseReason.Kicked);
  world.logic.multicast([alice.session, bob.session], Command.Notify, Buffer.from([0x92, EPOCH, 3]));
  world.settle();
  assert.deepEqual(bob.client.received, ['CONNACK', 'NOTIFY']);
  assert.equal(world.gate.counters.staleFrames, 5);
});

test('a logic that says something senseless loses its link; the clients do not notice', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  const [link] = world.logic.links;
  link?.writer.endFrame(link.writer.beginFrame(99, 0));
  link?.touch();
  world.settle();
  assert.equal(world.gate.logicUp, false);
  world.advance(1000);
  assert.equal(world.gate.logicUp, true);
  assert.equal(world.logic.registers.length, 1);
  assert.equal(client.closeReason, undefined);
});
