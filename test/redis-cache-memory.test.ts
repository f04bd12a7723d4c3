/** The memory of a logic's cache by itself: its block of messages, its table of users, what it believes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Epoch, MessageId, PartitionNumber, Seq, Uid } from '../src/model/ids.ts';
import { MessageRing } from '../src/store/redis/cache/message-ring.ts';
import { UserCache } from '../src/store/redis/cache/user-cache.ts';
import type { RedisClient } from '../src/store/redis/client.ts';
import { encodeRecord } from '../src/store/redis/message-record.ts';
import { ManualClock } from './support/manual-clock.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { APP, append } from './support/store-driver.ts';

describe('the block of messages', () => {
  for (const size of [1024, 1030, 4096]) {
    test(`${size} bytes: every record is read as it was put, until its owner is told that it goes, oldest first`, () => {
      const random = new SeededRandom(size);
      const live = new Map<number, { owner: number; record: Buffer }>();
      const ring = new MessageRing(size, (owner, position) => {
        const [oldest] = live.keys();
        assert.deepEqual([position, live.get(position)?.owner], [oldest, owner]);
        live.delete(position);
      });
      let overwritten = 0;
      for (let owner = 0; owner < 3000; owner++) {
        const record = Buffer.from(random.bytes(random.below(size / 16 - 12)));
        assert.ok(ring.takes(record));
        const before = live.size;
        live.set(ring.put(owner, record), { owner, record });
        overwritten += before + 1 - live.size;
        assert.ok(ring.usedBytes <= size, `${ring.usedBytes} bytes`);
        for (const [position, put] of live) assert.deepEqual(ring.read(position), put.record);
      }
      assert.ok(overwritten > 2000 && live.size > 10, `${overwritten} overwritten, ${live.size} there`);
      assert.equal(ring.read([...live.keys()][0]! - 8), undefined);
    });
  }

  test('a record that would push out more than a sixteenth is not taken', () => {
    const ring = new MessageRing(1600, () => undefined);
    assert.ok(ring.takes(Buffer.alloc(92)));
    assert.ok(!ring.takes(Buffer.alloc(93)));
    assert.ok(!new MessageRing(0, () => undefined).takes(Buffer.alloc(0)));
  });
});

describe('what is believed', () => {
  const BOB = 'bob' as Uid;
  const RANGE = { after: 3 as Seq, limit: 10, bytesMax: 1000 };

  function opened() {
    const clock = new ManualClock();
    const client = { serverOf: () => ({ runId: 'a' }) } as unknown as RedisClient;
    const retention = () => ({ ageMs: 1e9, countMax: 100 });
    const cache = new UserCache({ clock, client, retention, cacheUsersMax: 4, cacheMessageBytes: 4096 });
    const tenure = {
      partition: 0 as PartitionNumber,
      ownerEpoch: 1,
      epoch: 1 as Epoch,
      batch: 5,
      lastMessageId: 0 as MessageId,
      leaseEndsMs: 1000,
      runId: 'a',
    };
    cache.open(tenure, 'fence');
    return { clock, cache, partition: cache.of(tenure.partition)! };
  }
  const state = { epoch: 1 as Epoch, head: 3 as Seq, floor: 1 as Seq };

  test('an answer of Redis teaches only when it is of the last batch and of this epoch', () => {
    for (const [batch, epoch, isBelieved] of [
      [5, 1, true],
      [4, 1, false],
      [5, 2, false],
    ] as const) {
      const { partition } = opened();
      partition.pageRead(APP, BOB, batch, { ...state, epoch: epoch as Epoch }, 4 as Seq, []);
      assert.equal(partition.page(APP, BOB, RANGE) !== undefined, isBelieved, `batch ${batch}, epoch ${epoch}`);
    }
  });

  test('messages that are told of out of order move the head forward only, and those of another epoch not at all', () => {
    const { partition } = opened();
    partition.pageRead(APP, BOB, 5, state, 4 as Seq, []);
    const records = [4, 5, 6].map((id) => encodeRecord({ ...append({ to: 'bob', id: `m${id}` }) }, id as MessageId));
    partition.stored(APP, BOB, 1 as Epoch, 5 as Seq, records[1]!);
    partition.stored(APP, BOB, 1 as Epoch, 4 as Seq, records[0]!);
    partition.stored(APP, BOB, 2 as Epoch, 9 as Seq, records[2]!);
    assert.equal(partition.page(APP, BOB, RANGE), undefined);
    partition.pageRead(APP, BOB, 5, { ...state, head: 5 as Seq }, 4 as Seq, records.slice(0, 2));
    const page = partition.page(APP, BOB, RANGE)!;
    assert.deepEqual([page.head, page.messages.map((message) => message.clientMsgId)], [5, ['m4', 'm5']]);
  });

  test('nothing is answered from the moment at which the lease ends by the own clock', () => {
    const { clock, partition } = opened();
    partition.pageRead(APP, BOB, 5, state, 4 as Seq, []);
    clock.advance(999);
    assert.deepEqual(partition.page(APP, BOB, RANGE), { ...state, messages: [] });
    clock.advance(1);
    assert.equal(partition.page(APP, BOB, RANGE), undefined);
  });

  test('a time of ownership that is over learns nothing and leaves nothing behind', () => {
    const { cache, partition } = opened();
    partition.pageRead(APP, BOB, 5, state, 4 as Seq, []);
    cache.drop(0 as PartitionNumber);
    partition.pageRead(APP, BOB, 5, state, 4 as Seq, []);
    partition.userRead(APP, BOB, 5, state, { currentGenerations: [], currentExpiriesS: [], revokeBeforeMs: 0 });
    assert.deepEqual([cache.users, partition.page(APP, BOB, RANGE)], [0, undefined]);
  });
});
