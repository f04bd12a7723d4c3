/** What the store promises when Redis dies, freezes, forgets or changes hands. Real servers, real signals. */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { Durability } from '../src/model/durability.ts';
import type { PartitionNumber, Uid } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import { CopyRoute } from '../src/store/redis/lane-item.ts';
import type { RedisStore } from '../src/store/redis/redis-store.ts';
import type { RedisStoreOptions } from '../src/store/redis/redis-store-options.ts';
import type { RoutingOptions } from '../src/store/redis/routing-client.ts';
import { AppendStatus, StoreOpenError } from '../src/store/store.ts';
import { ChaosProxy } from '../tools/chaos/chaos-proxy.ts';
import { RedisTestCluster } from './support/redis-cluster.ts';
import { RedisLoad, until } from './support/redis-load.ts';
import { type MadeStore, makeRedisStore } from './support/redis-maker.ts';
import { KEEPS_ALL, type RedisSettings, RedisTestServer } from './support/redis-server.ts';
import { APP, append } from './support/store-driver.ts';

const clock = new SystemClock();
const PARTITIONS = 16;

function addressOf(server: { port: number }) {
  return { host: '127.0.0.1', port: server.port };
}

async function openLoad(
  servers: readonly { port: number }[],
  store: Partial<RedisStoreOptions> = {},
  client: Partial<RoutingOptions> = {},
): Promise<{ load: RedisLoad; made: MadeStore; store: RedisStore }> {
  const load = new RedisLoad();
  const made = makeRedisStore(servers.map(addressOf), { partitions: PARTITIONS, events: load, ...store }, client);
  load.store = made.store;
  await made.store.open(load);
  return { load, made, store: made.store };
}

