/** What a logic answers from its own memory, and when it must not. Real servers, two logics, real signals. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { delay, SystemClock } from '../src/clock/clock.ts';
import type { Seq, Uid } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import type { RedisStore } from '../src/store/redis/redis-store.ts';
import type { RedisStoreOptions } from '../src/store/redis/redis-store-options.ts';
import type { Operation, RetentionPolicy, TimelinePage, UserState } from '../src/store/store.ts';
import { OperationType } from '../src/store/store.ts';
import { ManualClock } from './support/manual-clock.ts';
import { RedisLoad, until } from './support/redis-load.ts';
import { letSocketsWork, type MadeStore, makeRedisStore } from './support/redis-maker.ts';
import { KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { APP, append, cursor, login, revoke, StoreDriver, textOf, WALL_START_MS } from './support/store-driver.ts';

const clock = new SystemClock();
const PARTITIONS = 4;
const HOUR_MS = 3_600_000;
const SCRIPT_CALL = 'evalsha';
let prefixes = 0;

let server: RedisTestServer;
before(async () => {
  server = await RedisTestServer.start(KEEPS_ALL);
});
after(() => server.stop());

function address() {
  return { host: '127.0.0.1', port: server.port };
}

interface World {
  readonly driver: StoreDriver;
  readonly store: RedisStore;
  readonly clock: ManualClock;
  readonly made: MadeStore;
  /** Calls of scripts that the server has run since it was asked last. */
  readonly calls: () => Promise<number>;
}

/** One logic, on a clock that stands still. */
async function start(options: Partial<RedisStoreOptions> = {}, keepsMs = 24 * HOUR_MS): Promise<World> {
  const manual = new ManualClock(WALL_START_MS);
  letSocketsWork(manual);
  const retention = (): RetentionPolicy => ({ ageMs: keepsMs, countMax: 1000 });
  const settings = { clock: manual, retention, partitions: PARTITIONS, keyPrefix: `cache-${prefixes++}:` };
  const made = makeRedisStore([address()], { ...settings, leaseMs: 3_000_000, ...options }, { openTimeoutMs: 60_000 });
  const driver = await new StoreDriver(made.store, manual).open();
  let seen = 0;
  const calls = async (): Promise<number> => {
    const now = await scriptCalls(made);
    const since = now - seen;
    seen = now;
    return since;
  };
  await driver.finish(calls());
  return { driver, store: made.store, clock: manual, made, calls: () => driver.finish(calls()) };
}

