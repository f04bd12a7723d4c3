import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileStorage, MemoryStorage } from '../src/client/index.ts';
import { delay } from '../src/clock/clock.ts';
import type { MessageBody } from '../src/protocol/index.ts';
import { ClientWorld } from './support/client-world.ts';

function ownCopy(body: MessageBody | undefined, clientMsgId: string): MessageBody {
  if (body === undefined) throw new Error('no message');
  return { ...body, from: 'alice', to: 'bob', clientMsgId };
}

/** What this connection has acknowledged in the present epoch: by ACK, or by a pull. */
function acknowledged(world: ClientWorld): number {
  const acks = world.server.connection.all('ack').map(({ body }) => (body.epoch === world.server.epoch ? body.seq : 0));
  const pulls = world.server.connection
    .all('sync')
    .map(({ body }) => (body.epoch === world.server.epoch ? body.after : 0));
  return Math.max(0, ...acks, ...pulls);
}

test('without state the client starts at the cursor of CONNACK and pulls page by page until one is empty', async () => {
  const world = await ClientWorld.start();
  world.server.store('1', '2', '3', '4', '5', '6');
  world.server.cursor = 1;
  world.server.pageMax = 2;
  const client = await world.connected({ syncLimit: 50 });
  world.receive(client);
  await world.pass(100);
  assert.deepEqual(world.texts, ['2', '3', '4', '5', '6']);
  const pulls = world.server.connection.all('sync').map(({ body }) => [body.epoch, body.after, body.limit]);
  assert.deepEqual(
    pulls,
    [1, 3, 5, 6].map((after) => [1, after, 50]),
  );
});

test('the next page is pulled only when the application has taken the last one', async () => {
  const world = await ClientWorld.start();
  world.server.store('1', '2', '3');
  world.server.pageMax = 2;
  const client = await world.connected();
  let release = (): void => {};
  world.receive(client, () => new Promise<void>((resolve) => (release = resolve)));
  await world.pass(1000);
  assert.deepEqual(world.texts, ['1']);
  release();
  await world.pass(1000);
  assert.deepEqual(world.texts, ['1', '2']);
  assert.equal(world.server.connection.all('sync').length, 1);
  assert.equal(world.server.connection.last('ack').body.seq, 1);
  release();
  await world.pass(1000);
  assert.equal(world.server.connection.last('sync').body.after, 2);
});

test('pushes are acknowledged within 50 ms, once for many', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  world.receive(client);
  world.server.push('1', '2', '3');
  await world.settle();
  assert.deepEqual(world.texts, ['1', '2', '3']);
  await world.pass(49, 1);
  assert.equal(world.server.connection.all('ack').length, 0);
  await world.pass(1, 1);
  assert.deepEqual(
    world.server.connection.all('ack').map(({ body }) => body),
    [{ epoch: 1, seq: 3 }],
  );
});

test('half a window is acknowledged at once', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  world.receive(client);
  world.server.push(...Array.from({ length: 40 }, String));
  await world.settle();
  assert.deepEqual(
    world.server.connection.all('ack').map(({ body }) => body.seq),
    [32],
  );
});

test('a hole in the pushes is pulled, and nothing is shown twice or out of order', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  world.receive(client);
  const [one, , three] = world.server.store('1', '2', '3');
  for (const message of [one, three, three, one]) if (message) world.server.connection.message(message);
  await world.pass(200);
  assert.deepEqual(world.texts, ['1', '2', '3']);
  assert.equal(world.server.connection.all('sync')[0]?.body.after, 1);
  assert.equal(acknowledged(world), 3);
});

test('NOTIFY and the head in PONG lead to a pull; a head that is not known does not', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  world.receive(client);
  world.server.store('1');
  world.server.connection.notify(1, 1);
  await world.pass(100);
  assert.deepEqual(world.texts, ['1']);
  world.server.store('2');
  let isKnown = false;
  world.server.script.ping = (connection, { requestId }) => connection.pong(requestId, 2, isKnown);
  await world.pass(40_000, 100);
  assert.deepEqual(world.texts, ['1']);
  isKnown = true;
  await world.pass(40_000, 100);
  assert.deepEqual(world.texts, ['1', '2']);
});

test('what was trimmed is told as a gap, and reading goes on at the floor', async () => {
  const world = await ClientWorld.start();
  world.server.store('1', '2', '3', '4', '5');
  world.server.trim(4);
  const client = await world.connected();
  world.receive(client);
  await world.pass(100);
  assert.deepEqual(world.events, ['connected', 'gap 1-3']);
  assert.deepEqual(world.texts, ['4', '5']);
  assert.deepEqual(
    world.server.connection.all('sync').map(({ body }) => body.after),
    [0, 3, 5],
  );
});

