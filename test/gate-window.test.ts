/** What a connection may have in flight, and what happens instead: S-PUSH, S-ACK, G7, T16. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseReason, Command, readPong } from '../src/protocol/index.ts';
import { GateWorld } from './support/gate-world.ts';
import { EPOCH } from './support/scripted-logic.ts';

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

test('S-PUSH-1: pushes arrive in the order of their seqs, each once', async () => {
  const world = await GateWorld.start();
  const { client, session } = world.login();
  for (const seq of [1, 2, 2, 3, 1]) world.logic.push(session, seq);
  world.settle();
  assert.deepEqual(client.seqs, [1, 2, 3]);
  assert.deepEqual(client.notified, []);
});

test('S-PUSH-3: a push that is not the next one becomes one NOTIFY, until the client pulls', async () => {
  const world = await GateWorld.start();
  const { client, session } = world.login();
  for (const seq of [1, 3, 4, 5]) world.logic.push(session, seq);
  world.settle();
  assert.deepEqual(client.seqs, [1]);
  assert.deepEqual(client.notified, [3]);
  client.sync(1);
  world.settle();
  world.logic.page(world.logic.lastForward, 1, 5);
  world.logic.push(session, 6);
  world.settle();
  assert.deepEqual(client.seqs, [1, 6]);
  assert.deepEqual(client.notified, [3]);
});

for (const [title, pushes] of [
  ['max − 1', 7],
  ['max', 8],
  ['max + 1', 9],
] as const) {
  test(`S-PUSH-2 T16: ${title} messages unacknowledged: 8 are pushed, the rest is one NOTIFY`, async () => {
    const world = await GateWorld.start({ windowMessages: 8 });
    const { client, session } = world.login();
    for (let seq = 1; seq <= pushes; seq++) world.logic.push(session, seq);
    world.settle();
    assert.deepEqual(client.seqs, range(1, Math.min(8, pushes)));
    assert.deepEqual(client.notified, pushes > 8 ? [9] : []);
  });

  test(`S-PUSH-2: ${title} bytes unacknowledged: NOTIFY beyond the maximum only`, async () => {
    const world = await GateWorld.start();
    const probe = world.login('probe');
    world.logic.push(probe.session, 1, 100);
    world.settle();
    const bodyBytes = probe.client.frames[1]?.body.length as number;
    // Three messages of this size fill the window exactly.
    const windowBytes = 3 * bodyBytes + 8 - pushes;
    const tight = await GateWorld.start({ windowBytes });
    const { client, session } = tight.login();
    for (let seq = 1; seq <= 3; seq++) tight.logic.push(session, seq, 100);
    tight.settle();
    assert.deepEqual(client.seqs, pushes > 8 ? [1, 2] : [1, 2, 3]);
    assert.deepEqual(client.notified, pushes > 8 ? [3] : []);
  });
}

test('one message larger than the window is pushed when nothing is in flight', async () => {
  const world = await GateWorld.start({ windowBytes: 4096 });
  const { client, session } = world.login();
  world.logic.push(session, 1, 50_000);
  world.logic.push(session, 2, 1);
  world.settle();
  assert.deepEqual(client.seqs, [1]);
  assert.deepEqual(client.notified, [2]);
});

test('an ACK makes room, and reaches the logic as one cursor', async () => {
  const world = await GateWorld.start({ windowMessages: 4 });
  const { client, session } = world.login();
  for (let seq = 1; seq <= 4; seq++) world.logic.push(session, seq);
  world.settle();
  for (const seq of [1, 2, 3]) client.ack(seq);
  world.advance(200);
  for (let seq = 5; seq <= 8; seq++) world.logic.push(session, seq);
  world.settle();
  assert.deepEqual(client.seqs, range(1, 7));
  assert.deepEqual(client.notified, [8]);
  assert.deepEqual(
    world.logic.cursors.map(({ slot, epoch, seq }) => [slot, epoch, seq]),
    [[session.slot, EPOCH, 3]],
  );
  world.advance(1000);
  assert.equal(world.logic.cursors.length, 1);
});

test('S-PUSH-2: a page counts as messages and bytes in flight, and its pull acknowledges what came before', async () => {
  const world = await GateWorld.start({ windowMessages: 8 });
  const { client, session } = world.login();
  world.logic.push(session, 1);
  world.settle();
  client.sync(1);
  world.settle();
  world.logic.page(world.logic.lastForward, 1, 9);
  world.logic.push(session, 10);
  world.settle();
  assert.deepEqual(client.notified, [10]);
  client.ack(9);
  world.settle();
  client.sync(9);
  world.settle();
  world.logic.page(world.logic.lastForward, 9, 10);
  world.logic.push(session, 11);
  world.settle();
  assert.deepEqual(client.seqs, [1, 11]);
  world.advance(200);
  assert.equal(world.logic.cursors.at(-1)?.seq, 9);
});

test('a pull acknowledges at once: a client that leaves right after its last pull does not get the page again', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  client.sync(0);
  world.settle();
  world.logic.page(world.logic.lastForward, 0, 3);
  world.settle();
  client.sync(3);
  client.frame(Command.Disconnect, Buffer.from([0x91, CloseReason.Normal]));
  world.settle();
  assert.equal(world.logic.closed.at(-1)?.seq, 3);
});

test('Openfire OF-1590: an ACK beyond what was sent is PROTOCOL_ERROR and moves nothing', async () => {
  const world = await GateWorld.start();
  const { client, session } = world.login();
  world.logic.push(session, 1);
  world.logic.push(session, 2);
  world.settle();
  client.ack(1);
  client.ack(3);
  world.settle();
  assert.equal(client.closeReason, 'PROTOCOL_ERROR');
  assert.deepEqual([world.logic.closed[0]?.epoch, world.logic.closed[0]?.seq], [EPOCH, 1]);
});

test('S-ACK-3: an ACK of another epoch, and one that is not above the last, change nothing', async () => {
  const world = await GateWorld.start({ windowMessages: 2 });
  const { client, session } = world.login();
  world.logic.push(session, 1);
  world.logic.push(session, 2);
  world.settle();
  client.ack(2, EPOCH - 1);
  client.ack(99, EPOCH + 1);
  client.ack(1);
  client.ack(0);
  client.ack(1);
  world.advance(200);
  assert.equal(client.closeReason, undefined);
  assert.deepEqual(
    world.logic.cursors.map(({ seq }) => seq),
    [1],
  );
});

test('S-SENDACK-2: the sender’s own copy counts as sent and, when nothing is in flight, as acknowledged', async () => {
  const world = await GateWorld.start();
  const { client, session } = world.login();
  client.send();
  world.settle();
  world.logic.sendack(world.logic.lastForward, 1);
  world.logic.push(session, 2);
  world.advance(200);
  assert.deepEqual(client.seqs, [2]);
  assert.deepEqual(
    world.logic.cursors.map(({ seq }) => seq),
    [1],
  );
});

test('an own copy behind a push needs no ACK apart: acknowledging the push settles both', async () => {
  const world = await GateWorld.start();
  const { client, session } = world.login();
  world.logic.push(session, 1);
  client.send();
  world.settle();
  world.logic.sendack(world.logic.lastForward, 2);
  world.settle();
  client.ack(1);
  world.advance(60_000);
  assert.equal(client.closeReason, undefined);
  assert.deepEqual(world.logic.repushes, []);
  assert.deepEqual(
    world.logic.cursors.map(({ seq }) => seq),
    [2],
  );
});

test('S-ACK-4: an own copy that comes before its predecessor was pushed may be acknowledged, and pushing goes on after it', async () => {
  const world = await GateWorld.start();
  const { client, session } = world.login();
  client.send();
  world.settle();
  world.logic.sendack(world.logic.lastForward, 2);
  world.logic.push(session, 1);
  world.logic.push(session, 3);
  world.settle();
  assert.deepEqual(client.seqs, [1, 3]);
  client.ack(3);
  world.advance(200);
  assert.equal(client.closeReason, undefined);
  assert.equal(world.logic.cursors.at(-1)?.seq, 3);
});

test('an own copy in another epoch moves nothing: the client learns of the epoch first', async () => {
  const world = await GateWorld.start();
  const { client, session } = world.login();
  client.send();
  world.settle();
  world.logic.sendack(world.logic.lastForward, 90, EPOCH + 1);
  world.logic.push(session, 1);
  world.settle();
  client.ack(1);
  world.advance(200);
  assert.deepEqual(client.seqs, [1]);
  assert.deepEqual([world.logic.cursors[0]?.epoch, world.logic.cursors[0]?.seq], [EPOCH, 1]);
});

test('a push or head of another epoch is a NOTIFY with that epoch', async () => {
  const world = await GateWorld.start();
  const first = world.login('alice');
  const second = world.login('bob');
  world.logic.push(first.session, 1, 1, EPOCH + 1);
  world.logic.head(second.session, 1, EPOCH + 1);
  world.settle();
  for (const { client } of [first, second]) {
    assert.deepEqual(client.received, ['CONNACK', 'NOTIFY']);
    assert.deepEqual(client.frames[1]?.body, Buffer.from([0x92, EPOCH + 1, 1]));
  }
});

test('S-EPOCH-2: RESYNC in answer to SYNC puts the window at floor − 1 of the new epoch with nothing in flight', async () => {
  const world = await GateWorld.start({ windowMessages: 4 });
  world.logic.accepting = { head: 50, startSeq: 50 };
  const { client, session } = world.login();
  for (let seq = 51; seq <= 54; seq++) world.logic.push(session, seq);
  client.sync(50);
  world.settle();
  const position = { epoch: EPOCH + 1, ackedSeq: 0, pushedSeq: 0 };
  world.logic.reply(world.logic.lastForward, 0xcb, (writer) => writer.arrayHeader(0), position);
  for (let seq = 1; seq <= 4; seq++) world.logic.push(session, seq, 1, EPOCH + 1);
  world.settle();
  client.ping();
  world.settle();
  assert.deepEqual(client.seqs, [51, 52, 53, 54, 1, 2, 3, 4]);
  const pong = client.frames.at(-1)?.body as Buffer;
  assert.deepEqual(readPong(pong, 0, pong.length), { epoch: EPOCH + 1, head: 4, known: true });
  client.ack(54);
  world.advance(200);
  assert.deepEqual(world.logic.cursors, []);
});

test('a connection that is closed has no pushes and no acknowledgements', async () => {
  const world = await GateWorld.start();
  const { client, session } = world.login();
  client.frame(0x04, Buffer.from([0x91, 1]));
  client.ack(1);
  world.logic.push(session, 1);
  world.settle();
  assert.deepEqual(client.received, ['CONNACK', 'CLOSE']);
});
