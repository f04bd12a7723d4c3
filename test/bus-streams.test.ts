/** Pushes through the streams of the partitions, on a real Redis. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { StreamHost } from '../src/bus/entry-handler.ts';
import { delay, SystemClock } from '../src/clock/clock.ts';
import type { PartitionNumber } from '../src/model/ids.ts';
import { ErrorCode } from '../src/protocol/index.ts';
import { AppendStatus, MessageKind, type Operation } from '../src/store/store.ts';
import { BusOwner, type OwnerSettings, PARTITIONS } from './support/bus-owner.ts';
import { until } from './support/redis-load.ts';
import { KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';
import { append } from './support/store-driver.ts';

const clock = new SystemClock();
/** Far beyond the length of a test: only wake-ups are at work. */
const NO_POLL_MS = 600_000;
let server: RedisTestServer;
let prefixes = 0;

before(async () => {
  server = await RedisTestServer.start(KEEPS_ALL);
});
after(() => server.stop());

async function withOwner(settings: OwnerSettings, body: (owner: BusOwner) => Promise<void>): Promise<void> {
  const owner = await BusOwner.start([server], { ...settings, store: { keyPrefix: freshPrefix(), ...settings.store } });
  try {
    await body(owner);
  } finally {
    await owner.stop();
  }
}

function freshPrefix(): string {
  return `bus-${prefixes++}:`;
}

const ids = (count: number, name = 'm'): string[] => Array.from({ length: count }, (_, i) => `${name}${i}`);