async function scriptCalls({ client }: MadeStore): Promise<number> {
  const info = String(await client.servers()[0]!.call('INFO', ['commandstats']));
  return Number(new RegExp(`^cmdstat_${SCRIPT_CALL}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}

function messages(to: string, count: number, from = 0): Operation[] {
  return Array.from({ length: count }, (_, i) => append({ to, id: `m${from + i}` }));
}

function user(driver: StoreDriver, uid: string): Promise<UserState> {
  return driver.finish(driver.store.readUser(APP, uid as Uid));
}

/** Pulls as a device does: until a page is empty. */
async function pull(driver: StoreDriver, uid: string, after = 0, limit = 50): Promise<string[]> {
  const texts: string[] = [];
  for (let seq = after; ; ) {
    const page = await driver.page(uid, seq, limit);
    if (page.messages.length === 0) return texts;
    texts.push(...page.messages.map(textOf));
    seq = page.messages.at(-1)!.seq;
  }
}

describe('what is answered from memory', () => {
  test('a backlog pulled by two devices is read from Redis once, and its empty last page never', async () => {
    const { driver, store, calls } = await start({ leaseMs: 3_000_000_000 });
    await driver.run(...messages('bob', 120));
    await calls();
    const first = await pull(driver, 'bob');
    assert.equal(await calls(), 3);
    assert.deepEqual(await pull(driver, 'bob'), first);
    assert.equal(await calls(), 0);
    const { timelineHits, timelineMisses } = store.cache.counters;
    assert.deepEqual([first.length, timelineHits, timelineMisses], [120, 5, 3]);
    await driver.close();
  });

  test('what is delivered to a user who is logged in can be pulled again without Redis', async () => {
    const { driver, calls } = await start();
    await driver.run(...messages('bob', 3));
    await driver.run(login({ device: 'd' }));
    await driver.run(...messages('bob', 60, 3));
    await calls();
    assert.deepEqual(
      await pull(driver, 'bob', 3, 25),
      Array.from({ length: 60 }, (_, i) => `text of m${i + 3}`),
    );
    assert.equal(await calls(), 0);
    assert.equal((await driver.page('bob', 2)).messages.length, 61);
    assert.equal(await calls(), 1);
    await driver.close();
  });

  test("a sender's copies are there too, those from another partition included", async () => {
    const { driver, calls } = await start();
    const to = ['bob', 'dave', 'erin', 'frank', 'grace'];
    assert.ok(new Set(to.map((uid) => partitionOf(APP, uid, PARTITIONS))).size > 1);
    await driver.run(login({ device: 'd', user: 'alice' }));
    const sent = await driver.run(...to.map((uid, i) => append({ to: uid, from: 'alice', id: `c${i}`, copy: true })));
    assert.deepEqual(
      sent.map(({ senderSeq }) => senderSeq).toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5],
    );
    await driver.clock.advanceAsync(100);
    await calls();
    const page = await driver.page('alice');
    assert.deepEqual(
      page.messages.map(({ messageId }) => messageId).toSorted((a, b) => a - b),
      sent.map((o) => o.messageId).toSorted((a, b) => a - b),
    );
    assert.equal(await calls(), 0);
    await driver.close();
  });

  test('who is current: known after a login or a read, unknown after a revocation, the same as Redis says', async () => {
    const { driver, made, calls } = await start();
    const [phone] = await driver.run(
      login({ device: 'p', sessionExpiresAtS: 77 }),
      login({ device: 't', deviceType: 'tab' as never }),
    );
    await calls();
    const known = await user(driver, 'bob');
    assert.equal(await calls(), 0);
    assert.deepEqual([known.currentGenerations.length, known.currentExpiriesS], [2, [77, 0]]);
    made.store.cache.of(partitionOf(APP, 'bob', PARTITIONS))!.forget(APP, 'bob' as Uid);
    assert.deepEqual(await user(driver, 'bob'), known);
    assert.equal(await calls(), 1);
    await driver.run(cursor('bob', 'p', 0), revoke('bob', phone.issuedAtMs + 1));
    await calls();
    assert.deepEqual((await user(driver, 'bob')).currentGenerations, []);
    assert.equal(await calls(), 1);
    assert.equal((await user(driver, 'bob')).revokeBeforeMs, phone.issuedAtMs + 1);
    assert.equal(await calls(), 0);
    await driver.close();
  });

  test('a seq beyond the head is asked of Redis', async () => {
    const { driver, calls } = await start();
    await driver.run(login({ device: 'd' }));
    await calls();
    assert.equal((await driver.page('bob', 7)).head, 0);
    assert.equal(await calls(), 1);
    await driver.close();
  });
});

describe('bounds', () => {
  test('cacheUsersMax 0 is no cache: every read goes to Redis', async () => {
    const { driver, store, calls } = await start({ cacheUsersMax: 0 });
    await driver.run(login({ device: 'd' }), ...messages('bob', 3));
    await calls();
    await pull(driver, 'bob');
    await user(driver, 'bob');
    assert.equal(await calls(), 3);
    assert.deepEqual([store.cache.users, store.cache.messageBytes, store.cache.counters.timelineMisses], [0, 0, 0]);
    await driver.close();
  });

  for (const users of [7, 8, 9]) {
    test(`cacheUsersMax 8: of ${users} users ${Math.min(users, 8)} are kept, those not asked for go first`, async () => {
      const { driver, store, calls } = await start({ cacheUsersMax: 8 });
      const names = Array.from({ length: users }, (_, i) => `user-${i}`);
      for (const name of names) await driver.run(login({ device: 'd', user: name }));
      assert.deepEqual(
        [store.cache.users, store.cache.counters.usersEvicted],
        [Math.min(users, 8), users - Math.min(users, 8)],
      );
      await calls();
      for (const name of names.slice(1)) await user(driver, name);
      assert.equal(await calls(), 0);
      await user(driver, names[0]!);
      assert.equal(await calls(), users > 8 ? 1 : 0);
      await driver.close();
    });
  }

  test('cacheMessageBytes bounds the messages: the newest are there, what is gone is read from Redis, nothing is mixed up', async () => {
    const cacheMessageBytes = 8192;
    const { driver, store } = await start({ cacheMessageBytes });
    const names = ['bob', 'carol', 'dave'];
    for (const name of names) await driver.run(login({ device: 'd', user: name }));
    for (let round = 0; round < 30; round++) {
      await driver.run(...names.flatMap((name) => messages(name, 5, round * 5)));
      assert.ok(store.cache.messageBytes <= cacheMessageBytes, `${store.cache.messageBytes} bytes`);
      for (const name of names) {
        const after = Math.max(0, round * 5 - 12);
        const page = await driver.page(name, after);
        assert.deepEqual(page.messages.map(textOf), textsFrom(after, (round + 1) * 5));
      }
    }
    const { messagesEvicted, timelineHits } = store.cache.counters;
    assert.ok(messagesEvicted > 250, `${messagesEvicted} evicted`);
    assert.ok(timelineHits > 60, `${timelineHits} hits`);
    for (const name of names) assert.deepEqual(await pull(driver, name), textsFrom(0, 150));
    await driver.close();
  });

  test('a message too large for the memory is read from Redis, and those around it in order', async () => {
    const { driver } = await start({ cacheMessageBytes: 16_384 });
    await driver.run(login({ device: 'd' }));
    const large = append({ to: 'bob', id: 'large', text: 'x'.repeat(3000) });
    await driver.run(...messages('bob', 2), large, ...messages('bob', 2, 2));
    for (let turn = 0; turn < 2; turn++) {
      const texts = await pull(driver, 'bob');
      assert.deepEqual(
        texts.map((text) => text.length),
        [10, 10, 3000, 10, 10],
      );
    }
    await driver.close();
  });
});

function textsFrom(after: number, head: number): string[] {
  return Array.from({ length: head - after }, (_, i) => `text of m${after + i}`);
}

describe('retention', () => {
  test('a message past its age is not served from memory, and the floor is the one of Redis', async () => {
    const { driver, clock: manual } = await start({ leaseMs: 3_000_000_000 }, HOUR_MS);
    await driver.run(login({ device: 'd' }), ...messages('bob', 3));
    await manual.advanceAsync(1000);
    await driver.run(...messages('bob', 2, 3));
    assert.equal((await driver.page('bob')).floor, 1);
    manual.advance(HOUR_MS - 500);
    const page = await driver.page('bob');
    assert.deepEqual([page.floor, page.messages.map(textOf)], [4, ['text of m3', 'text of m4']]);
    assert.equal((await driver.page('bob', 5)).floor, 4);
    await driver.close();
  });

  test('what retention removes by itself moves the floor that is answered from memory', async () => {
    const { driver, clock: manual } = await start({ leaseMs: 3_000_000_000 }, HOUR_MS);
    await driver.run(login({ device: 'd' }), ...messages('bob', 3));
    await manual.advanceAsync(120_000, 10_000);
    await driver.run(...messages('bob', 2, 3));
    await manual.advanceAsync(HOUR_MS - 90_000, 60_000);
    await manual.advanceAsync(25_000, 1000);
    const page = await driver.page('bob', 4);
    assert.deepEqual([page.floor, page.messages.map(textOf)], [4, ['text of m4']]);
    await driver.close();
  });

  test('the floor follows the number of messages that an app keeps', async () => {
    const retention = (): RetentionPolicy => ({ ageMs: 24 * HOUR_MS, countMax: 10 });
    const { driver, calls } = await start({ retention });
    await driver.run(login({ device: 'd' }), ...messages('bob', 4));
    for (let round = 1; round < 6; round++) {
      await driver.run(...messages('bob', 4, round * 4));
      await calls();
      const known = await driver.page('bob');
      assert.equal(await calls(), 0);
      assert.deepEqual(
        [known.head, known.floor, known.messages.length],
        [round * 4 + 4, Math.max(1, round * 4 + 4 - 9), Math.min(10, round * 4 + 4)],
      );
    }
    await driver.close();
  });
});

async function openLogic(keyPrefix: string, options: Partial<RedisStoreOptions> = {}) {
  const load = new RedisLoad();
  const made = makeRedisStore([address()], {
    partitions: PARTITIONS,
    events: load,
    keyPrefix,
    leaseMs: 400,
    ...options,
  });
  load.store = made.store;
  await made.store.open(load);
  const owns = (uid: string): boolean => made.store.owns(partitionOf(APP, uid, PARTITIONS));
  const read = (uid: string, after = 0): Promise<TimelinePage> =>
    made.store.readTimeline(APP, uid as Uid, after as Seq, 100, 100_000);
  const send = async (uid: string, id: string): Promise<void> => {
    const known = load.committedAppends.length;
    made.store.submit(append({ to: uid, id }));
    await until(() => load.committedAppends.length > known, `${id} is stored`);
  };
  return { load, made, store: made.store, owns, read, send };
}

describe('two logics', () => {
  const users = Array.from({ length: 12 }, (_, i) => `user-${i}`);

  test('a cache filled by one, written by another, owned by the first again: it serves what the other wrote', async () => {
    const one = await openLogic('moves:');
    for (const uid of users) await one.send(uid, 'a');
    for (const uid of users) assert.equal((await one.read(uid)).messages.length, 1);
    const two = await openLogic('moves:');
    await until(() => users.some(two.owns) && users.every((uid) => one.owns(uid) !== two.owns(uid)), 'a spread');
    const moved = users.filter(two.owns);
    assert.equal(one.store.cache.users, users.length - moved.length);
    for (const uid of moved) {
      await assert.rejects(one.read(uid), /not owned here/);
      await two.send(uid, 'b');
    }
    await two.store.close();
    await until(() => users.every(one.owns), 'the first has all again');
    const before = one.store.cache.counters.timelineHits;
    for (const uid of moved) {
      const page = await one.read(uid);
      assert.deepEqual([page.head, page.messages.map((row) => row.clientMsgId)], [2, ['a', 'b']]);
    }
    assert.equal(one.store.cache.counters.timelineHits, before);
    for (const uid of moved) await one.read(uid);
    assert.equal(one.store.cache.counters.timelineHits, before + moved.length);
    await one.store.close();
  });

  test('an owner that slept past its lease serves nothing from memory, although nobody has told it yet', async () => {
    let sleptMs = 0;
    const sleeping = Object.create(clock) as SystemClock;
    sleeping.monotonicMs = () => clock.monotonicMs() + sleptMs;
    const one = await openLogic('sleeps:', { clock: sleeping, leaseMs: 60_000 });
    await one.send('bob', 'a');
    await one.read('bob');
    await one.read('bob');
    assert.equal(one.store.cache.counters.timelineHits, 1);
    // As after SIGSTOP: its clock has gone on, its lease is another's.
    sleptMs = 120_000;
    const admin = one.made.client.servers()[0]!;
    const keys = Array.from({ length: PARTITIONS }, (_, p) => `sleeps:{p${p}}f`);
    await Promise.all(keys.map((key) => admin.call('HSET', [key, 'u', '1'])));
    await admin.call('DEL', ['sleeps:{logics}']);
    const two = await openLogic('sleeps:', { leaseMs: 60_000 });
    await two.send('bob', 'b');
    assert.ok(one.owns('bob'));
    await assert.rejects(one.read('bob'));
    assert.equal(one.store.cache.counters.timelineHits, 1);
    await one.store.close();
    await two.store.close();
  });

  test('after FLUSHALL nothing of the old epoch is served once the new one has begun', async () => {
    const own = await RedisTestServer.start(KEEPS_ALL);
    const load = new RedisLoad();
    const { store, client } = makeRedisStore([{ host: '127.0.0.1', port: own.port }], {
      partitions: PARTITIONS,
      events: load,
      leaseMs: 300,
    });
    load.store = store;
    await store.open(load);
    load.submit(40);
    await load.settle();
    await load.timeline('user-1');
    assert.equal(store.cache.users, 1);
    await client.servers()[0]!.call('FLUSHALL', []);
    await until(() => load.epochs.length === PARTITIONS, 'every partition has a new epoch');
    assert.equal(store.cache.users, 0);
    const page = await store.readTimeline(APP, 'user-1' as Uid, 0 as Seq, 10, 1000);
    assert.deepEqual([page.epoch, page.head, page.messages], [2, 0, []]);
    await store.close();
    await own.stop();
  });

  test('a partition whose batch had to be repeated forgets what it knew: others may have come with the first call', async () => {
    const own = await RedisTestServer.start(KEEPS_ALL);
    const load = new RedisLoad(1);
    const address = { host: '127.0.0.1', port: own.port };
    const settings = { partitions: PARTITIONS, events: load, leaseMs: 60_000 };
    const { store } = makeRedisStore([address], settings, { commandTimeoutMs: 100 });
    load.store = store;
    await store.open(load);
    load.submit(2);
    await load.settle();
    assert.equal((await load.timeline('user-0')).length, 2);
    load.submit(2);
    await load.settle();
    assert.equal(store.cache.users, 1);
    own.signal('SIGSTOP');
    load.submit(2);
    await delay(clock, 250);
    own.signal('SIGCONT');
    await load.settle();
    assert.ok(store.counters.retries > 0);
    assert.equal(store.cache.users, 0);
    assert.equal((await load.timeline('user-0')).length, 6);
    await store.close();
    await own.stop();
  });

  test('a server that was away is asked before anything is served from memory again', async () => {
    const own = await RedisTestServer.start(KEEPS_ALL);
    const load = new RedisLoad();
    const { store } = makeRedisStore([{ host: '127.0.0.1', port: own.port }], {
      partitions: PARTITIONS,
      events: load,
      leaseMs: 60_000,
    });
    load.store = store;
    await store.open(load);
    load.submit(40);
    await load.settle();
    const read = () => store.readTimeline(APP, 'user-1' as Uid, 0 as Seq, 10, 1000);
    await read();
    const { counters } = store.cache;
    await read();
    assert.deepEqual([counters.timelineHits, counters.timelineMisses], [1, 1]);
    await own.kill();
    await delay(clock, 50);
    const waiting = read();
    await own.start();
    assert.equal((await waiting).messages.length, 2);
    assert.deepEqual([counters.timelineHits, counters.timelineMisses], [1, 2]);
    await read();
    assert.equal(counters.timelineHits, 2);
    await store.close();
    await own.stop();
  });
});

test('one random run of writes and reads: with the cache and without, every answer is the same', async () => {
  const cached = await start({ cacheUsersMax: 6, cacheMessageBytes: 8192 });
  const plain = await start({ cacheUsersMax: 0 });
  const random = new SeededRandom(7);
  for (let step = 0; step < 500; step++) {
    const uid = `user-${random.below(8)}`;
    const device = `d${random.below(3)}`;
    const choice = random.below(10);
    const pair = await Promise.all(
      [cached, plain].map(async ({ driver }) => {
        if (choice < 3)
          return driver.runOne(append({ to: uid, from: `user-${step % 8}`, id: `m${step}`, copy: choice === 0 }));
        if (choice === 3)
          return driver.runOne(login({ user: uid, device, deviceType: device as never, sessionExpiresAtS: step }));
        if (choice === 4 && step % 5 === 0) return driver.runOne(revoke(uid, WALL_START_MS + step));
        if (choice < 7) return user(driver, uid);
        return driver.page(uid, (step * 7) % 12, 1 + (step % 29), 100 + (step % 3) * 1000);
      }),
    );
    const [here, there] = pair.map((answer) =>
      'type' in answer && answer.type === OperationType.Append ? 0 : strip(answer),
    );
    assert.deepEqual(here, there, `step ${step}`);
  }
  const { timelineHits, userHits } = cached.store.cache.counters;
  assert.ok(timelineHits > 20 && userHits > 20, `${timelineHits} and ${userHits} hits`);
  await Promise.all([cached.driver.close(), plain.driver.close()]);
});

/** Message ids depend on the clock of each. */
function strip(answer: object): unknown {
  return JSON.parse(
    JSON.stringify(answer, (key, value: unknown) => (key === 'messageId' || key === 'timeMs' ? 0 : value)),
  );
}