for (const isAsked of [true, false]) {
  test(`RESYNC ${isAsked ? 'as the answer to SYNC' : 'unasked'} rereads the timeline and shows only what is new`, async () => {
    const world = await ClientWorld.start();
    world.server.store('1', '2', '3');
    const client = await world.connected();
    world.receive(client);
    await world.pass(100);
    world.server.restoreAs(2);
    world.server.store('4');
    if (isAsked) world.server.connection.notify(2, 4);
    else world.server.connection.resync(0);
    await world.pass(200);
    assert.deepEqual(world.events, ['connected', 'resync 2']);
    assert.deepEqual(world.texts, ['1', '2', '3', '4']);
    world.server.connection.cut();
    await world.pass(2000);
    const { epoch, lastSeq } = world.server.connection.last('connect').body;
    assert.deepEqual([epoch, lastSeq], [2, 4]);
  });
}

test('RESYNC while a handler works does not show its message twice', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  let release = (): void => {};
  world.receive(client, () => new Promise<void>((resolve) => (release = resolve)));
  world.server.push('1', '2');
  await world.settle();
  world.server.restoreAs(5);
  world.server.connection.resync(0);
  await world.pass(100);
  release();
  await world.pass(100);
  release();
  await world.pass(100);
  assert.deepEqual(world.texts, ['1', '2']);
  assert.equal(acknowledged(world), 2);
});

test('an epoch that has changed while away is noticed at the login', async () => {
  const world = await ClientWorld.start();
  const storage = new MemoryStorage();
  world.server.store('1', '2');
  const first = await world.connected({ storage });
  world.receive(first);
  await world.pass(100);
  await world.finish(first.close());
  world.server.restoreAs(9);
  world.server.store('3');
  const second = await world.connected({ storage });
  world.receive(second);
  await world.pass(200);
  assert.deepEqual(world.texts, ['1', '2', '3']);
});

test("this device's own copies count as held, with and without payload, and are never shown", async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  world.receive(client);
  world.server.script.send = (connection, { requestId, body }) => {
    const [stored] = world.server.store('own');
    world.server.timeline[world.server.timeline.length - 1] = ownCopy(stored, body.clientMsgId);
    connection.sendack(requestId, { ownSeq: body.clientMsgId === 'folded' ? (stored?.seq ?? 0) : 0 });
  };
  await world.finish(client.send({ to: 'bob', text: 'a', clientMsgId: 'folded' }));
  await world.finish(client.send({ to: 'bob', text: 'b', clientMsgId: 'unfolded' }));
  world.server.push('answer');
  await world.pass(200);
  assert.deepEqual(world.texts, ['answer']);
  assert.equal(acknowledged(world), 3);
});

test("another device's copies of one's own messages are shown", async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  world.receive(client);
  const [stored] = world.server.store('from my laptop');
  world.server.connection.message(ownCopy(stored, 'elsewhere'));
  await world.pass(100);
  assert.deepEqual(world.texts, ['from my laptop']);
});

test('a failed handler gets the message again after a back-off, and it is not acknowledged before', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  let failures = 2;
  world.receive(client, () => {
    if (failures-- > 0) throw new Error('busy');
  });
  world.server.push('1', '2');
  await world.settle();
  assert.deepEqual(world.texts, ['1']);
  assert.equal(world.server.connection.all('ack').length, 0);
  await world.pass(3000);
  assert.deepEqual(world.texts, ['1', '1', '1', '2']);
  assert.deepEqual(world.events, ['connected', 'error HandlerError', 'error HandlerError']);
  assert.equal(world.server.connection.last('ack').body.seq, 2);
});

test('a program killed in its handler gets the message again; killed after it, not', async (context) => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'sluice-receive-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const world = await ClientWorld.start();
  world.server.store('1', '2', '3');
  /** The stored bytes of the moment at which the handler of message 2 runs, and of the end. */
  const path = join(folder, 'running');
  const first = await world.connected({ storage: new FileStorage(path) });
  world.receive(first, (message) => {
    if (message.text === '2') fs.copyFileSync(path, join(folder, 'killed-inside'));
  });
  await world.pass(200);
  fs.copyFileSync(path, join(folder, 'killed-after'));
  await world.finish(first.close());
  for (const [name, expected] of [
    ['killed-inside', ['2', '3']],
    ['killed-after', []],
  ] as const) {
    world.texts.length = 0;
    const next = await world.connected({ storage: new FileStorage(join(folder, name)) });
    world.receive(next);
    await world.pass(200);
    assert.deepEqual(world.texts, expected, name);
    await world.finish(next.close());
  }
});

test('the cursor is stored before the ACK leaves', async () => {
  const world = await ClientWorld.start();
  const storage = new MemoryStorage();
  const client = await world.connected({ storage });
  world.receive(client);
  const saved: string[] = [];
  const save = storage.saveCursor.bind(storage);
  storage.saveCursor = async (cursor, taken) => {
    saved.push(`saved ${cursor.seq}`);
    await save(cursor, taken);
  };
  world.server.script.ack = (_connection, { body }) => saved.push(`acked ${body.seq}`);
  world.server.push('1');
  await world.pass(100);
  assert.deepEqual(saved, ['saved 1', 'acked 1']);
});