describe('pushes of services', () => {
  test('what a service adds is stored in its order, once, and leaves its stream with the commit', async () => {
    await withOwner({ pollMs: NO_POLL_MS }, async (owner) => {
      for (const id of ids(300)) await owner.add(`user-${Number(id.slice(1)) % 3}`, id);
      await until(() => owner.pushes.length === 300, 'all are stored');
      for (let user = 0; user < 3; user++) {
        assert.deepEqual(
          await owner.ids(`user-${user}`),
          ids(300).filter((_, place) => place % 3 === user),
        );
      }
      assert.equal(await owner.entriesLeft(), 0);
      const [first] = owner.pushes;
      assert.deepEqual(
        [first!.kind, first!.sender, String(first!.payload)],
        [MessageKind.ServerToClient, 'shop', 'text of m0'],
      );
    });
  });

  test('a repeated id is stored once, and another body under it is a dead letter', async () => {
    await withOwner({}, async (owner) => {
      await owner.add('bob', 'a');
      await owner.add('bob', 'a');
      await owner.add('bob', 'a', { text: 'another' });
      await owner.add('bob', 'b');
      await until(async () => (await owner.entriesLeft()) === 0, 'all are ended');
      assert.deepEqual(await owner.ids('bob'), ['a', 'b']);
      const statuses = owner.pushes.map(({ status }) => status);
      const { Stored, Duplicate, Conflict } = AppendStatus;
      assert.deepEqual(statuses, [Stored, Duplicate, Conflict, Stored]);
      const [letter] = await owner.deadLetters(owner.partitionOf('bob'));
      assert.deepEqual([letter!['reason'], letter!['id'], letter!['payload']], ['CONFLICT', 'a', 'another']);
    });
  });

  test('an entry without an id is stored under its own, one without a sender comes from the system', async () => {
    await withOwner({}, async (owner) => {
      const id = await owner.addRaw(owner.partitionOf('bob'), ['payload', 'hi', 'to', 'bob', 'app', 'demo', 'x', 'y']);
      await until(() => owner.pushes.length === 1, 'it is stored');
      assert.deepEqual([owner.pushes[0]!.clientMsgId, owner.pushes[0]!.sender], [id, 'system']);
    });
  });

  test('malformed, misplaced and refused entries become dead letters at once, with the reason; later ones go on', async () => {
    const faultOf = (push: { app: string }) => (push.app === 'demo' ? 0 : ErrorCode.Forbidden);
    await withOwner({ faultOf }, async (owner) => {
      const partition = owner.partitionOf('bob');
      const elsewhere = ((partition + 1) % PARTITIONS) as PartitionNumber;
      await owner.addRaw(partition, ['nonsense', 'x']);
      await owner.addRaw(partition, ['app', 'demo', 'to', 'b b', 'payload', '']);
      await owner.addRaw(partition, ['app', 'demo', 'to', 'bob', 'to', 'bob', 'payload', '']);
      await owner.addRaw(partition, ['app', 'demo', 'to', 'bob', 'id', Buffer.from([0xff]), 'payload', '']);
      const other = Array.from({ length: 100 }, (_, i) => `user-${i}`).find((u) => owner.partitionOf(u) === elsewhere)!;
      await owner.addRaw(partition, ['app', 'demo', 'to', other, 'payload', '']);
      await owner.addRaw(
        partition,
        Array.from({ length: 400 }, (_, i) => `n${i}`),
      );
      await owner.add('bob', 'good');
      await until(() => owner.pushes.length === 1, 'the good one is stored');
      await until(async () => (await owner.entriesLeft()) === 0, 'all are ended');
      const letters = await owner.deadLetters(partition);
      assert.deepEqual(
        letters.map((letter) => letter['reason']),
        [
          'BAD_ENTRY: payload is missing',
          'BAD_ENTRY: to is missing or no identifier',
          'BAD_ENTRY: to is there twice',
          'BAD_ENTRY: id is empty or no UTF-8',
          'WRONG_PARTITION',
          'BAD_ENTRY: more than 32 names',
        ],
      );
      assert.equal(letters[0]!['nonsense'], 'x');
      assert.deepEqual(
        [...owner.counters.buried],
        [
          ['BAD_ENTRY', 5],
          ['WRONG_PARTITION', 1],
        ],
      );
      assert.equal(owner.log.lines.filter(({ level }) => level === 'warn').length, 5);
    });
  });

  test('an entry that fails attemptsMax times is a dead letter with its error; what is behind it waits, then goes on in order', async () => {
    let attempts = 0;
    const faultOf: StreamHost['faultOf'] = (push) => {
      if (push.clientMsgId !== 'bad') return 0;
      attempts++;
      throw new Error('cannot be handled');
    };
    await withOwner({ faultOf, attemptsMax: 4 }, async (owner) => {
      const before = Promise.all(ids(5, 'a').map((id) => owner.add('bob', id)));
      await before;
      await owner.add('bob', 'bad');
      for (const id of ids(5, 'b')) await owner.add('bob', id);
      await until(async () => (await owner.entriesLeft()) === 0, 'all are ended');
      assert.equal(attempts, 4);
      assert.deepEqual(await owner.ids('bob'), [...ids(5, 'a'), ...ids(5, 'b')]);
      const letters = await owner.deadLetters(owner.partitionOf('bob'));
      assert.deepEqual(
        letters.map(({ reason, id, deliveries }) => [reason, id, deliveries]),
        [['GIVEN_UP: Error: cannot be handled', 'bad', '4']],
      );
    });
  });

  test('no more dead letters are kept than asked for, give or take what Redis removes at once', async () => {
    await withOwner({}, async (owner) => {
      for (let i = 0; i < 400; i++) await owner.addRaw(3 as PartitionNumber, ['n', String(i)]);
      await until(async () => (await owner.entriesLeft()) === 0, 'all are ended');
      assert.equal(owner.counters.buried.get('BAD_ENTRY'), 400);
      const letters = await owner.deadLetters(3 as PartitionNumber);
      assert.ok(letters.length < 300, `${letters.length} are kept`);
      assert.equal(letters.at(-1)!['n'], '399');
    });
  });
});