async function withServer(settings: RedisSettings, body: (server: RedisTestServer) => Promise<void>): Promise<void> {
  const server = await RedisTestServer.start(settings);
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

describe('what a server keeps', () => {
  test('the level follows the append-only file; a server that keeps nothing is refused unless allowed', async () => {
    const everysec = { appendonly: 'yes', appendfsync: 'everysec' };
    const levels: [RedisSettings, Durability][] = [
      [KEEPS_ALL, Durability.Disk],
      [everysec, Durability.Os],
      [{ ...KEEPS_ALL, 'no-appendfsync-on-rewrite': 'yes' }, Durability.Os],
    ];
    for (const [settings, durability] of levels) {
      await withServer(settings, async (server) => {
        const { store } = makeRedisStore([addressOf(server)]);
        const load = new RedisLoad();
        assert.equal((await store.open(load)).durability, durability);
        await store.close();
      });
    }
    await withServer({ appendonly: 'no' }, async (server) => {
      const refused = makeRedisStore([addressOf(server)]).store;
      await assert.rejects(refused.open(new RedisLoad()), StoreOpenError);
      const allowed = makeRedisStore([addressOf(server)], { allowVolatile: true }).store;
      assert.equal((await allowed.open(new RedisLoad())).durability, Durability.Memory);
      await allowed.close();
    });
    await withServer({ ...KEEPS_ALL, 'maxmemory-policy': 'allkeys-lru' }, async (server) => {
      await assert.rejects(makeRedisStore([addressOf(server)]).store.open(new RedisLoad()), /evict/);
    });
  });
});

describe('one server', () => {
  test('SIGKILL and restart under load with AOF always: nothing acknowledged is lost, nothing is doubled', async () => {
    await withServer(KEEPS_ALL, async (server) => {
      const { load, store } = await openLoad([server]);
      const running = load.run(1500);
      for (let round = 0; round < 2; round++) {
        await delay(clock, 400);
        await server.kill();
        await delay(clock, 100);
        await server.start();
      }
      await running;
      await load.settle();
      assert.deepEqual([load.refusals.length, load.unknown.length, load.epochs], [0, 0, []]);
      assert.equal(load.committedAppends.length, load.submitted);
      assert.deepEqual(await load.findings(), []);
      assert.ok(store.counters.retries > 0);
      await store.close();
    });
  });

  test('what a server has lost is counted, begins a new epoch, and no (epoch, seq) is used twice (#17)', async () => {
    await withServer({ appendonly: 'yes', appendfsync: 'everysec' }, async (server) => {
      const { load, store } = await openLoad([server]);
      load.submit(400);
      await load.settle();
      const saved = join(server.folder, 'appendonlydir');
      cpSync(saved, `${saved}.saved`, { recursive: true });
      load.submit(200);
      await load.settle();
      const before = load.committedAppends.slice(400);
      await server.kill();
      rmSync(saved, { recursive: true });
      cpSync(`${saved}.saved`, saved, { recursive: true });
      await server.start();
      load.submit(200);
      await load.settle();
      const counted = load.epochs.reduce((sum, { operations }) => sum + operations, 0);
      assert.equal(counted, before.length);
      assert.equal(store.counters.lostOperations, before.length);
      const again = new Set(load.committedAppends.slice(600).map((o) => `${o.target} ${o.epoch} ${o.seq}`));
      assert.ok(before.every((o) => !again.has(`${o.target} ${o.epoch} ${o.seq}`)));
      assert.ok(load.epochs.every(({ epoch }) => epoch === 2));
      await store.close();
    });
  });

  test('what was lost while the server was away for longer than a lease is counted too', async () => {
    await withServer({ appendonly: 'yes', appendfsync: 'everysec' }, async (server) => {
      const leaseMs = 600;
      const { load, store } = await openLoad([server], { leaseMs }, { commandTimeoutMs: 150 });
      load.submit(100);
      await load.settle();
      const saved = join(server.folder, 'appendonlydir');
      cpSync(saved, `${saved}.saved`, { recursive: true });
      load.submit(200);
      await load.settle();
      const before = load.committedAppends.slice(100);
      await server.kill();
      await until(() => store.partitionsOwned === 0, 'all leases lapse');
      rmSync(saved, { recursive: true });
      cpSync(`${saved}.saved`, saved, { recursive: true });
      await server.start();
      await until(() => store.partitionsOwned === PARTITIONS, 'all are taken again');
      load.submit(100);
      await load.settle();
      assert.equal(store.counters.lostOperations, before.length);
      const again = new Set(load.committedAppends.slice(300).map((o) => `${o.target} ${o.epoch} ${o.seq}`));
      assert.ok(before.every((o) => !again.has(`${o.target} ${o.epoch} ${o.seq}`)));
      await store.close();
    });
  });

  test('FLUSHALL is a new epoch of every partition, found also while nothing is sent', async () => {
    await withServer(KEEPS_ALL, async (server) => {
      const { load, made, store } = await openLoad([server], { leaseMs: 300 });
      load.submit(100);
      await load.settle();
      await made.client.servers()[0]!.call('FLUSHALL', []);
      await until(() => load.epochs.length === PARTITIONS, 'every partition has a new epoch');
      const page = await store.readTimeline(APP, 'user-1' as Uid, 0 as never, 10, 1000);
      assert.deepEqual([page.epoch, page.head, page.messages], [2, 0, []]);
      load.submit(20);
      await load.settle();
      const latest = load.committedAppends.at(-1)!;
      assert.deepEqual([latest.status, latest.epoch, latest.seq], [AppendStatus.Stored, 2, 1]);
      await store.close();
      const reopened = await openLoad([server]);
      assert.equal((await reopened.store.readTimeline(APP, 'user-1' as Uid, 0 as never, 10, 1000)).epoch, 2);
      await reopened.store.close();
    });
  });

  test('a time-out is unknown: a server frozen in the middle of calls gets them again, in order and once', async () => {
    await withServer(KEEPS_ALL, async (server) => {
      const { load, store } = await openLoad([server], {}, { commandTimeoutMs: 150 });
      const running = load.run(1200);
      for (let round = 0; round < 2; round++) {
        await delay(clock, 200);
        server.signal('SIGSTOP');
        await delay(clock, 350);
        assert.equal(load.refusals.length, 0);
        server.signal('SIGCONT');
      }
      await running;
      await load.settle();
      assert.ok(store.counters.retries > 0);
      assert.equal(load.committedAppends.length, load.submitted);
      assert.ok(load.committedAppends.every((operation) => operation.status === AppendStatus.Stored));
      assert.deepEqual(await load.findings(), []);
      await store.close();
    });
  });

  test('a server without memory refuses, and takes everything again when it has some', async () => {
    await withServer(KEEPS_ALL, async (server) => {
      const { load, made, store } = await openLoad([server]);
      const admin = made.client.servers()[0]!;
      await admin.call('CONFIG', ['SET', 'maxmemory', '1']);
      load.submit(20);
      await load.settle();
      assert.equal(load.refusals.length, 20);
      await admin.call('CONFIG', ['SET', 'maxmemory', '0']);
      await delay(clock, 150);
      load.submit(20);
      await load.settle();
      assert.deepEqual([load.refusals.length, load.committedAppends.length], [20, 20]);
      assert.deepEqual(await load.findings(), []);
      await store.close();
    });
  });

  test('a connection that is cut anywhere leaves no call open, and no message is doubled (#19)', async () => {
    await withServer(KEEPS_ALL, async (server) => {
      // After the handshake and the scripts: within each of the next calls, the answers and the leases.
      const faultsFor = (connection: number) => ({ cutAfterBytes: 16_000 + connection * 7919 });
      const proxy = await ChaosProxy.start({ clock, targetPort: server.port, maxMs: 30_000, faultsFor });
      const { load, store } = await openLoad([{ port: proxy.port }], { leaseMs: 3000 });
      const sender = { from: 'carol', copy: true };
      for (let round = 0; round < 25; round++) {
        load.submit(40, sender);
        await delay(clock, 10);
      }
      await load.settle();
      assert.equal(load.committedAppends.length, load.submitted);
      assert.ok(store.counters.retries > 0);
      proxy.setFaults({ cutAfterBytes: 0 });
      await store.close();
      await proxy.stop();
      const after = await openLoad([server]);
      load.store = after.store;
      assert.deepEqual(await load.findings(), []);
      const copies = (await load.timeline('carol')).map((row) => row.messageId);
      assert.equal(copies.length, load.submitted);
      assert.equal(new Set(copies).size, copies.length);
      await after.store.close();
    });
  });

  test('scripts that somebody flushed are loaded again', async () => {
    await withServer(KEEPS_ALL, async (server) => {
      const { load, made, store } = await openLoad([server]);
      await made.client.servers()[0]!.call('SCRIPT', ['FLUSH']);
      load.submit(50);
      await load.settle();
      assert.equal(load.committedAppends.length, 50);
      await store.close();
    });
  });
});

describe('ownership', () => {
  let server: RedisTestServer;
  before(async () => {
    server = await RedisTestServer.start(KEEPS_ALL);
  });
  after(() => server.stop());

  test('a frozen owner is fenced: what it sends late is not applied, and not reported as refused', async () => {
    const first = await openLoad([server], { keyPrefix: 'fence:', leaseMs: 60_000 });
    first.load.submit(40);
    await first.load.settle();
    const keys = Array.from({ length: PARTITIONS }, (_, p) => `fence:{p${p}}f`);
    const admin = first.made.client.servers()[0]!;
    await Promise.all(keys.map((key) => admin.call('HSET', [key, 'u', '1'])));
    await admin.call('DEL', ['fence:{logics}']);
    const second = await openLoad([server], { keyPrefix: 'fence:', leaseMs: 60_000 });
    first.load.submit(20);
    await first.load.settle();
    assert.equal(first.load.unknown.length, 20);
    assert.equal(first.load.refusals.length, 0);
    assert.ok(first.load.lostPartitions.length > 0);
    first.load.store = second.store;
    assert.deepEqual(await first.load.findings(), []);
    const page = await second.store.readTimeline(APP, 'user-3' as Uid, 0 as never, 100, 10_000);
    assert.deepEqual([page.head, page.epoch], [2, 1]);
    await first.store.close();
    await second.store.close();
  });

  test('an owner that Redis does not hear gives up before anybody takes its partitions, and comes back with nothing lost', async () => {
    const proxy = await ChaosProxy.start({ clock, targetPort: server.port, maxMs: 30_000 });
    const options = { keyPrefix: 'deaf:', leaseMs: 1000 };
    const calls = { commandTimeoutMs: 150 };
    const one = await openLoad([{ port: proxy.port }], options, calls);
    const two = await openLoad([server], options, calls);
    const isShared = () => one.store.partitionsOwned + two.store.partitionsOwned === PARTITIONS;
    await until(() => two.store.partitionsOwned > 0 && isShared(), 'a spread');
    const share = two.store.partitionsOwned;
    const kept = one.store.partitionsOwned;
    proxy.setFaults({ blackHole: 'both' });
    one.load.submit(40);
    while (two.store.partitionsOwned === share) {
      await delay(clock, 2);
      if (two.store.partitionsOwned > share) assert.equal(one.store.partitionsOwned, 0);
    }
    assert.equal(one.store.counters.leasesLapsed, kept);
    await one.load.settle();
    assert.deepEqual(one.load.committedAppends, []);
    await until(() => two.store.partitionsOwned === PARTITIONS, 'the other has all');
    two.load.submit(40);
    await two.load.settle();
    proxy.setFaults({ blackHole: 'none' });
    await until(() => one.store.partitionsOwned > 0 && isShared(), 'a spread again');
    assert.deepEqual([one.load.epochs, two.load.epochs], [[], []]);
    await one.store.close();
    await until(() => two.store.partitionsOwned === PARTITIONS, 'the other has all again');
    assert.deepEqual(await two.load.findings(), []);
    await two.store.close();
    await proxy.stop();
  });

  test('partitions spread over the logics that are alive, move with nothing lost, and come back when one leaves', async () => {
    const options = { keyPrefix: 'spread:', leaseMs: 300 };
    const one = await openLoad([server], options);
    const two = await openLoad([server], options);
    const owners = () =>
      Array.from({ length: PARTITIONS }, (_, p) => [one, two].filter((o) => o.store.owns(p as PartitionNumber)));
    await until(() => owners().every((own) => own.length === 1) && owners().some(([o]) => o === two), 'a spread');
    for (const { load } of [one, two]) load.submit(40);
    await Promise.all([one.load.settle(), two.load.settle()]);
    assert.equal(one.load.committedAppends.length + two.load.committedAppends.length, 40);
    await one.store.close();
    await until(() => owners().every(([owner]) => owner === two), 'the other has all');
    two.load.submit(40);
    await two.load.settle();
    assert.deepEqual(await two.load.findings(), []);
    await two.store.close();
  });

  test('one that joins gets its share, and one that leaves is missed, long before a lease ends', async () => {
    const options = { keyPrefix: 'soon:', leaseMs: 60_000 };
    const one = await openLoad([server], options);
    const two = await openLoad([server], options);
    const startedMs = clock.monotonicMs();
    await until(() => one.store.partitionsOwned < PARTITIONS, 'the first one lets go');
    await until(() => one.store.partitionsOwned + two.store.partitionsOwned === PARTITIONS, 'a spread');
    await one.store.close();
    await until(() => two.store.partitionsOwned === PARTITIONS, 'the other has all');
    const tookMs = clock.monotonicMs() - startedMs;
    assert.ok(tookMs < 5000, `${tookMs} ms`);
    await two.store.close();
  });

  test("a sender's copy that an owner noted and did not make is made once by the next", async () => {
    const options = { keyPrefix: 'copies:', leaseMs: 300 };
    const sender = Array.from({ length: 100 }, (_, i) => `sender-${i}`).find(
      (uid) => partitionOf(APP, uid, PARTITIONS) !== partitionOf(APP, 'bob', PARTITIONS),
    )!;
    const one = await openLoad([server], options);
    one.store.copy = () => CopyRoute.Here;
    one.store.accompany = () => undefined;
    one.store.submit(append({ to: 'bob', from: sender, id: 'a', copy: true }));
    one.store.submit(append({ to: 'bob', from: sender, id: 'b', copy: true }));
    await until(() => one.load.committedAppends.length === 2, 'reported without the copies');
    assert.deepEqual(
      one.load.committedAppends.map((operation) => operation.senderSeq),
      [0, 0],
    );
    one.made.client.close();
    const two = await openLoad([server], options);
    await until(() => two.store.owns(partitionOf(APP, sender, PARTITIONS)), 'the lease has ended');
    await until(() => two.store.owns(partitionOf(APP, 'bob', PARTITIONS)), 'the other lease has ended');
    const copies = () => two.load.timeline(sender);
    for (let tries = 0; tries < 100 && (await copies()).length < 2; tries++) await delay(clock, 20);
    await two.store.close();
    const three = await openLoad([server], options);
    await delay(clock, 100);
    assert.deepEqual((await three.load.timeline(sender)).map((row) => row.clientMsgId).toSorted(), ['a', 'b']);
    await three.store.close();
    one.store.failed(new Error('gone'));
    await one.store.close();
  });
});

describe('a cluster', () => {
  let cluster: RedisTestCluster;
  before(async () => {
    cluster = await RedisTestCluster.start({ nodeTimeoutMs: 800 });
  });
  after(() => cluster.stop());

  test('SIGKILL of a primary, every write confirmed by a replica: none lost, none doubled, order kept', async () => {
    const { load, store } = await openLoad(
      cluster.members,
      { keyPrefix: 'kill:', leaseMs: 10_000 },
      { replicas: 1, replicaTimeoutMs: 20 },
    );
    const running = load.run(3000);
    await delay(clock, 500);
    const [primary] = await cluster.primaries();
    await primary!.kill();
    await running;
    await load.settle();
    assert.equal(load.committedAppends.length, load.submitted);
    const unconfirmed = load.committedAppends.filter((operation) => operation.replicas === 0).length;
    assert.ok(unconfirmed < load.submitted / 2, `${unconfirmed} of ${load.submitted} were not confirmed`);
    assert.deepEqual(await load.findings((operation) => operation.replicas! > 0), []);
    await store.close();
    await primary!.start();
  });

  test('a failover that takes longer than a lease, every write confirmed by a replica: no epoch rises, none lost', async () => {
    await until(async () => (await cluster.primaries()).length === 3, 'the member that came back follows');
    const { load, store } = await openLoad(
      cluster.members,
      { keyPrefix: 'long:', leaseMs: 700 },
      { replicas: 1, replicaTimeoutMs: 20 },
    );
    load.submit(200);
    await load.settle();
    const [primary] = await cluster.primaries();
    await primary!.kill();
    await until(() => store.partitionsOwned < PARTITIONS, 'leases lapse');
    await until(() => store.partitionsOwned === PARTITIONS, 'all are taken again');
    load.submit(200);
    await load.settle();
    assert.deepEqual([load.epochs, store.counters.epochsRaised], [[], 0]);
    assert.deepEqual(await load.findings((operation) => operation.replicas! > 0), []);
    await store.close();
    await primary!.start();
  });

  test('failover to a replica that lacks writes: the difference is counted, the epoch rises, no seq is used twice', async () => {
    await until(async () => (await cluster.primaries()).length === 3, 'the member that came back follows');
    const { load, store } = await openLoad(cluster.members, { keyPrefix: 'lag:', leaseMs: 10_000 });
    load.submit(200);
    await load.settle();
    const [primary] = await cluster.primaries();
    const replica = await cluster.replicaOf(primary!);
    replica.signal('SIGSTOP');
    await cluster.ask(primary!, 'CLIENT', 'KILL', 'TYPE', 'replica');
    load.submit(200);
    await load.settle();
    const before = load.committedAppends.slice(200);
    await primary!.kill();
    replica.signal('SIGCONT');
    load.submit(200);
    await load.settle();
    assert.ok(load.epochs.length > 0);
    assert.equal(
      store.counters.lostOperations,
      load.epochs.reduce((sum, { operations }) => sum + operations, 0),
    );
    const risen = new Set(load.epochs.map(({ partition }) => partition));
    const lost = before.filter(({ target }) => risen.has(partitionOf(APP, target, PARTITIONS)));
    assert.equal(store.counters.lostOperations, lost.length);
    const again = new Set(load.committedAppends.slice(400).map((o) => `${o.target} ${o.epoch} ${o.seq}`));
    assert.ok(before.every((o) => !again.has(`${o.target} ${o.epoch} ${o.seq}`)));
    await store.close();
  });
});
