import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { NodeTransport, reusePortAvailable, UNIX_PATH_BYTES_MAX } from '../src/net/node-transport.ts';
import type { Address, Listener, Stream } from '../src/net/transport.ts';
import { StreamRecorder } from './support/stream-recorder.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-net-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Pair {
  readonly transport: NodeTransport;
  readonly server: StreamRecorder;
  readonly listener: Listener;
  readonly address: Address;
}

async function listening(address: Address = { host: '127.0.0.1', port: 0 }): Promise<Pair> {
  const transport = new NodeTransport();
  const server = new StreamRecorder();
  const listener = await transport.listen(address, server);
  return { transport, server, listener, address: 'path' in address ? address : { ...address, port: listener.port } };
}

async function rawClient(pair: Pair): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', port: pair.listener.port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

for (const [name, address] of [
  ['TCP', { host: '127.0.0.1', port: 0 }],
  ['a unix socket', { path: join(folder, 'echo.sock') }],
] as const) {
  test(`bytes come back whole and in order over ${name}`, async () => {
    const pair = await listening(address);
    pair.server.echo = true;
    const client = new StreamRecorder();
    const stream = pair.transport.dial(pair.address, client);
    const sent = Buffer.alloc(300_000, 'sluice');
    stream.write(sent.subarray(0, 10));
    await client.until(() => client.opened === 1);
    stream.write(sent.subarray(10));
    await client.until(() => client.receivedBytes === sent.length);
    assert.deepEqual(Buffer.concat(client.received), sent);
    stream.end();
    await pair.server.until(() => pair.server.closed.length === 1);
    await client.until(() => client.closed.length === 1);
    assert.deepEqual([client.closed, pair.server.closed], [[undefined], [undefined]]);
    await pair.listener.close();
    await pair.listener.close();
  });
}

test('two dialled streams that share the read buffer do not see each other’s bytes', async () => {
  const pair = await listening();
  pair.server.echo = true;
  const clients = [new StreamRecorder(), new StreamRecorder()];
  const streams = clients.map((client) => pair.transport.dial(pair.address, client));
  for (let round = 0; round < 50; round += 1) {
    for (const [index, stream] of streams.entries()) stream.write(Buffer.alloc(1_000, index + 1));
  }
  await Promise.all(clients.map((client) => client.until(() => client.receivedBytes === 50_000)));
  for (const [index, client] of clients.entries()) {
    assert.ok(Buffer.concat(client.received).every((byte) => byte === index + 1));
  }
  for (const stream of streams) stream.destroy();
  await pair.listener.close();
});

test('a peer that does not read makes write answer false, and one drain follows when it reads again', async () => {
  const pair = await listening();
  const client = new StreamRecorder();
  const dialled = pair.transport.dial(pair.address, client);
  await client.until(() => client.opened === 1);
  dialled.pause();
  await pair.server.until(() => pair.server.streams.length === 1);
  const stream = pair.server.streams[0] as Stream;
  const chunk = Buffer.alloc(256 * 1024, 7);
  let chunks = 1;
  while (stream.write(chunk)) chunks += 1;
  assert.ok(stream.pendingBytes > 0);
  assert.equal(pair.server.drains, 0);
  dialled.resume();
  await pair.server.until(() => pair.server.drains === 1);
  assert.equal(stream.pendingBytes, 0);
  await client.until(() => client.receivedBytes === chunks * chunk.length);
  assert.equal(pair.server.drains, 1);
  dialled.destroy();
  await pair.listener.close();
});

test('a large write that the system takes at once counts as taken', async () => {
  const pair = await listening();
  const client = await rawClient(pair);
  await pair.server.until(() => pair.server.streams.length === 1);
  const stream = pair.server.streams[0] as Stream;
  assert.equal(stream.write(Buffer.alloc(64 * 1024)), true);
  assert.equal(stream.pendingBytes, 0);
  stream.destroy();
  client.destroy();
  await pair.listener.close();
});

