/** Which gate a client dials: the iplist, its cache, the configured address, and what a gate says on leaving. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseGateAddress } from '../src/client/gate-address.ts';
import { readGateList } from '../src/client/gate-list.ts';
import { fetchHttp, HTTP_BYTES_MAX, type HttpAnswer } from '../src/client/http-get.ts';
import { type ClientOptions, FileStorage, MemoryStorage, type SluiceClient } from '../src/client/index.ts';
import type { Address, DialHandler, Stream } from '../src/net/transport.ts';
import { CloseReason } from '../src/protocol/index.ts';
import { ClientWorld } from './support/client-world.ts';
import { ScriptedServer } from './support/scripted-server.ts';

const TTL_MS = 300_000;
const URL_OF_IPLIST = 'http://iplist.example';
const NOWHERE = { host: undefined, port: undefined } as unknown as Partial<ClientOptions>;

interface Question {
  readonly url: string;
  readonly etag: string;
}

/** Gates on ports of 10.0.0.1, an iplist that answers what a test says, and a record of everything dialled. */
class GatesWorld {
  readonly world: ClientWorld;
  readonly dialled: number[] = [];
  readonly questions: Question[] = [];
  readonly gates = new Map<number, ScriptedServer>();
  /** Undefined: no answer. */
  answer: (question: Question) => Partial<HttpAnswer> | undefined = () => undefined;

  constructor(world: ClientWorld) {
    this.world = world;
  }

  static async start(...ports: number[]): Promise<GatesWorld> {
    const gates = new GatesWorld(await ClientWorld.start());
    for (const port of ports) gates.gates.set(port, await ScriptedServer.listen(gates.world.transport, port));
    return gates;
  }

  names(ports: readonly number[], more: object = {}): void {
    const gates = ports.map((port) => `127.0.0.1:${port}`);
    this.answer = () => ({ status: 200, etag: '"one"', text: JSON.stringify({ gates, ttlMs: TTL_MS, ...more }) });
  }

  client(options: Partial<ClientOptions> = {}): SluiceClient {
    const { clock, random, transport } = this.world;
    const dial = (address: Address, handler: DialHandler): Stream => {
      this.dialled.push('port' in address ? address.port : 0);
      return transport.dial(address, handler);
    };
    const http = async (url: string, etag: string): Promise<HttpAnswer> => {
      this.questions.push({ url, etag });
      const answer = this.answer({ url, etag });
      if (answer === undefined) throw new Error('refused');
      return { status: 200, etag: '', retryAfterMs: 0, text: '', ...answer };
    };
    const platform = { clock, random, transport: { dial, listen: transport.listen.bind(transport) }, http };
    return this.world.client({ ...NOWHERE, iplistUrl: URL_OF_IPLIST, platform, ...options });
  }

  async connected(options: Partial<ClientOptions> = {}): Promise<SluiceClient> {
    const client = this.client(options);
    await this.world.finish(client.connect());
    return client;
  }

  gate(port: number): ScriptedServer {
    return this.gates.get(port) as ScriptedServer;
  }
}

test('S-GATES-1: the first gate of the answer is dialled; the question names app and uid', async () => {
  const gates = await GatesWorld.start(1, 2);
  gates.names([2, 1]);
  await gates.connected();
  assert.deepEqual(gates.dialled, [2]);
  assert.deepEqual(gates.questions, [{ url: `${URL_OF_IPLIST}/v1/iplist?app=demo&uid=alice`, etag: '' }]);
});

test('an address with a path of its own is asked as it is', async () => {
  const gates = await GatesWorld.start(1);
  gates.names([1]);
  await gates.connected({ iplistUrl: 'https://im.example.org/where?zone=eu' });
  assert.equal(gates.questions[0]?.url, 'https://im.example.org/where?zone=eu&app=demo&uid=alice');
});

test('S-GATES-1: gates that cannot be reached are passed over one by one, and never faster than the back-off', async () => {
  const gates = await GatesWorld.start(3);
  gates.names([1, 2, 3]);
  const waits: (number | undefined)[] = [];
  const client = gates.client();
  client.on('disconnected', ({ retryInMs }) => waits.push(retryInMs));
  await gates.world.finish(client.connect());
  assert.deepEqual(gates.dialled, [1, 2, 3]);
  assert.equal(waits.length, 2);
  assert.ok((waits[0] ?? 0) > 0 && (waits[1] ?? 0) > 0);
  assert.equal(gates.questions.length, 1);
});

test('S-GATES-2: when all gates have had their turn the iplist is asked again, once a try', async () => {
  const gates = await GatesWorld.start(3);
  gates.names([1, 2]);
  const client = gates.client();
  void client.connect();
  await gates.world.pass(60_000, 50);
  const rounds = gates.dialled.length / 2;
  assert.ok(Math.abs(gates.questions.length - rounds) <= 1, `${gates.questions.length} questions, ${rounds} rounds`);
  assert.ok(gates.dialled.length <= 14, `${gates.dialled.length} tries within a minute`);
  gates.names([1, 3]);
  await gates.world.pass(240_000, 100);
  assert.equal(client.state, 'online');
  assert.equal(gates.dialled.at(-1), 3);
});

