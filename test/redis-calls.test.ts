/** How operations share calls to Redis, and what a shared call keeps. Real servers. */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { PartitionNumber, Seq, Uid } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import type { RedisStoreOptions } from '../src/store/redis/redis-store-options.ts';
import type { AppendOperation } from '../src/store/store.ts';
import { RedisLoad, until } from './support/redis-load.ts';
import { type MadeStore, makeRedisStore } from './support/redis-maker.ts';
import { KEEPS_ALL, type RedisSettings, RedisTestServer } from './support/redis-server.ts';
import { APP, append } from './support/store-driver.ts';

const PARTITIONS = 16;
const BOBS = partitionOf(APP, 'bob', PARTITIONS);

function uidIn(isWanted: (partition: PartitionNumber) => boolean): string {
  for (let number = 0; ; number++) {
    const uid = `sender-${number}`;
    if (isWanted(partitionOf(APP, uid, PARTITIONS))) return uid;
  }
}

interface World extends MadeStore {
  readonly load: RedisLoad;
  readonly server: RedisTestServer;
}

async function withStore(
  body: (world: World) => Promise<void>,
  options: Partial<RedisStoreOptions> = {},
  settings: RedisSettings = KEEPS_ALL,
): Promise<void> {
  const server = await RedisTestServer.start(settings);
  try {
    const load = new RedisLoad();
    const address = { host: '127.0.0.1', port: server.port };
    const made = makeRedisStore([address], { partitions: PARTITIONS, events: load, ...options });
    load.store = made.store;
    await made.store.open(load);
    try {
      await body({ ...made, load, server });
    } finally {
      await made.store.close();
    }
  } finally {
    await server.stop();
  }
}

async function noteExists({ client }: World): Promise<boolean> {
  const note = `sluice:{p${BOBS}}c`;
  return (await client.call(note, 'EXISTS', [note])) === 1;
}

async function send({ store, load }: World, from: string, id: string): Promise<AppendOperation> {
  const operation = append({ to: 'bob', from, id, copy: true });
  const before = load.committedAppends.length;
  store.submit(operation);
  await until(() => load.committedAppends.length > before, `${id} is committed`);
  return operation;
}

describe('calls to one server', () => {
  test("a message and its sender's copy in another partition are one call, and nothing is left to be made", async () => {
    await withStore(async (world) => {
      const { store, load } = world;
      const { calls } = store.counters;
      const alice = uidIn((partition) => partition !== BOBS);
      const sent = await send(world, alice, 'a');
      assert.deepEqual([sent.seq, sent.senderSeq, sent.senderEpoch, sent.replicas], [1, 1, 1, 0]);
      assert.equal(store.counters.calls - calls, 1);
      const [copy] = await load.timeline(alice);
      assert.deepEqual([copy?.seq, copy?.messageId], [1, sent.messageId]);
      assert.equal(await noteExists(world), false);
    });
  });

  test('what arrives together for all partitions is one call, up to the most operations of a call', async () => {
    await withStore(
      async ({ store, load }) => {
        load.submit(400, { copy: true });
        await load.settle();
        const { calls, batches, sends } = store.counters;
        assert.equal(sends, 400);
        assert.ok(calls <= 8, `${calls} calls`);
        assert.ok(calls >= 4, `${calls} calls`);
        assert.ok(batches > calls, `${batches} batches`);
        assert.deepEqual(await load.findings(), []);
      },
      { callOperationsMax: 100 },
    );
  });

  test('a copy whose partition is not in the call is noted and made afterwards', async () => {
    await withStore(async (world) => {
      const { store, load } = world;
      store.accompany = () => undefined;
      const alice = uidIn((partition) => partition !== BOBS);
      const sent = await send(world, alice, 'a');
      assert.deepEqual([sent.seq, sent.senderSeq, sent.senderEpoch], [1, 1, 1]);
      assert.equal((await load.timeline(alice)).length, 1);
      await until(async () => !(await noteExists(world)), 'the note is removed');
    });
  });

  test("a lost call begins a new epoch for the sender's partition too: no seq of a copy is used twice", async () => {
    const everysec = { appendonly: 'yes', appendfsync: 'everysec' };
    await withStore(
      async (world) => {
        const { store, server } = world;
        const alice = uidIn((partition) => partition !== BOBS);
        await send(world, alice, 'kept');
        const saved = join(server.folder, 'appendonlydir');
        cpSync(saved, `${saved}.saved`, { recursive: true });
        const lost = await send(world, alice, 'lost');
        await server.kill();
        rmSync(saved, { recursive: true });
        cpSync(`${saved}.saved`, saved, { recursive: true });
        await server.start();
        const other = append({ to: alice, from: alice, id: 'next' });
        store.submit(other);
        await until(() => other.seq !== 0, 'another message takes the place of the lost copy');
        assert.deepEqual([lost.senderEpoch, lost.senderSeq], [1, 2]);
        assert.deepEqual([other.epoch, other.seq], [2, 2]);
        const page = await store.readTimeline(APP, alice as Uid, 0 as Seq, 10, 10_000);
        assert.equal(page.messages.length, 2);
      },
      {},
      everysec,
    );
  });
});