const resets: readonly [string, (stream: Stream) => void][] = [
  ['at once', () => {}],
  ['while paused', (stream) => stream.pause()],
  ['with bytes queued', (stream) => stream.write(Buffer.alloc(8 * 1024 * 1024))],
  [
    'after our end',
    (stream) => {
      stream.write(Buffer.from('bye'));
      stream.end();
    },
  ],
  ['after our destroy', (stream) => stream.destroy()],
];
for (const [name, prepare] of resets) {
  test(`T24: a reset ${name} closes the stream exactly once and the process lives`, async () => {
    const pair = await listening();
    pair.server.onStream = prepare;
    const clients = await Promise.all(Array.from({ length: 20 }, () => rawClient(pair)));
    await pair.server.until(() => pair.server.streams.length === 20);
    for (const client of clients) client.resetAndDestroy();
    // A paused socket reports a reset when it reads or writes again.
    if (name === 'while paused') for (const stream of pair.server.streams) stream.resume();
    await pair.server.until(() => pair.server.closed.length === 20);
    for (const stream of pair.server.streams) {
      assert.equal(stream.write(Buffer.from('late')), false);
      assert.equal(stream.pendingBytes, 0);
      stream.pause();
      stream.resume();
      stream.end();
      stream.destroy();
    }
    const late = await rawClient(pair);
    await pair.server.until(() => pair.server.streams.length === 21);
    assert.equal(pair.server.closed.length, 20);
    late.destroy();
    await pair.server.until(() => pair.server.closed.length === 21);
    await pair.listener.close();
  });
}

test('T24: a reset between connect and accept does not harm the listener', async () => {
  const pair = await listening();
  const clients = Array.from({ length: 50 }, () => {
    const socket = net.connect({ host: '127.0.0.1', port: pair.listener.port });
    socket.on('error', () => {});
    socket.once('connect', () => socket.resetAndDestroy());
    return once(socket, 'close');
  });
  await Promise.all(clients);
  const late = await rawClient(pair);
  late.end('still here');
  await pair.server.until(() => pair.server.received.some((bytes) => bytes.toString().endsWith('still here')));
  await pair.server.until(() => pair.server.closed.length === pair.server.streams.length);
  await pair.listener.close();
});