test('S-GATES-2: a connection that breaks comes back to the same gate, without a question within the TTL', async () => {
  const gates = await GatesWorld.start(1, 2);
  gates.names([1, 2]);
  await gates.connected();
  gates.gate(1).connection.cut();
  await gates.world.pass(5000, 50);
  assert.deepEqual(gates.dialled, [1, 1]);
  assert.equal(gates.questions.length, 1);
});

test('S-GATES-2: an answer older than its TTL is asked for again with its ETag, when a try is due and not before', async () => {
  const gates = await GatesWorld.start(1, 2);
  gates.names([1, 2]);
  await gates.connected();
  await gates.world.pass(2 * TTL_MS, 1000);
  assert.equal(gates.questions.length, 1);
  gates.answer = () => ({ status: 304 });
  gates.gate(1).connection.cut();
  await gates.world.pass(5000, 50);
  assert.deepEqual(gates.questions[1]?.etag, '"one"');
  gates.gate(1).connection.cut();
  await gates.world.pass(10_000, 50);
  assert.equal(gates.questions.length, 2);
  assert.deepEqual(gates.dialled, [1, 1, 1]);
});

test('a gate that shuts down or is full is left for the next one', async () => {
  for (const reason of [CloseReason.Shutdown, CloseReason.ConnectionsMax]) {
    const gates = await GatesWorld.start(1, 2);
    gates.names([1, 2]);
    await gates.connected();
    gates.gate(1).connection.close(reason);
    await gates.world.pass(5000, 50);
    assert.deepEqual(gates.dialled, [1, 2]);
  }
});

test('a refused credential ends no turn: the fault is not the gate’s', async () => {
  const gates = await GatesWorld.start(1, 2);
  gates.names([1, 2]);
  let refusals = 1;
  gates.gate(1).script.connect = (connection, { requestId }) => {
    if (refusals-- > 0) connection.close(CloseReason.CredentialExpired);
    else connection.connack(requestId);
  };
  await gates.connected({ token: async () => `token-${refusals}` });
  assert.deepEqual(gates.dialled, [1, 1]);
});

test('S-CLOSE-6: after GOAWAY its alternatives come first, each once, then the next gate of the list', async () => {
  const gates = await GatesWorld.start(1, 2, 9);
  gates.names([1, 2]);
  await gates.connected();
  gates.gate(1).connection.goaway(1000, ['127.0.0.1:8', 'nonsense', '127.0.0.1:0']);
  await gates.world.pass(10_000, 50);
  assert.deepEqual(gates.dialled, [1, 8, 2]);
  gates.gate(2).connection.goaway(1000, ['127.0.0.1:9']);
  await gates.world.pass(20_000, 50);
  assert.deepEqual(gates.dialled, [1, 8, 2, 9]);
});

test('S-CLOSE-6: after GOAWAY without alternatives the next gate is dialled, after the last one a new answer', async () => {
  const gates = await GatesWorld.start(1, 2, 3);
  gates.names([1, 2]);
  await gates.connected();
  gates.gate(1).connection.goaway(1000);
  await gates.world.pass(5000, 50);
  assert.deepEqual(gates.dialled, [1, 2]);
  gates.names([3]);
  gates.gate(2).connection.goaway(1000);
  await gates.world.pass(10_000, 50);
  assert.deepEqual(gates.dialled, [1, 2, 3]);
  assert.equal(gates.questions.length, 2);
});

test('S-GATES-3: without an answer the configured gate is dialled, and the iplist asked at every try', async () => {
  const gates = await GatesWorld.start(7);
  const client = await gates.connected({ host: '127.0.0.1', port: 7 });
  assert.deepEqual(gates.dialled, [7]);
  assert.ok(gates.world.events.includes('error Error'));
  gates.names([7]);
  gates.gate(7).connection.cut();
  await gates.world.pass(5000, 50);
  assert.deepEqual([gates.dialled.length, gates.questions.length, client.state], [2, 2, 'online']);
});

test('S-GATES-3: an old answer is better than none, and the configured gate comes after all of it', async () => {
  const gates = await GatesWorld.start(1, 7);
  gates.names([1, 2]);
  await gates.connected({ host: '127.0.0.1', port: 7 });
  await gates.world.pass(TTL_MS, 1000);
  gates.answer = () => ({ status: 503, retryAfterMs: 1000 });
  gates.gate(1).script.connect = (connection) => connection.cut();
  gates.gate(1).connection.cut();
  await gates.world.pass(30_000, 50);
  assert.deepEqual(gates.dialled, [1, 1, 2, 7]);
});

test('with nowhere to go the client goes on asking, at the pace of the back-off', async () => {
  const gates = await GatesWorld.start(1);
  const client = gates.client();
  const connecting = client.connect();
  await gates.world.pass(30_000, 50);
  assert.deepEqual(gates.dialled, []);
  const asked = gates.questions.length;
  assert.ok(asked >= 2 && asked <= 12, `${asked} questions in half a minute`);
  gates.names([1]);
  await gates.world.finish(connecting);
  assert.equal(client.state, 'online');
});

