/** `/v1/iplist` of real systems, one machine by itself and several that share a Redis; and clients that go by it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import type { ClientPlatform } from '../src/client/index.ts';
import type { Address, DialHandler, Stream } from '../src/net/transport.ts';
import { hurriedPlatform, numbered, Person } from './support/person.ts';
import { freePort, KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';
import { type System, sluice, startSystem, stopLeftSystems, until } from './support/system.ts';

afterEach(stopLeftSystems);

async function gatesAt(system: System, app = 'demo', uid = 'alice'): Promise<string[]> {
  const response = await fetch(system.url(`/v1/iplist?app=${app}&uid=${uid}`));
  const body = (await response.json()) as { gates?: string[] };
  return response.status === 200 ? (body.gates ?? []) : [];
}

function gateOf(system: System): string {
  return `127.0.0.1:${system.gatePort}`;
}

test('sluice start: a machine names its own gate, under the address that it is to be reached at', async () => {
  const system = await startSystem();
  const response = await fetch(system.url('/v1/iplist?app=demo&uid=alice'));
  assert.deepEqual(await response.json(), {
    gates: [gateOf(system)],
    heartbeatMs: 60_000,
    backoff: { baseMs: 1000, maxMs: 60_000 },
    ttlMs: 300_000,
  });
  const etag = response.headers.get('etag') ?? '';
  const again = await fetch(system.url('/v1/iplist?app=demo&uid=alice'), { headers: { 'if-none-match': etag } });
  assert.equal(again.status, 304);
  const metrics = await (await fetch(system.url('/metrics'))).text();
  assert.match(metrics, /sluice_api_iplist_total\{outcome="answered"\} 1/);
  assert.match(metrics, /sluice_api_iplist_total\{outcome="unchanged"\} 1/);
  const other = await startSystem({ config: { 'gate.advertiseHost': 'im.example.org', 'gate.advertisePort': '443' } });
  assert.deepEqual(await gatesAt(other), ['im.example.org:443']);
  await Promise.all([system.stop(), other.stop()]);
});

test('two machines on one Redis: both are named, a leaving one no more at once, a dead one after its lease', async () => {
  const redis = await RedisTestServer.start();
  try {
    const config = {
      'store.engine': 'redis',
      'redis.servers': `127.0.0.1:${redis.port}`,
      'registry.leaseMs': '1500',
      'registry.refreshMs': '50',
    };
    const first = await startSystem({ config, workers: 2 });
    const second = await startSystem({ config });
    const third = await startSystem({ config: { ...config, 'gate.apps': 'shop' } });
    const both = [gateOf(first), gateOf(second)].sort();
    await until(async () => (await gatesAt(first)).length === 2, 'the first machine names two gates');
    await until(async () => (await gatesAt(third)).length === 2, 'so does the third');
    assert.deepEqual((await gatesAt(second)).sort(), both);
    await until(async () => (await gatesAt(first, 'shop'))[0] === gateOf(third), 'the shop has a gate of its own');
    assert.deepEqual((await gatesAt(first)).sort(), both);

    const metrics = await (await fetch(first.url('/metrics'))).text();
    assert.match(metrics, /sluice_registry_gates 4\b/);
    assert.match(metrics, /sluice_registry_announced 2\b/);

    const stopped = second.stop();
    await until(async () => (await gatesAt(first)).length === 1, 'the second is named no more');
    assert.equal(await stopped, 0);

    third.kill('primary', 'SIGKILL');
    third.kill('gate-1', 'SIGKILL');
    assert.deepEqual(await gatesAt(first, 'shop'), [gateOf(third)]);
    await until(async () => (await gatesAt(first, 'shop'))[0] === gateOf(first), 'the lease of the third ends');

    await redis.kill();
    await until(async () => (await gatesAt(first)).length === 0, 'nobody is known to live');
    await redis.start();
    await until(async () => (await gatesAt(first)).length === 1, 'the first is back');
  } finally {
    await redis.stop();
  }
});

test('sluice send --iplist: one address of the HTTP side is all that a user needs to know', async () => {
  const system = await startSystem();
  const args = ['--app', 'demo', '--uid', 'alice', '--to', 'bob', '--text', 'hi', '--timeout', '10'];
  const sent = await sluice(['send', ...args, '--iplist', system.url('')], system.folder);
  assert.deepEqual([sent.code, sent.stdout.split(' ')[0]], [0, 'stored'], sent.stderr);
  const received = await sluice(
    ['listen', '--app', 'demo', '--uid', 'bob', '--count', '1', '--iplist', system.url('/v1/iplist')],
    system.folder,
  );
  assert.deepEqual([received.code, received.stdout], [0, 'alice: hi\n']);
  const wrong = await sluice(['send', ...args, '--iplist', 'nowhere'], system.folder);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--iplist "nowhere": an http or https address/);
  await system.stop();
});

test('the SDK moves between two gates of one logic, planned and unplanned, and loses and repeats nothing', async () => {
  const trunk = `127.0.0.1:${await freePort()}`;
  const first = await startSystem({ config: { 'trunk.listen': trunk } });
  const second = await startSystem({ config: { 'trunk.logics': trunk, 'gate.port': String(await freePort()) } });
  const iplist = await FixedIplist.start([gateOf(second), gateOf(first)]);
  const ports: number[] = [];
  try {
    const platform = recordingPlatform(ports);
    const bob = new Person(first.gatePort, 'bob', { iplistUrl: iplist.url, platform });
    await bob.client.connect();
    const alice = await Person.arrive(first, 'alice', { sendOnly: true });
    let sent = 0;
    const send = async (count: number): Promise<void> => {
      for (const end = sent + count; sent < end; sent++)
        await alice.client.send({ to: 'bob', text: `message ${sent + 1}` });
    };
    const atSecond = second.gatePort;
    await send(20);
    await until(() => bob.texts.length === 20, 'bob gets them at the second gate');
    assert.deepEqual(ports, [atSecond]);

    const stopped = second.stop();
    await send(20);
    await until(() => bob.texts.length === 40, 'bob gets them at the first gate');
    assert.equal(await stopped, 0);
    assert.equal(ports.at(-1), first.gatePort);
    assert.equal(iplist.questions, 1);

    first.kill('gate-1', 'SIGKILL');
    await send(20);
    await until(() => bob.texts.length === 60, 'bob is back');
    assert.deepEqual(bob.texts, numbered(60));
    await Promise.all([alice.close(), bob.close()]);
  } finally {
    await iplist.stop();
  }
  await first.stop();
});

/** Writes down the port of every dial. */
function recordingPlatform(ports: number[]): ClientPlatform {
  const platform = hurriedPlatform();
  const { transport } = platform;
  const dial = (address: Address, handler: DialHandler): Stream => {
    if ('port' in address) ports.push(address.port);
    return transport.dial(address, handler);
  };
  return { ...platform, transport: { dial, listen: (address, handler) => transport.listen(address, handler) } };
}