describe('reading', () => {
  test('a write wakes its partition without polling; commands do not grow with partitions that are idle', async () => {
    await withOwner({ pollMs: NO_POLL_MS }, async (owner) => {
      await until(() => owner.counters.reads >= 2 * PARTITIONS, 'the first reads');
      await delay(clock, 200);
      const before = owner.counters.reads;
      await delay(clock, 200);
      assert.equal(owner.counters.reads, before);
      await owner.add('bob', 'a');
      await until(() => owner.pushes.length === 1, 'it is stored');
      await delay(clock, 100);
      assert.ok(owner.counters.reads - before <= 4, `${owner.counters.reads - before} reads for one entry`);
    });
  });

  test('what a lost hint has missed is found by the poll', async () => {
    await withOwner({ pollMs: 400 }, async (owner) => {
      owner.client.watch('nothing', () => undefined);
      await delay(clock, 100);
      await owner.add('bob', 'a');
      await until(() => owner.pushes.length === 1, 'it is stored');
    });
  });

  test('what waits and since when is measured, also while nothing moves', async () => {
    await withOwner({ pollMs: 80 }, async (owner) => {
      assert.deepEqual([owner.streams.waiting, owner.streams.oldestAgeMs], [0, 0]);
      const submit = owner.store.submit.bind(owner.store);
      const held: Operation[] = [];
      owner.store.submit = (operation) => {
        held.push(operation);
      };
      for (const id of ids(7)) await owner.add('bob', id);
      await until(() => owner.streams.waiting === 7, 'all seven are counted');
      await until(() => owner.streams.oldestAgeMs > 300, 'they grow older');
      owner.store.submit = submit;
      for (const operation of held) submit(operation);
      await until(() => owner.pushes.length === 7 && owner.streams.waiting === 0, 'all are stored');
      assert.equal(owner.streams.oldestAgeMs, 0);
    });
  });

  test('what the store refuses waits, and is stored in order when the store takes it again', async () => {
    await withOwner({ store: { queueOperationsMax: 3 } }, async (owner) => {
      await Promise.all(ids(60).map((id) => owner.add('bob', id)));
      await until(() => owner.pushes.length >= 60, 'all are stored');
      assert.ok(owner.counters.entriesRefused > 0);
      assert.deepEqual(await owner.ids('bob'), ids(60));
      assert.equal((await owner.deadLetters(owner.partitionOf('bob'))).length, 0);
    });
  });
});

