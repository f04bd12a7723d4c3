/** Streams with TLS under them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import { afterEach, test } from 'node:test';
import { NodeTransport } from '../src/net/node-transport.ts';
import type { TlsFiles } from '../src/net/tls-sockets.ts';
import type { Listener } from '../src/net/transport.ts';
import { StreamRecorder } from './support/stream-recorder.ts';
import { makeTestCertificate } from './support/test-certificate.ts';

const { cert, key } = makeTestCertificate();
const other = makeTestCertificate();
const HOST = '127.0.0.1';

let listener: Listener;
let server: StreamRecorder;

async function listen(): Promise<void> {
  server = new StreamRecorder();
  server.echo = true;
  listener = await new NodeTransport({ cert, key }).listen({ host: HOST, port: 0 }, server);
}

function dial(files: TlsFiles): StreamRecorder {
  const client = new StreamRecorder();
  client.onStream = (stream) => stream.write(Buffer.from('hello'));
  new NodeTransport(files).dial({ host: HOST, port: listener.port }, client);
  return client;
}

afterEach(async () => {
  for (const stream of server.streams) stream.destroy();
  await listener.close();
});

test('bytes cross both ways, and not in the clear', async () => {
  await listen();
  const tap = net.createServer((near) => {
    const far = net.connect({ host: HOST, port: listener.port });
    near.on('data', (bytes) => seen.push(bytes));
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far).pipe(near);
  });
  const seen: Buffer[] = [];
  tap.listen(0, HOST);
  await once(tap, 'listening');
  const client = new StreamRecorder();
  client.onStream = (stream) => stream.write(Buffer.from('hello'));
  const { port } = tap.address() as net.AddressInfo;
  const stream = new NodeTransport({ ca: cert }).dial({ host: HOST, port }, client);
  await client.until(() => client.receivedBytes === 5);
  assert.equal(Buffer.concat(client.received).toString(), 'hello');
  assert.equal(Buffer.concat(server.received).toString(), 'hello');
  assert.ok(Buffer.concat(seen).length > 100);
  assert.ok(!Buffer.concat(seen).includes('hello'));
  stream.end();
  await client.until(() => client.closed.length === 1);
  await server.until(() => server.closed.length === 1);
  tap.close();
});

test('a megabyte in one write arrives whole', async () => {
  await listen();
  const client = new StreamRecorder();
  const bytes = Buffer.alloc(1_048_576, 'sluice');
  client.onStream = (stream) => stream.write(bytes);
  new NodeTransport({ ca: cert }).dial({ host: HOST, port: listener.port }, client);
  await client.until(() => client.receivedBytes === bytes.length);
  assert.ok(Buffer.concat(client.received).equals(bytes));
});

for (const [title, files] of [
  ['of an authority that is not trusted', { ca: other.cert }],
  ['of another name', { ca: cert, serverName: 'other.test' }],
] as const) {
  test(`a certificate ${title} ends the dial`, async () => {
    await listen();
    const client = dial(files);
    await client.until(() => client.closed.length === 1);
    assert.equal(client.opened, 0);
    assert.ok(client.closed[0] instanceof Error);
    assert.equal(server.receivedBytes, 0);
  });
}

test('the name of the certificate may be asked for in place of the host', async () => {
  await listen();
  const client = dial({ ca: cert, serverName: 'logic.test' });
  await client.until(() => client.receivedBytes === 5);
});

for (const [title, bytes] of [
  ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a reset', undefined],
] as const) {
  test(`T23: ${title} in place of a TLS handshake ends that stream and nothing else`, async () => {
    await listen();
    const socket = net.connect({ host: HOST, port: listener.port });
    socket.on('error', () => {});
    await once(socket, 'connect');
    await server.until(() => server.streams.length === 1);
    if (bytes === undefined) socket.resetAndDestroy();
    else socket.write(bytes);
    await server.until(() => server.closed.length === 1);
    const client = dial({ ca: cert });
    await client.until(() => client.receivedBytes === 5);
  });
}

test('T1: a peer that says nothing is a stream from accept on, so that its owner can end it', async () => {
  await listen();
  const socket = net.connect({ host: HOST, port: listener.port });
  socket.on('error', () => {});
  await server.until(() => server.streams.length === 1);
  server.streams[0]?.destroy();
  await once(socket, 'close');
  await server.until(() => server.closed.length === 1);
});
