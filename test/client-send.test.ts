import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage, type SluiceClient } from '../src/client/index.ts';
import { CloseReason, ErrorCode, PAYLOAD_BYTES_MAX, SendFlag } from '../src/protocol/index.ts';
import { ClientWorld } from './support/client-world.ts';
import type { ServerConnection } from './support/scripted-server.ts';

/** What the server was sent, as `text` or `text!` for RESTART. */
function sent(connection: ServerConnection): string[] {
  return connection
    .all('send')
    .map(({ body }) => `${Buffer.from(body.payload)}${(body.flags & SendFlag.Restart) === 0 ? '' : '!'}`);
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

function sendAll(client: SluiceClient, texts: readonly string[], to = 'bob'): Promise<unknown> {
  const all = Promise.all(texts.map((text) => client.send({ to, text, clientMsgId: `${to}-${text}` })));
  all.catch(() => {});
  return all;
}

test('a receipt tells what the server has stored', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  const { clientMsgId, ...rest } = await world.finish(client.send({ to: 'bob', text: 'hi' }));
  assert.match(clientMsgId, /^[0-9a-f]{32}$/);
  assert.deepEqual(rest, {
    to: 'bob',
    messageId: '1001',
    dup: false,
    durability: 'disk',
    replicas: 0,
    serverTimeMs: 1,
  });
});

test('at most 8 messages are in flight to one target and 48 in all', async () => {
  const world = await ClientWorld.start();
  world.server.script.send = () => {};
  const client = await world.connected();
  void sendAll(client, numbers(20));
  await world.pass(100);
  assert.deepEqual(sent(world.server.connection), ['0', '1', '2', '3', '4', '5', '6', '7']);
  for (let target = 0; target < 9; target += 1) {
    void sendAll(client, numbers(20), `user${target}`);
  }
  await world.pass(100);
  assert.equal(world.server.connection.all('send').length, 48);
  world.server.connection.sendack(world.server.connection.all('send')[0]?.requestId ?? 0);
  await world.pass(100);
  assert.equal(world.server.connection.all('send').length, 49);
  await world.finish(client.close());
});

test('after a reconnect everything unacknowledged is sent again, oldest first, under the same keys', async () => {
  const world = await ClientWorld.start();
  world.server.script.send = (connection, { requestId, body }) => {
    if (body.clientMsgId === 'bob-1') connection.sendack(requestId);
  };
  const client = await world.connected();
  const all = sendAll(client, ['1', '2', '3']);
  const other = sendAll(client, ['4'], 'carol');
  await world.pass(100);
  world.server.script = {};
  world.server.connection.cut();
  await world.finish(Promise.all([all, other]));
  assert.deepEqual(sent(world.server.connection), ['2!', '4!', '3']);
  const keys = world.server.connection.all('send').map(({ body }) => body.clientMsgId);
  assert.deepEqual(keys, ['bob-2', 'carol-4', 'bob-3']);
});

test('after a retryable refusal nothing is sent to that target until all replies are in, then all with RESTART', async () => {
  const world = await ClientWorld.start();
  world.server.script.send = () => {};
  const client = await world.connected();
  const all = sendAll(client, ['1', '2', '3']);
  await world.pass(100);
  const [one, two, three] = world.server.connection.all('send').map(({ requestId }) => requestId);
  world.server.connection.sendack(one ?? 0);
  world.server.connection.error(two ?? 0, ErrorCode.RetryLater, { retryAfterMs: 2000 });
  const more = sendAll(client, ['4']);
  await world.pass(5000);
  assert.equal(world.server.connection.all('send').length, 3);
  world.server.connection.error(three ?? 0, ErrorCode.Held);
  world.server.script = {};
  const elsewhere = sendAll(client, ['x'], 'carol');
  await world.pass(1990);
  assert.deepEqual(sent(world.server.connection), ['1', '2', '3', 'x']);
  await world.finish(Promise.all([all, more, elsewhere]));
  assert.deepEqual(sent(world.server.connection).slice(4), ['2!', '3', '4']);
});

