import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import { type TestContext, test } from 'node:test';
import { SystemClock } from '../src/clock/clock.ts';
import { type ChaosFaults, drawFaults } from '../tools/chaos/chaos-faults.ts';
import { ChaosProxy } from '../tools/chaos/chaos-proxy.ts';
import { SeededRandom } from './support/seeded-random.ts';

const clock = new SystemClock();

interface Link {
  readonly proxy: ChaosProxy;
  readonly client: net.Socket;
  readonly server: net.Socket;
}

async function link(t: TestContext, faults: Partial<ChaosFaults> = {}, maxMs = 20_000): Promise<Link> {
  const listener = net.createServer({ allowHalfOpen: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const targetPort = (listener.address() as net.AddressInfo).port;
  const proxy = await ChaosProxy.start({ clock, targetPort, maxMs, faultsFor: () => faults });
  const accepted = once(listener, 'connection');
  const client = net.connect({ host: '127.0.0.1', port: proxy.port, allowHalfOpen: true, noDelay: true });
  const [server] = (await accepted) as [net.Socket];
  for (const socket of [client, server]) socket.on('error', () => undefined);
  t.after(async () => {
    client.destroy();
    server.destroy();
    listener.close();
    await proxy.stop();
  });
  return { proxy, client, server };
}

/** The peer's end in any form: whether RST is seen as such depends on what was read before it. */
function gone(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('end', resolve).on('close', () => resolve());
  });
}

/** The next `length` bytes, in the pieces in which they came. */
async function pieces(socket: net.Socket, length: number): Promise<Buffer[]> {
  const found: Buffer[] = [];
  let left = length;
  while (left > 0) {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    found.push(bytes);
    left -= bytes.length;
  }
  return found;
}

test('without faults bytes and their end pass both ways', async (t) => {
  const { client, server } = await link(t);
  const request = Buffer.alloc(300_000, 'q');
  client.end(request);
  server.end('answer');
  const [up, down] = await Promise.all([pieces(server, request.length), pieces(client, 6)]);
  assert.ok(Buffer.concat(up).equals(request));
  assert.equal(Buffer.concat(down).toString(), 'answer');
});

test('latency delays every chunk', async (t) => {
  const { client, server } = await link(t, { latencyMs: 60 });
  const start = clock.monotonicMs();
  client.write('late');
  await once(server, 'data');
  assert.ok(clock.monotonicMs() - start >= 55);
});

test('one byte at a time keeps the bytes and their order', async (t) => {
  const { client, server } = await link(t, { oneByte: true });
  const sent = Buffer.from(Array.from({ length: 200 }, (_, index) => index));
  client.write(sent);
  const found = await pieces(server, sent.length);
  assert.ok(Buffer.concat(found).equals(sent));
  assert.ok(found.length > 1);
});

test('a throttled connection takes its time', async (t) => {
  const { client, server } = await link(t, { bytesPerSecondMax: 10_000 });
  const start = clock.monotonicMs();
  client.write(Buffer.alloc(1000));
  await pieces(server, 1000);
  assert.ok(clock.monotonicMs() - start >= 80);
});

test('a half-close ends one direction and leaves the other open', async (t) => {
  const { proxy, client, server } = await link(t);
  const ended = once(server, 'end');
  server.resume();
  for (const connection of proxy.connections) connection.halfClose('up');
  await ended;
  server.write('still here');
  assert.equal(Buffer.concat(await pieces(client, 10)).toString(), 'still here');
});

test('a reset ends both sides', async (t) => {
  const { proxy, client, server } = await link(t);
  const both = Promise.all([gone(client), gone(server)]);
  client.resume();
  server.resume();
  proxy.resetAll();
  await both;
});

test('a black hole holds one direction back until it ends, and the other one passes', async (t) => {
  const { proxy, client, server } = await link(t);
  proxy.setFaults({ blackHole: 'up' });
  const early: Buffer[] = [];
  const note = (bytes: Buffer): void => void early.push(bytes);
  server.on('data', note);
  client.write('swallowed');
  server.write('passes');
  await pieces(client, 6);
  server.write('passes');
  await pieces(client, 6);
  assert.deepEqual(early, []);
  server.off('data', note);
  const late = pieces(server, 9);
  proxy.setFaults({ blackHole: 'none' });
  assert.equal(Buffer.concat(await late).toString(), 'swallowed');
});

test('a cut connection passes no byte beyond the cut', async (t) => {
  const { client, server } = await link(t, { cutAfterBytes: 1234, latencyMs: 1 });
  const found: Buffer[] = [];
  server.on('data', (bytes) => found.push(bytes));
  const closed = gone(server);
  client.write(Buffer.alloc(5000));
  await closed;
  assert.ok(Buffer.concat(found).length <= 1234);
});

test('what waits is bounded: a black hole makes the sender wait', async (t) => {
  const { client } = await link(t, { blackHole: 'both' });
  const block = Buffer.alloc(1024 * 1024);
  let writes = 0;
  // Loopback buffers of the system take some megabytes; ours must not take the rest.
  for (; writes < 64 && client.writableLength < 32 * block.length; writes += 1) client.write(block);
  await new Promise((resolve) => clock.defer(() => resolve(undefined)));
  assert.ok(client.writableLength > 16 * block.length);
});

test('the proxy stops by itself, with everything that goes through it', async (t) => {
  const { client, proxy } = await link(t, {}, 50);
  client.resume();
  await gone(client);
  await proxy.stop();
  assert.equal(proxy.connections.size, 0);
});

test('faults drawn from one seed are the same faults', () => {
  const draw = (seed: number): ChaosFaults[] => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 20 }, () => drawFaults(random));
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});
