/** Putting pushes into streams: order, the backlog, and what is said when Redis is away. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AddOutcome } from '../src/bus/entry-writer.ts';
import { PushQueue } from '../src/bus/push-queue.ts';
import { SystemClock } from '../src/clock/clock.ts';
import { Durability } from '../src/model/durability.ts';
import { BusOwner } from './support/bus-owner.ts';
import { until } from './support/redis-load.ts';
import { makeRedisClient } from './support/redis-maker.ts';
import { KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';

const clock = new SystemClock();
const BACKLOG_MAX = 10;
let server: RedisTestServer;
let owner: BusOwner;
let queue: PushQueue;

function makeQueue(): PushQueue {
  const client = makeRedisClient([{ host: '127.0.0.1', port: server.port }], { commandTimeoutMs: 200 });
  const fields = { clock, client, keys: owner.keys, backlogMax: BACKLOG_MAX, knowsApp: () => true };
  return new PushQueue({ ...fields, onFault: () => undefined });
}

function add(to: string, clientMsgId: string): Promise<AddOutcome> {
  return queue.add({ app: 'demo', from: 'shop', to, clientMsgId, payload: Buffer.from('x') });
}

const idsOf = (count: number, name: string): string[] => Array.from({ length: count }, (_, i) => `${name}${i}`);

before(async () => {
  server = await RedisTestServer.start(KEEPS_ALL);
  owner = await BusOwner.start([server], { isPaused: true });
  queue = makeQueue();
  queue.start();
  await until(() => queue.durability !== undefined, 'the queue is open');
});
after(async () => {
  queue.stop();
  await owner.stop();
  await server.stop();
});

test('the level of a queued push is the one that Redis keeps', () => {
  assert.equal(queue.durability, Durability.Disk);
});

test('pushes of one tick are added in order, and refused from the backlog on: max − 1, max, max + 1', async () => {
  const outcomes = await Promise.all(idsOf(BACKLOG_MAX + 1, 'm').map((id) => add('bob', id)));
  const { Added, Full } = AddOutcome;
  assert.deepEqual(outcomes, [...Array<AddOutcome>(BACKLOG_MAX).fill(Added), Full]);
  assert.deepEqual([queue.added, queue.refusedFull, queue.outstanding], [BACKLOG_MAX, 1, 0]);
  const key = owner.keys.partition(owner.partitionOf('bob')).pushEntries;
  const entries = (await owner.client.call(key, 'XRANGE', [key, '-', '+'])) as [Buffer, Buffer[]][];
  assert.deepEqual(
    entries.map(([, strings]) => String(strings[strings.indexOf(strings.find((s) => String(s) === 'id')!) + 1])),
    idsOf(BACKLOG_MAX, 'm'),
  );
  await owner.client.call(key, 'XDEL', [key, entries[0]![0]]);
  assert.deepEqual([await add('bob', 'n0'), await add('bob', 'n1')], [Added, Full]);
});

test('a Redis that does not answer makes the outcome unknown; what waits behind it is certainly not added', async () => {
  server.signal('SIGSTOP');
  const first = add('carol', 'a');
  await until(() => queue.outstanding === 1, 'the first is under way');
  const second = new Promise<AddOutcome>((resolve) => {
    clock.setTimer(() => void add('carol', 'b').then(resolve), 50);
  });
  assert.deepEqual([await first, await second], [AddOutcome.Unknown, AddOutcome.NotAdded]);
  server.signal('SIGCONT');
  await until(async () => (await add('carol', 'a')) === AddOutcome.Added, 'it is back');
});

test('nothing is taken before Redis is there and a store exists', async () => {
  const early = makeQueue();
  assert.equal(early.durability, undefined);
  const push = { app: 'demo', from: 'shop', to: 'bob', clientMsgId: 'x', payload: Buffer.from('x') };
  assert.equal(await early.add(push), AddOutcome.NotAdded);
  early.stop();
});