test('Retry-After of the iplist is obeyed', async () => {
  const gates = await GatesWorld.start(7);
  gates.answer = () => ({ status: 429, retryAfterMs: 60_000 });
  await gates.connected({ host: '127.0.0.1', port: 7 });
  for (let second = 0; second < 50; second += 10) {
    gates.gate(7).connection.cut();
    await gates.world.pass(10_000, 50);
  }
  assert.equal(gates.questions.length, 1);
  await gates.world.pass(15_000, 50);
  gates.gate(7).connection.cut();
  await gates.world.pass(70_000, 100);
  assert.equal(gates.questions.length, 2);
});

test('S-GATES-3: the answer is stored: the next run dials without a question, and without an iplist at all', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-gates-'));
  try {
    for (const storage of [() => new FileStorage(join(folder, 'state')), shared(new MemoryStorage())]) {
      const gates = await GatesWorld.start(1, 2);
      gates.names([2, 1]);
      const first = await gates.connected({ storage: storage() });
      await gates.world.finish(first.close());
      gates.answer = () => undefined;
      const second = await gates.connected({ storage: storage() });
      assert.deepEqual([gates.dialled, gates.questions.length], [[2, 2], 1]);
      await gates.world.finish(second.close());
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function shared(storage: MemoryStorage): () => MemoryStorage {
  return () => storage;
}

test('S-GATES-4: the back-off of the iplist is used, within bounds', async () => {
  const gates = await GatesWorld.start();
  gates.names([1], { backoff: { baseMs: 20_000, maxMs: 40_000 } });
  const client = gates.client();
  const waits: number[] = [];
  client.on('disconnected', ({ retryInMs }) => waits.push(retryInMs ?? 0));
  void client.connect();
  await gates.world.pass(600_000, 500);
  assert.ok(
    waits.some((wait) => wait > 20_000),
    `${waits}`,
  );
  assert.ok(
    waits.every((wait) => wait <= 40_000),
    `${waits}`,
  );
  assert.deepEqual(
    readGateList(JSON.stringify({ gates: ['a:1'], backoff: { baseMs: 0, maxMs: 1e12 }, ttlMs: 1e15 }), '', 5),
    { gates: ['a:1'], backoff: { baseMs: 100, maxMs: 600_000 }, etag: '', fetchedAtMs: 5, ttlMs: 86_400_000 },
  );
});

test('S-GATES-4: what is not an address is left out, and an answer without one is none', () => {
  const wrong = [
    '',
    'host',
    'host:',
    ':1',
    'host:0',
    'host:65536',
    'a:b:1',
    '[::1]',
    'http://a:1',
    'a/b:1',
    '[a]:1',
    7,
    null,
  ];
  const list = readGateList(JSON.stringify({ gates: [...wrong, 'h:65535', '[::1]:1'], later: true }), 'e', 1);
  assert.deepEqual(list?.gates, ['h:65535', '[::1]:1']);
  assert.equal(list?.backoff, undefined);
  assert.deepEqual(parseGateAddress('[::1]:1'), { host: '::1', port: 1 });
  for (const text of ['', '{', '[]', 'null', '{"gates":7}', JSON.stringify({ gates: wrong })]) {
    assert.equal(readGateList(text, '', 1), undefined, text);
  }
});

test('a client needs a place: host and port, or an iplist', async () => {
  const world = await ClientWorld.start();
  assert.throws(() => world.client(NOWHERE), /host and port, or iplistUrl/);
  assert.throws(() => world.client({ ...NOWHERE, host: 'a' }), /both host and port/);
  for (const iplistUrl of ['', 'iplist', 'ftp://a']) assert.throws(() => world.client({ iplistUrl }), /iplistUrl/);
});

test('S-GATES-4, S-GATES-5: over HTTP: ETag out and in, no redirect, no long answer, no waiting for ever', async () => {
  const server: Server = createServer((request, response) => {
    switch (request.url) {
      case '/ok':
        response.writeHead(request.headers['if-none-match'] === '"a"' ? 304 : 200, { etag: '"a"', 'retry-after': '3' });
        response.end(request.headers['if-none-match'] === '"a"' ? undefined : 'text');
        break;
      case '/away':
        response.writeHead(302, { location: '/ok' }).end();
        break;
      case '/long':
        response.end('x'.repeat(HTTP_BYTES_MAX + 1));
        break;
      default:
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const text = { etag: '"a"', retryAfterMs: 3000 };
    assert.deepEqual(await fetchHttp(`${url}/ok`, '', 5000), { ...text, status: 200, text: 'text' });
    assert.deepEqual(await fetchHttp(`${url}/ok`, '"a"', 5000), { ...text, status: 304, text: '' });
    await assert.rejects(fetchHttp(`${url}/away`, '', 5000));
    await assert.rejects(fetchHttp(`${url}/long`, '', 5000), /more than/);
    await assert.rejects(fetchHttp(`${url}/silent`, '', 50), /timeout/);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
