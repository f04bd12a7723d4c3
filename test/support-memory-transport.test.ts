import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Address, Stream } from '../src/net/transport.ts';
import { ManualClock } from './support/manual-clock.ts';
import type { LinkOptions, MemoryLink } from './support/memory-link.ts';
import { MemoryTransport } from './support/memory-transport.ts';
import { StreamRecorder } from './support/stream-recorder.ts';

interface Pair {
  readonly clock: ManualClock;
  readonly transport: MemoryTransport;
  readonly address: Address;
  readonly server: StreamRecorder;
  readonly client: StreamRecorder;
  readonly dialled: Stream;
  readonly link: MemoryLink;
}

async function connected(options: Partial<LinkOptions> = {}): Promise<Pair> {
  const clock = new ManualClock();
  const transport = new MemoryTransport(clock, options);
  const server = new StreamRecorder();
  const client = new StreamRecorder();
  const { port } = await transport.listen({ host: 'gate', port: 0 }, server);
  const address = { host: 'gate', port };
  const dialled = transport.dial(address, client);
  clock.advance(options.latencyMs ?? 0);
  assert.deepEqual([client.opened, server.streams.length], [1, 1]);
  return { clock, transport, address, server, client, dialled, link: transport.links[0] as MemoryLink };
}

function textOf(recorder: StreamRecorder): string {
  return Buffer.concat(recorder.received).toString();
}

test('bytes travel both ways in order, never inside the call that wrote them', async () => {
  const { clock, server, client, dialled } = await connected();
  server.echo = true;
  dialled.write(Buffer.from('one '));
  dialled.write(Buffer.from('two'));
  assert.equal(server.receivedBytes, 0);
  clock.runDeferred();
  assert.equal(textOf(client), 'one two');
});

test('bytes written before the dial opens arrive', () => {
  const clock = new ManualClock();
  const transport = new MemoryTransport(clock, { latencyMs: 5 });
  const server = new StreamRecorder();
  void transport.listen({ path: '/run/logic.sock' }, server);
  transport.dial({ path: '/run/logic.sock' }, new StreamRecorder()).write(Buffer.from('early'));
  clock.advance(10);
  assert.equal(textOf(server), 'early');
});

test('latency holds bytes back by its time', async () => {
  const { clock, server, dialled } = await connected({ latencyMs: 20 });
  dialled.write(Buffer.from('x'));
  clock.advance(19);
  assert.equal(server.receivedBytes, 0);
  clock.advance(1);
  assert.equal(server.receivedBytes, 1);
});

test('chunks of one byte are handed out one by one', async () => {
  const { clock, server, dialled } = await connected({ chunkBytes: 1 });
  dialled.write(Buffer.from('frame'));
  clock.runDeferred();
  assert.deepEqual(server.received.map(String), ['f', 'r', 'a', 'm', 'e']);
});

test('bytes that a handler keeps beyond its call are spoilt', async () => {
  const clock = new ManualClock();
  const transport = new MemoryTransport(clock);
  let kept: Uint8Array = Buffer.alloc(0);
  const server = new StreamRecorder();
  server.onBytes = (_stream, bytes) => {
    kept = bytes;
  };
  await transport.listen({ host: 'gate', port: 1 }, server);
  transport.dial({ host: 'gate', port: 1 }, new StreamRecorder()).write(Buffer.from('ab'));
  clock.runDeferred();
  assert.deepEqual([...kept], [0xdd, 0xdd]);
});

for (const [name, bytes, accepted] of [
  ['max − 1', 99, true],
  ['max', 100, false],
  ['max + 1', 101, false],
] as const) {
  test(`a peer that does not read: writing ${name} bytes of the high-water mark answers ${accepted}`, async () => {
    const { clock, server, client, dialled } = await connected({ highWaterMarkBytes: 100 });
    (server.streams[0] as Stream).pause();
    assert.equal(dialled.write(Buffer.alloc(bytes)), accepted);
    clock.advance(1_000);
    assert.deepEqual([dialled.pendingBytes, server.receivedBytes, client.drains], [bytes, 0, 0]);
    (server.streams[0] as Stream).resume();
    clock.runDeferred();
    assert.deepEqual([dialled.pendingBytes, server.receivedBytes, client.drains], [0, bytes, accepted ? 0 : 1]);
  });
}