/** An iplist that names always the same gates. */
class FixedIplist {
  questions = 0;
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(gates: readonly string[]): Promise<FixedIplist> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const iplist = new FixedIplist(server);
    server.on('request', (_request, response) => {
      iplist.questions++;
      response.end(JSON.stringify({ gates, ttlMs: 300_000 }));
    });
    return iplist;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await once(this.#server.close(), 'close');
  }
}

test('two machines on one Redis find each other’s logics: users of both gates reach each other', async () => {
  const redis = await RedisTestServer.start(KEEPS_ALL);
  try {
    const shared = { 'store.engine': 'redis', 'redis.servers': `127.0.0.1:${redis.port}`, 'registry.refreshMs': '100' };
    const first = await startSystem({ config: { ...shared, 'trunk.listen': `127.0.0.1:${await freePort()}` } });
    const second = await startSystem({ config: { ...shared, 'trunk.listen': `127.0.0.1:${await freePort()}` } });
    const partitionsKnown = async (system: System): Promise<boolean> => {
      const metrics = await (await fetch(system.url('/metrics'))).text();
      return /sluice_registry_logics_known 4\b/.test(metrics) && /sluice_registry_logics_announced 1\b/.test(metrics);
    };
    await until(async () => (await partitionsKnown(first)) && (await partitionsKnown(second)), 'all know both logics');
    const people = await Promise.all(
      Array.from({ length: 8 }, (_, i) => Person.arrive(i % 2 === 0 ? first : second, `user${i}`)),
    );
    await Promise.all(
      people.map(({ client }, i) => client.send({ to: `user${(i + 1) % people.length}`, text: `from ${i}` })),
    );
    await until(() => people.every(({ texts }) => texts.some((text) => text.startsWith('from'))), 'everybody has one');
    for (const [i, { texts }] of people.entries()) {
      assert.ok(texts.includes(`from ${(i + people.length - 1) % people.length}`), `user${i}: ${texts}`);
    }
    await Promise.all(people.map((person) => person.close()));
    await Promise.all([first.stop(), second.stop()]);
  } finally {
    await redis.stop();
  }
});