test('the peer’s half-close ends the stream after what was queued is sent', async () => {
  const pair = await listening();
  const socket = net.connect({ host: '127.0.0.1', port: pair.listener.port, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  pair.server.onStream = (stream) => stream.write(Buffer.alloc(2_000_000, 1));
  socket.end('request');
  await once(socket, 'end');
  assert.equal(Buffer.concat(chunks).length, 2_000_000);
  await pair.server.until(() => pair.server.closed.length === 1);
  assert.deepEqual(pair.server.closed, [undefined]);
  await pair.listener.close();
});

test('after end nothing is reported or written, and the peer gets everything written before', async () => {
  const pair = await listening();
  pair.server.onStream = (stream) => {
    stream.pause();
    stream.write(Buffer.from('last frame'));
    stream.end();
    assert.equal(stream.write(Buffer.from('too late')), false);
  };
  const socket = await rawClient(pair);
  socket.write(Buffer.alloc(200_000));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'close');
  assert.equal(Buffer.concat(chunks).toString(), 'last frame');
  await pair.server.until(() => pair.server.closed.length === 1);
  assert.equal(pair.server.receivedBytes, 0);
  await pair.listener.close();
});

test('aedes#51: 10,000 blocked writes leave at most two listeners per event', async () => {
  const pair = await listening();
  const client = await rawClient(pair);
  client.pause();
  await pair.server.until(() => pair.server.streams.length === 1);
  const stream = pair.server.streams[0] as Stream;
  const socket = socketOf(stream);
  for (let round = 0; round < 10_000; round += 1) stream.write(Buffer.alloc(1_024));
  for (const event of ['drain', 'error', 'close', 'data', 'finish', 'end']) {
    assert.ok(socket.listenerCount(event) <= 2, `${event}: ${socket.listenerCount(event)}`);
  }
  stream.destroy();
  client.destroy();
  await pair.listener.close();
});

/** The socket behind an accepted stream, found among the process's handles by the property that leads to the stream. */
function socketOf(stream: Stream): net.Socket {
  const handles = (process as unknown as { _getActiveHandles(): object[] })._getActiveHandles();
  const socket = handles.find((handle) =>
    Object.getOwnPropertySymbols(handle).some((key) => Reflect.get(handle, key) === stream),
  );
  assert.ok(socket instanceof net.Socket);
  return socket;
}

test('bytes that come before, during and after a pause are reported once and in order', async () => {
  const pair = await listening();
  const socket = await rawClient(pair);
  await pair.server.until(() => pair.server.streams.length === 1);
  const [stream] = pair.server.streams as [Stream];
  const sent = Buffer.from(Array.from({ length: 600_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
  socket.write(sent.subarray(0, 1_000));
  await pair.server.until(() => pair.server.receivedBytes === 1_000);
  stream.pause();
  for (let at = 1_000; at < sent.length; at += 7_000)
    socket.write(sent.subarray(at, Math.min(at + 7_000, sent.length)));
  // Resumed and paused again at every report, so that queued and fresh bytes meet.
  let pauses = 0;
  const resumed = (): void => {
    stream.pause();
    stream.resume();
    pauses += 1;
  };
  // What was written to the paused stream has been queued by now, at least in part.
  (await rawClient(pair)).destroy();
  stream.resume();
  for (let seen = 1_000; seen < sent.length; seen = pair.server.receivedBytes) {
    const before = seen;
    await pair.server.until(() => pair.server.receivedBytes > before);
    resumed();
  }
  assert.ok(pauses > 1);
  assert.deepEqual(Buffer.concat(pair.server.received), sent);
  socket.end();
  await pair.server.until(() => pair.server.closed.length === 2);
  await pair.listener.close();
});

test('a refused dial ends in onClosed with the error and never opens', async () => {
  const pair = await listening();
  await pair.listener.close();
  const client = new StreamRecorder();
  pair.transport.dial(pair.address, client);
  await client.until(() => client.closed.length === 1);
  assert.match(String(client.closed[0]), /ECONNREFUSED/);
  assert.equal(client.opened, 0);
});

test('a dial that is destroyed before it opens closes once', async () => {
  const pair = await listening();
  const client = new StreamRecorder();
  const stream = pair.transport.dial(pair.address, client);
  stream.destroy();
  stream.destroy();
  await client.until(() => client.closed.length === 1);
  assert.equal(client.opened, 0);
  await pair.listener.close();
});

test('a bound port is refused to a second listener', async () => {
  const pair = await listening();
  await assert.rejects(pair.transport.listen(pair.address, new StreamRecorder()), /EADDRINUSE/);
  await pair.listener.close();
});

for (const [name, length] of [
  ['max − 1', UNIX_PATH_BYTES_MAX - 1],
  ['max', UNIX_PATH_BYTES_MAX],
] as const) {
  test(`a unix path of ${name} bytes is listened on and dialled`, async () => {
    const path = join(folder, 'p'.repeat(length - folder.length - 1));
    const pair = await listening({ path });
    const client = new StreamRecorder();
    const stream = pair.transport.dial({ path }, client);
    await client.until(() => client.opened === 1);
    stream.destroy();
    await pair.listener.close();
  });
}

test('a unix path of max + 1 bytes is refused with its length and the limit', async () => {
  const path = join(folder, 'p'.repeat(UNIX_PATH_BYTES_MAX - folder.length));
  const transport = new NodeTransport();
  await assert.rejects(transport.listen({ path }, new StreamRecorder()), /has 108 bytes, the system allows 107/);
  const client = new StreamRecorder();
  transport.dial({ path }, client);
  await client.until(() => client.closed.length === 1);
  assert.match(String(client.closed[0]), /has 108 bytes/);
});

test('a unix socket file that a killed process left is taken over', async () => {
  const path = join(folder, 'stale.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listening'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(existsSync(path));
  const pair = await listening({ path });
  const client = new StreamRecorder();
  const stream = pair.transport.dial({ path }, client);
  await client.until(() => client.opened === 1);
  stream.destroy();
  await pair.listener.close();
});

test('a unix socket that somebody listens on, or a plain file, is not removed', async () => {
  const path = join(folder, 'live.sock');
  const pair = await listening({ path });
  await assert.rejects(pair.transport.listen({ path }, new StreamRecorder()), /EADDRINUSE/);
  const client = new StreamRecorder();
  const stream = pair.transport.dial({ path }, client);
  await client.until(() => client.opened === 1);
  stream.destroy();
  await pair.listener.close();
  const file = join(folder, 'plain');
  writeFileSync(file, 'kept');
  await assert.rejects(pair.transport.listen({ path: file }, new StreamRecorder()), /EADDRINUSE/);
  assert.ok(existsSync(file));
});

test('reusePort is known from the runtime’s version and the system', () => {
  const cases: readonly [string, string, boolean][] = [
    ['20.20.2', 'linux', false],
    ['22.11.0', 'linux', false],
    ['22.12.0', 'linux', true],
    ['23.0.0', 'linux', false],
    ['23.1.0', 'linux', true],
    ['24.0.0', 'linux', true],
    ['24.0.0', 'darwin', false],
    ['24.0.0', 'win32', false],
  ];
  for (const [version, platform, expected] of cases) assert.equal(reusePortAvailable(version, platform), expected);
});

test('two listeners share a port when the runtime can, and the second is refused when it cannot', async () => {
  const pair = await listening({ host: '127.0.0.1', port: 0, reusePort: true });
  const second = pair.transport.listen(pair.address, new StreamRecorder());
  if (reusePortAvailable()) await (await second).close();
  else await assert.rejects(second, /EADDRINUSE/);
  await pair.listener.close();
});