test('a SEND without an answer is sent again after the reply time', async () => {
  const world = await ClientWorld.start();
  world.server.script.send = () => {};
  const client = await world.connected({ replyTimeoutMs: 3000 });
  const all = sendAll(client, ['1', '2']);
  await world.pass(2900);
  world.server.script = {};
  await world.finish(all);
  assert.deepEqual(sent(world.server.connection), ['1', '2', '1!', '2']);
});

test('a permanent refusal rejects that send alone', async () => {
  const world = await ClientWorld.start();
  world.server.script.send = (connection, { requestId, body }) => {
    if (body.clientMsgId === 'bob-2') connection.error(requestId, ErrorCode.Conflict, { detail: 'other body' });
    else connection.sendack(requestId);
  };
  const client = await world.connected();
  const one = client.send({ to: 'bob', text: '1', clientMsgId: 'bob-1' });
  const two = client.send({ to: 'bob', text: '2', clientMsgId: 'bob-2' });
  const three = client.send({ to: 'bob', text: '3', clientMsgId: 'bob-3' });
  two.catch(() => {});
  await world.finish(Promise.all([one, three]));
  await assert.rejects(two, { name: 'CONFLICT', code: ErrorCode.Conflict, outcomeUnknown: false });
  assert.equal(client.unsent, 0);
});

test('what the server could only refuse is refused at once', async () => {
  const world = await ClientWorld.start();
  const client = world.client({ queueMessagesMax: 2, queueBytesMax: 100_000 });
  await assert.rejects(client.send({ to: 'not a uid', text: '' }), { name: 'BAD_TARGET' });
  await assert.rejects(client.send({ to: 'bob', text: '', clientMsgId: 'x'.repeat(65) }), {
    name: 'BAD_CLIENT_MSG_ID',
  });
  const tooLarge = Buffer.alloc(PAYLOAD_BYTES_MAX + 1);
  await assert.rejects(client.send({ to: 'bob', payload: tooLarge }), { name: 'PAYLOAD_TOO_LARGE' });
  await assert.rejects(client.send({ to: 'bob' }), TypeError);
  const largest = Buffer.alloc(PAYLOAD_BYTES_MAX);
  void client.send({ to: 'bob', payload: largest }).catch(() => {});
  await assert.rejects(client.send({ to: 'bob', payload: largest }), { name: 'QUEUE_FULL' });
  void client.send({ to: 'bob', text: 'small' }).catch(() => {});
  await assert.rejects(client.send({ to: 'bob', text: 'third' }), { name: 'QUEUE_FULL' });
  await world.finish(client.close());
});

test('a message above the size that CONNACK announces is refused, and the rest goes on', async () => {
  const world = await ClientWorld.start();
  world.server.script.connect = (connection, { requestId }) => connection.connack(requestId, { bodyBytesMax: 1000 });
  const client = await world.connected();
  const large = client.send({ to: 'bob', text: 'x'.repeat(1000) });
  large.catch(() => {});
  await world.finish(client.send({ to: 'bob', text: 'small' }));
  await assert.rejects(large, { name: 'PAYLOAD_TOO_LARGE' });
});

test('a repeated key in the queue shares the outcome, with other content it is a conflict', async () => {
  const world = await ClientWorld.start();
  const client = world.client();
  const first = client.send({ to: 'bob', text: 'a', clientMsgId: 'key' });
  const again = client.send({ to: 'bob', text: 'a', clientMsgId: 'key' });
  await assert.rejects(client.send({ to: 'bob', text: 'b', clientMsgId: 'key' }), { name: 'CONFLICT' });
  await world.finish(client.connect());
  assert.deepEqual(await world.finish(first), await world.finish(again));
  assert.equal(world.server.connection.all('send').length, 1);
});

