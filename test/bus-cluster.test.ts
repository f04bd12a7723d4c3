/** Queued pushes on a real cluster of three primaries and three replicas, while owners and servers come and go. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AddOutcome } from '../src/bus/entry-writer.ts';
import { PushQueue } from '../src/bus/push-queue.ts';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { BusOwner, PARTITIONS } from './support/bus-owner.ts';
import { RedisTestCluster } from './support/redis-cluster.ts';
import { until } from './support/redis-load.ts';
import { makeRedisClient } from './support/redis-maker.ts';

const clock = new SystemClock();
const USERS = Array.from({ length: 12 }, (_, i) => `user-${i}`);
const REPLICATED = { replicas: 1, replicaTimeoutMs: 50 };
let cluster: RedisTestCluster;

before(async () => {
  cluster = await RedisTestCluster.start({ nodeTimeoutMs: 800 });
});
after(() => cluster.stop());

async function openQueue(owner: BusOwner): Promise<PushQueue> {
  const addresses = cluster.members.map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = makeRedisClient(addresses, REPLICATED);
  const fields = { clock, client, keys: owner.keys, backlogMax: 100_000, knowsApp: () => true };
  const queue = new PushQueue({ ...fields, onFault: () => undefined });
  queue.start();
  await until(() => queue.durability !== undefined, 'the queue is open');
  return queue;
}

/** Pushes to every user in turn, each again until it is in its stream, before the next one to that user. */
async function pushAll(queue: PushQueue, count: number): Promise<number> {
  const pushTo = async (to: string): Promise<number> => {
    let again = 0;
    for (let number = 0; number < count; number++) {
      const push = { app: 'demo', from: 'shop', to, clientMsgId: `m${number}`, payload: Buffer.from(String(number)) };
      while ((await queue.add(push)) !== AddOutcome.Added) {
        again++;
        await delay(clock, 10);
      }
      await delay(clock, 4);
    }
    return again;
  };
  const repeats = await Promise.all(USERS.map(pushTo));
  return repeats.reduce((sum, again) => sum + again, 0);
}

async function assertWhole(owners: readonly BusOwner[], count: number): Promise<void> {
  const expected = Array.from({ length: count }, (_, i) => `m${i}`);
  for (const uid of USERS) {
    const owner = owners.find(({ store }) => store.owns(owners[0]!.partitionOf(uid)))!;
    assert.deepEqual(await owner.ids(uid), expected, uid);
  }
}

test('owners that come, are killed and leave: every queued push is stored once, in order', async () => {
  const store = { keyPrefix: 'owners:', leaseMs: 500 };
  const one = await BusOwner.start(cluster.members, { store, client: REPLICATED });
  const queue = await openQueue(one);
  const pushing = pushAll(queue, 200);
  await delay(clock, 150);
  const two = await BusOwner.start(cluster.members, { store, client: REPLICATED });
  await until(() => two.store.partitionsOwned > 0, 'the second has its share');
  await until(() => two.pushes.length > 10, 'it stores pushes');
  two.kill();
  const three = await BusOwner.start(cluster.members, { store, client: REPLICATED });
  await until(() => three.pushes.length > 10, 'the third stores pushes');
  await one.stop();
  await pushing;
  await until(() => three.store.partitionsOwned === PARTITIONS, 'the last owner has all');
  await until(async () => (await three.entriesLeft()) === 0, 'nothing waits');
  await assertWhole([three], 200);
  queue.stop();
  await three.stop();
  two.store.failed(new Error('gone'));
  await two.store.close();
});

test('SIGKILL of a primary: what a replica has is stored once, in order, and new entries wake their owner again', async () => {
  const owner = await BusOwner.start(cluster.members, { store: { keyPrefix: 'kill:' }, client: REPLICATED });
  const queue = await openQueue(owner);
  const pushing = pushAll(queue, 100);
  await delay(clock, 150);
  const [primary] = await cluster.primaries();
  const replica = await cluster.replicaOf(primary!);
  await primary!.kill();
  await until(async () => (await cluster.ask(replica, 'ROLE')).startsWith('master'), 'its replica takes over');
  // While no replica follows, every confirmation waits for its time-out.
  await primary!.start();
  assert.ok((await pushing) > 0, 'some had to be pushed again');
  await until(async () => (await owner.entriesLeft()) === 0, 'nothing waits');
  await assertWhole([owner], 100);
  queue.stop();
  await owner.stop();
});

test('a write to any server of the cluster wakes its partition without polling', async () => {
  await until(async () => (await cluster.primaries()).length === 3, 'the member that came back follows');
  const settings = { store: { keyPrefix: 'wake:' }, pollMs: 600_000 };
  const owner = await BusOwner.start(cluster.members, settings);
  await delay(clock, 300);
  for (const uid of USERS) await owner.add(uid, 'a');
  await until(() => owner.pushes.length === USERS.length, 'all are stored');
  await owner.stop();
});