test('a cursor that cannot be stored is not acknowledged; the client tries again', async () => {
  const world = await ClientWorld.start();
  const storage = new MemoryStorage();
  const client = await world.connected({ storage });
  world.receive(client);
  const save = storage.saveCursor.bind(storage);
  let failures = 2;
  storage.saveCursor = async (cursor, taken) => {
    if (failures-- > 0) throw new Error('disk full');
    await save(cursor, taken);
  };
  world.server.push('1', '2');
  await world.pass(900);
  assert.equal(world.server.connection.all('ack').length, 0);
  await world.pass(3000);
  assert.deepEqual(world.texts, ['1', '2']);
  assert.equal(world.server.connection.last('ack').body.seq, 2);
});

test('for await acknowledges a message when the next one is asked for', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  const messages = client.messages();
  world.server.push('1', '2');
  assert.equal((await world.finish(messages.next())).value?.text, '1');
  await world.pass(200);
  assert.equal(world.server.connection.all('ack').length, 0);
  assert.equal((await world.finish(messages.next())).value?.text, '2');
  await world.pass(200);
  assert.equal(world.server.connection.last('ack').body.seq, 1);
  assert.throws(() => client.onMessage(() => {}), /exclude each other/);
  await messages.return();
  world.receive(client);
  await world.pass(200);
  assert.deepEqual(world.texts, ['2']);
});

test('for await ends when the client closes', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  const texts: string[] = [];
  const reading = (async () => {
    for await (const message of client.messages()) texts.push(message.text);
  })();
  world.server.push('1', '2');
  await world.pass(200);
  await world.finish(client.close());
  await world.finish(reading);
  assert.deepEqual(texts, ['1', '2']);
});

test('close acknowledges the message after which the next one was asked for, also with a slow storage', async () => {
  const world = await ClientWorld.start();
  class SlowStorage extends MemoryStorage {
    override async saveCursor(...position: Parameters<MemoryStorage['saveCursor']>): Promise<void> {
      await delay(world.clock, 50);
      await super.saveCursor(...position);
    }
  }
  const client = await world.connected({ storage: new SlowStorage() });
  const messages = client.messages();
  world.server.push('1', '2');
  await world.finish(messages.next());
  const second = messages.next();
  await world.finish(client.close());
  assert.equal((await world.finish(second)).done, true);
  assert.equal(world.server.connection.last('ack').body.seq, 1);
});

test('close waits for the handler that is at work and acknowledges what it took', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  let release = (): void => {};
  world.receive(client, () => new Promise<void>((resolve) => (release = resolve)));
  world.server.push('1', '2');
  await world.settle();
  const closing = client.close();
  await world.pass(1000);
  assert.equal(client.state, 'closing');
  release();
  await world.finish(closing);
  assert.deepEqual(world.texts, ['1']);
  assert.deepEqual(world.server.connection.names.slice(-2), ['ack', 'disconnect']);
  assert.equal(world.server.connection.last('ack').body.seq, 1);
});

test('a message taken after a reconnect is acknowledged only when the new connection has shown it', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  let release = (): void => {};
  world.receive(client, () => new Promise<void>((resolve) => (release = resolve)));
  world.server.push('1');
  await world.settle();
  world.server.script.sync = () => {};
  world.server.connection.cut();
  await world.pass(2000);
  release();
  await world.pass(1000);
  assert.equal(world.server.connection.all('ack').length, 0);
  for (const message of world.server.timeline) world.server.connection.message(message);
  await world.pass(1000);
  assert.deepEqual(world.texts, ['1']);
  assert.equal(world.server.connection.last('ack').body.seq, 1);
});

test('a SYNC that is refused or not answered is tried again', async () => {
  const world = await ClientWorld.start();
  world.server.store('1');
  let tries = 0;
  world.server.script.sync = (connection, { requestId }) => {
    tries += 1;
    if (tries === 1) connection.error(requestId, 1, { retryAfterMs: 700 });
    if (tries === 3) world.server.script = {};
    if (tries === 3) connection.page(requestId, world.server.timeline);
  };
  const client = await world.connected();
  world.receive(client);
  await world.pass(690);
  assert.equal(tries, 1);
  await world.pass(20);
  assert.equal(tries, 2);
  await world.pass(17_000, 50);
  assert.deepEqual(world.texts, ['1']);
});

test('a page that is not what was asked for ends the connection', async () => {
  const world = await ClientWorld.start();
  world.server.store('1', '2');
  world.server.script.sync = (connection, { requestId }) => {
    world.server.script = {};
    connection.page(requestId, world.server.timeline.slice(1));
  };
  const client = await world.connected();
  world.receive(client);
  await world.pass(3000);
  assert.deepEqual(world.texts, ['1', '2']);
  assert.equal(world.server.connections.length, 2);
});