test('end sends what is queued, then both ends close without an error, once', async () => {
  const { clock, server, client, dialled } = await connected({ latencyMs: 3, chunkBytes: 2 });
  const accepted = server.streams[0] as Stream;
  accepted.write(Buffer.alloc(10));
  dialled.write(Buffer.from('last words'));
  dialled.end();
  assert.equal(dialled.write(Buffer.from('too late')), false);
  clock.advance(10);
  assert.equal(textOf(server), 'last words');
  assert.equal(client.receivedBytes, 0);
  assert.deepEqual([client.closed, server.closed], [[undefined], [undefined]]);
  dialled.end();
  dialled.destroy();
  accepted.destroy();
  clock.advance(10);
  assert.deepEqual([client.closed.length, server.closed.length], [1, 1]);
});

test('destroy loses what is queued and closes the peer after the latency', async () => {
  const { clock, server, client, dialled } = await connected({ latencyMs: 10 });
  dialled.write(Buffer.from('lost'));
  dialled.destroy();
  assert.equal(client.closed.length, 0);
  clock.advance(9);
  assert.deepEqual([client.closed.length, server.closed.length], [1, 0]);
  clock.advance(1);
  assert.deepEqual([server.closed.length, server.receivedBytes], [1, 0]);
});

test('a cut resets both ends with an error', async () => {
  const { clock, server, client, dialled, link } = await connected();
  dialled.write(Buffer.alloc(5));
  link.cut();
  clock.runDeferred();
  for (const recorder of [server, client]) assert.match(String(recorder.closed), /ECONNRESET/);
});

test('a silent wire tells nobody anything; healed, it delivers what it held back', async () => {
  const { clock, server, client, dialled, link } = await connected();
  link.setSilent(true);
  dialled.write(Buffer.from('held'));
  clock.advance(60_000);
  assert.deepEqual([server.receivedBytes, dialled.pendingBytes, client.closed.length], [0, 4, 0]);
  link.setSilent(false);
  clock.runDeferred();
  assert.equal(textOf(server), 'held');
});

test('a peer that goes while the wire is silent leaves a half-open end, which is reset when the wire heals', async () => {
  const { clock, server, client, dialled, link } = await connected();
  link.setSilent(true);
  dialled.destroy();
  clock.advance(60_000);
  assert.deepEqual([client.closed.length, server.closed.length], [1, 0]);
  link.setSilent(false);
  clock.runDeferred();
  assert.match(String(server.closed), /ECONNRESET/);
});

test('a dial into silence hangs until the wire heals', async () => {
  const { clock, transport, address } = await connected();
  const late = new StreamRecorder();
  transport.dial(address, late);
  const link = transport.links.at(-1) as MemoryLink;
  link.setSilent(true);
  clock.advance(60_000);
  assert.deepEqual([late.opened, late.closed.length], [0, 0]);
  link.setSilent(false);
  clock.runDeferred();
  assert.equal(late.opened, 1);
});

test('a dial that nobody listens for is refused, also after the listener has closed', async () => {
  const { clock, transport } = await connected();
  const server = new StreamRecorder();
  const listener = await transport.listen({ path: '/gone' }, server);
  await listener.close();
  const client = new StreamRecorder();
  transport.dial({ path: '/gone' }, client);
  clock.runDeferred();
  assert.match(String(client.closed), /ECONNREFUSED/);
  assert.deepEqual([client.opened, server.closed.length], [0, 0]);
});

test('a dial that is destroyed before it opens closes once and is never accepted', async () => {
  const { clock, transport, address, server } = await connected();
  const client = new StreamRecorder();
  transport.dial(address, client).destroy();
  clock.runDeferred();
  assert.deepEqual([client.opened, client.closed.length, server.streams.length], [0, 1, 1]);
});

test('an address is listened on once, unless all listeners share it; then they take turns', async () => {
  const { clock, transport, address } = await connected();
  await assert.rejects(transport.listen(address, new StreamRecorder()), /EADDRINUSE/);
  const shared = { host: 'gate', port: 9, reusePort: true };
  const servers = [new StreamRecorder(), new StreamRecorder()];
  for (const server of servers) await transport.listen(shared, server);
  for (let dial = 0; dial < 4; dial += 1) transport.dial({ host: 'gate', port: 9 }, new StreamRecorder());
  clock.runDeferred();
  assert.deepEqual(
    servers.map((server) => server.streams.length),
    [2, 2],
  );
});
