/** The registry in a real Redis. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { SystemClock } from '../src/clock/clock.ts';
import { GATES, LOGICS } from '../src/registry/entry-text.ts';
import { RedisRegistry } from '../src/registry/redis-registry.ts';
import { REGISTRY_SCRIPTS } from '../src/registry/registry-scripts.ts';
import { RoutingClient } from '../src/store/redis/routing-client.ts';
import { RedisTestServer } from './support/redis-server.ts';
import { gateEntry } from './support/scripted-registry.ts';
import { until } from './support/system.ts';

const clock = new SystemClock();
const KEY = 'sluice:{registry}gates';
const LONG_MS = 60_000;
let server: RedisTestServer;
let client: RoutingClient;
let gates: RedisRegistry<ReturnType<typeof gateEntry>>;

before(async () => {
  server = await RedisTestServer.start({});
  client = new RoutingClient({
    servers: [{ host: '127.0.0.1', port: server.port }],
    cluster: false,
    clock,
    scripts: REGISTRY_SCRIPTS,
    commandTimeoutMs: 1000,
    connectTimeoutMs: 1000,
    openTimeoutMs: 10_000,
    replicas: 0,
    replicaTimeoutMs: 500,
  });
  await client.connect();
  gates = new RedisRegistry(client, 'sluice:', GATES);
});

beforeEach(async () => {
  await client.call(KEY, 'FLUSHALL', []);
});

after(async () => {
  client.close();
  await server.stop();
});

async function listed(): Promise<string[]> {
  return (await gates.list()).map(({ entry }) => entry.bootId).sort();
}

test('what is announced is listed as it was said last, with what is left of its lease', async () => {
  await gates.announce(gateEntry('a'), LONG_MS);
  const now = gateEntry('a', { apps: ['shop', 'demo'], connections: 7, draining: true });
  await gates.announce(now, LONG_MS);
  const [only, ...others] = await gates.list();
  assert.deepEqual(only?.entry, now);
  assert.ok(only.leftMs > LONG_MS - 5000 && only.leftMs <= LONG_MS, `${only.leftMs} ms`);
  assert.deepEqual(others, []);
});

test('a dead gate disappears when its lease ends, also from what Redis keeps', async () => {
  await gates.announce(gateEntry('lives'), LONG_MS);
  await gates.announce(gateEntry('dies'), 300);
  assert.deepEqual(await listed(), ['dies', 'lives']);
  await until(async () => (await listed()).length === 1, 'the lease ends');
  assert.deepEqual(await listed(), ['lives']);
  assert.equal(await client.call(KEY, 'HLEN', [`${KEY}/entries`]), 1);
  assert.equal(await client.call(KEY, 'ZCARD', [KEY]), 1);
});

test('a gate that leaves is gone at once, and a frozen one that goes on is listed again', async () => {
  await gates.announce(gateEntry('a'), LONG_MS);
  await gates.withdraw(gateEntry('a'));
  assert.deepEqual(await listed(), []);
  await gates.announce(gateEntry('a'), LONG_MS);
  assert.deepEqual(await listed(), ['a']);
});

test('a logic takes over the entry of its last start, which cannot withdraw it any more', async () => {
  const logics = new RedisRegistry(client, 'sluice:', LOGICS);
  const before = { name: 'logic-7', bootId: 'boot-1', address: '10.0.0.7:7500' };
  const now = { ...before, bootId: 'boot-2' };
  await logics.announce(before, LONG_MS);
  await logics.announce(now, LONG_MS);
  await logics.withdraw(before);
  assert.deepEqual(
    (await logics.list()).map(({ entry }) => entry),
    [now],
  );
  await logics.withdraw(now);
  assert.deepEqual(await logics.list(), []);
  assert.deepEqual(await listed(), []);
});

test('entries of other versions are read, or left out without harm to the others', async () => {
  const put = async (id: string, text: string): Promise<void> => {
    await client.call(KEY, 'ZADD', [KEY, String(clock.wallMs() + LONG_MS), id]);
    await client.call(KEY, 'HSET', [`${KEY}/entries`, id, text]);
  };
  await gates.announce(gateEntry('good'), LONG_MS);
  await put('newer', JSON.stringify({ ...gateEntry('newer'), zone: 'eu-1' }));
  const wrong: unknown[] = [
    '',
    null,
    { ...gateEntry('x'), address: 'no port' },
    { ...gateEntry('x'), apps: 'demo' },
    { ...gateEntry('x'), connections: -1 },
    { ...gateEntry('x'), connectionsMax: '9' },
    { ...gateEntry('x'), draining: undefined },
    { ...gateEntry('x'), bootId: '' },
  ];
  for (const [place, entry] of wrong.entries()) await put(`wrong-${place}`, JSON.stringify(entry));
  await put('no-json', '{');
  await client.call(KEY, 'ZADD', [KEY, String(clock.wallMs() + LONG_MS), 'no-entry']);
  assert.deepEqual(await listed(), ['good', 'newer']);
});

test('a list longer than one command may be is read and expired as a whole', async () => {
  const count = 2500;
  await Promise.all(Array.from({ length: count }, (_, i) => gates.announce(gateEntry(`g${i}`), LONG_MS)));
  assert.equal((await gates.list()).length, count);
  await Promise.all(Array.from({ length: count }, (_, i) => gates.announce(gateEntry(`g${i}`), 1)));
  await until(async () => (await gates.list()).length === 0, 'all leases end');
  assert.equal(await client.call(KEY, 'EXISTS', [KEY, `${KEY}/entries`]), 0);
});
