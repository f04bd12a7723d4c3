/** `/v1/iplist` of real systems: one machine by itself, and two that share a Redis. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { RedisTestServer } from './support/redis-server.ts';
import { type System, startSystem, stopLeftSystems, until } from './support/system.ts';

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