test('a send that times out stays in the queue; cancelled, it is not sent again', async () => {
  const world = await ClientWorld.start();
  world.server.script.send = () => {};
  const client = await world.connected();
  const late = client.send({ to: 'bob', text: '1', clientMsgId: 'one', timeoutMs: 500 });
  await assert.rejects(world.finish(late), { name: 'TIMEOUT', outcomeUnknown: true });
  assert.equal(client.unsent, 1);
  const two = client.send({ to: 'bob', text: '2', clientMsgId: 'two' });
  assert.equal(await client.cancelSend('one'), false);
  world.server.script = {};
  world.server.connection.cut();
  await world.finish(two);
  assert.deepEqual(sent(world.server.connection), ['2!']);
});

test('a message cancelled before it was sent is certainly not stored', async () => {
  const world = await ClientWorld.start();
  const client = world.client();
  const one = client.send({ to: 'bob', text: '1', clientMsgId: 'one' });
  one.catch(() => {});
  assert.equal(await client.cancelSend('one'), true);
  await assert.rejects(one, { name: 'CANCELLED', outcomeUnknown: false });
  await world.finish(client.connect());
  await world.pass(100);
  assert.equal(world.server.connection.all('send').length, 0);
});

test('what a program leaves unsent is sent by the next one, and its outcome is told', async () => {
  const world = await ClientWorld.start();
  const storage = new MemoryStorage();
  world.server.script.send = () => {};
  const first = await world.connected({ storage, closeTimeoutMs: 100 });
  const all = sendAll(first, ['1', '2']);
  await world.pass(100);
  await world.finish(first.close());
  await assert.rejects(all, { name: 'CLOSED', outcomeUnknown: true });
  world.server.script = {};
  const second = world.client({ storage });
  const told: string[] = [];
  second.on('sent', (receipt) => told.push(receipt.clientMsgId));
  const third = second.send({ to: 'bob', text: '3', clientMsgId: 'bob-3' });
  await world.finish(second.connect());
  await world.finish(third);
  assert.deepEqual(sent(world.server.connection), ['1', '2', '3']);
  assert.deepEqual(told, ['bob-1', 'bob-2', 'bob-3']);
  assert.equal((await storage.load('demo/alice/phone1'))?.unsent.length, 0);
});

test('a message is stored before it is sent; one that cannot be stored is refused', async () => {
  const world = await ClientWorld.start();
  const storage = new MemoryStorage();
  let release = (): void => {};
  storage.addUnsent = (message) =>
    message.clientMsgId === 'bad'
      ? Promise.reject(new Error('disk full'))
      : new Promise<void>((resolve) => (release = resolve));
  const client = await world.connected({ storage });
  const good = client.send({ to: 'bob', text: '1' });
  await assert.rejects(world.finish(client.send({ to: 'bob', text: '2', clientMsgId: 'bad' })), {
    name: 'STORAGE_FAILED',
  });
  assert.equal(world.server.connection.all('send').length, 0);
  release();
  await world.finish(good);
});

test('close waits for the acknowledgements of what is under way', async () => {
  const world = await ClientWorld.start();
  world.server.script.send = () => {};
  const client = await world.connected();
  const all = sendAll(client, ['1']);
  await world.pass(100);
  const closing = client.close();
  await world.pass(1000);
  assert.equal(client.state, 'closing');
  world.server.connection.sendack(world.server.connection.last('send').requestId);
  await world.finish(Promise.all([all, closing]));
});

test('close stops waiting for acknowledgements when the connection goes', async () => {
  const world = await ClientWorld.start();
  world.server.script.send = () => {};
  const client = await world.connected();
  const all = sendAll(client, ['1']);
  await world.pass(100);
  const closing = client.close();
  world.server.connection.close(CloseReason.Shutdown);
  await world.pass(100);
  assert.equal(client.state, 'closed');
  await world.finish(closing);
  await assert.rejects(all, { name: 'CLOSED' });
});