describe('ownership of streams', () => {
  test('the next owner ends what a killed one has read and not ended, then the rest, in order', async () => {
    const store = { keyPrefix: freshPrefix(), leaseMs: 300 };
    const one = await BusOwner.start([server], { store });
    const stalls = one.store.take.bind(one.store);
    one.store.submit = () => undefined;
    one.store.take = stalls;
    for (const id of ids(200)) await one.add('bob', id);
    await until(() => one.counters.entriesRead >= 1, 'some are read');
    one.kill();
    const two = await BusOwner.start([server], { store });
    await until(() => two.pushes.length === 200, 'all are stored');
    assert.ok(two.counters.entriesReadAgain > 0);
    assert.deepEqual(await two.ids('bob'), ids(200));
    assert.equal(await two.entriesLeft(), 0);
    await two.stop();
    one.store.failed(new Error('gone'));
    await one.store.close();
  });

  test('an owner that was fenced reads nothing more, and ends nothing', async () => {
    const store = { keyPrefix: freshPrefix(), leaseMs: 60_000 };
    const one = await BusOwner.start([server], { store });
    const partition = one.partitionOf('bob');
    const { fence } = one.keys.partition(partition);
    const admin = one.client.servers()[0]!;
    let submitted = 0;
    const submit = one.store.submit.bind(one.store);
    one.store.submit = (operation) => {
      submitted++;
      // Another owner comes between the read and the commit.
      void admin.call('HINCRBY', [fence, 'o', '1']).then(() => submit(operation));
    };
    await one.add('bob', 'a');
    await until(() => submitted === 1 && !one.store.owns(partition), 'it has lost the partition');
    await one.add('bob', 'b');
    await delay(clock, 100);
    assert.deepEqual([submitted, one.pushes.length, await one.entriesLeft()], [1, 0, 2]);
    await admin.call('HSET', [fence, 'u', '1']);
    await admin.call('DEL', [one.keys.logics]);
    const two = await BusOwner.start([server], { store });
    await until(() => two.pushes.length === 2, 'the next owner stores both');
    assert.deepEqual(await two.ids('bob'), ['a', 'b']);
    await two.stop();
    await one.stop();
  });

  test('an entry that ends every owner is given up after attemptsMax of them and takes no other along', async () => {
    const store = { keyPrefix: freshPrefix(), leaseMs: 200, name: 'same' };
    const feeder = await BusOwner.start([server], { store, isPaused: true });
    for (const id of [...ids(3, 'a'), 'poison', ...ids(3, 'b')]) await feeder.add('bob', id);
    await feeder.stop();
    let ownersEnded = 0;
    for (;;) {
      const owner = await BusOwner.start([server], { store, attemptsMax: 4 });
      const submit = owner.store.submit.bind(owner.store);
      let isEnded = false;
      owner.store.submit = (operation) => {
        if ('clientMsgId' in operation && operation.clientMsgId === 'poison') {
          isEnded = true;
          owner.kill();
        } else if (!isEnded) submit(operation);
      };
      await until(async () => isEnded || (await owner.entriesLeft()) === 0, 'it ends, or all entries are ended');
      if (!isEnded) {
        assert.deepEqual(await owner.ids('bob'), [...ids(3, 'a'), ...ids(3, 'b')]);
        const letters = await owner.deadLetters(owner.partitionOf('bob'));
        assert.deepEqual(
          letters.map(({ id, deliveries }) => [id, deliveries]),
          [['poison', '4']],
        );
        assert.equal(ownersEnded, 4);
        await owner.stop();
        return;
      }
      ownersEnded++;
      owner.store.failed(new Error('gone'));
      await owner.store.close();
    }
  });

  test('FLUSHALL and a new epoch: the streams begin anew by themselves', async () => {
    const own = await RedisTestServer.start(KEEPS_ALL);
    const owner = await BusOwner.start([own], { store: { leaseMs: 300 }, pollMs: 200 });
    await owner.add('bob', 'a');
    await until(() => owner.pushes.length === 1, 'it is stored');
    await owner.client.servers()[0]!.call('FLUSHALL', []);
    await owner.add('bob', 'b');
    await until(() => owner.pushes.length === 2, 'the next is stored too');
    assert.deepEqual(await owner.ids('bob'), ['b']);
    await owner.stop();
    await own.stop();
  });
});

describe("senders' copies between owners", () => {
  test('every copy is made once by the owner of its sender, in order, and no note of it stays', async () => {
    const store = { keyPrefix: freshPrefix(), leaseMs: 300 };
    const one = await BusOwner.start([server], { store });
    const two = await BusOwner.start([server], { store });
    await until(() => one.store.partitionsOwned + two.store.partitionsOwned === PARTITIONS, 'all are owned');
    await until(() => two.store.partitionsOwned > 0, 'they share');
    const users = ids(60, 'user-');
    const target = users.find((uid) => one.store.owns(one.partitionOf(uid)))!;
    const sender = users.find((uid) => two.store.owns(two.partitionOf(uid)))!;
    for (const id of ids(50)) one.store.submit(append({ to: target, from: sender, id, copy: true }));
    await until(() => two.copies.length === 50, 'all copies are made');
    assert.deepEqual(await two.ids(sender), ids(50));
    assert.deepEqual(
      two.copies.map(({ seq }) => seq),
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    assert.ok(one.sends.every(({ senderSeq }) => senderSeq === 0));
    const { copies } = one.keys.partition(one.partitionOf(target));
    await until(async () => (await one.client.call(copies, 'HLEN', [copies])) === 0, 'the notes are gone');
    assert.equal(await one.entriesLeft(), 0);
    await one.stop();
    await two.stop();
  });
});
