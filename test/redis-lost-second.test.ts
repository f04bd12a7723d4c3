/** A Redis whose machine dies: what was written and not synced is gone from its log. Real servers; the log is cut by hand. */
import assert from 'node:assert/strict';
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID } from '../src/config/apps.ts';
import type { AppId } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import { Person } from './support/person.ts';
import { RedisLoad } from './support/redis-load.ts';
import { makeRedisStore } from './support/redis-maker.ts';
import { RedisTestServer } from './support/redis-server.ts';
import { type System, startSystem, stopLeftSystems, until } from './support/system.ts';

const clock = new SystemClock();
const EVERYSEC = { appendonly: 'yes', appendfsync: 'everysec' };
const SECOND_MS = 1000;
const APP = DEVELOPMENT_APP_ID as AppId;
const PARTITIONS = 64;

afterEach(stopLeftSystems);

/** What the server appends to. */
function logOf(server: RedisTestServer): string {
  const folder = join(server.folder, 'appendonlydir');
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.incr.aof')) as string);
}

/** The server dies, and what its log had beyond `bytes` with it. */
async function loseAfter(server: RedisTestServer, bytes: number): Promise<void> {
  const log = logOf(server);
  await server.kill();
  truncateSync(log, bytes);
  await server.start();
}

test('AOF everysec: at most the last second is lost, and counted; no (epoch, seq) is used twice', async () => {
  const server = await RedisTestServer.start(EVERYSEC);
  const load = new RedisLoad();
  const { store } = makeRedisStore([{ host: '127.0.0.1', port: server.port }], { events: load });
  load.store = store;
  await store.open(load);
  const running = load.run(4 * SECOND_MS);
  await delay(clock, SECOND_MS);
  const synced = { acknowledged: load.committedAppends.length, bytes: statSync(logOf(server)).size };
  await delay(clock, SECOND_MS);
  await loseAfter(server, synced.bytes);
  const atRisk = load.committedAppends.slice(synced.acknowledged).filter(({ epoch }) => epoch === 1);
  await running;
  await load.settle();
  const known = new Set<string>();
  for (let user = 0; user < load.users; user++) {
    for (const { clientMsgId } of await load.timeline(load.user(user))) known.add(clientMsgId);
  }
  const gone = atRisk.filter(({ clientMsgId }) => !known.has(clientMsgId));
  assert.ok(gone.length > 0, 'something is lost');
  assert.equal(store.counters.lostOperations, gone.length);
  const lost = new Set(gone);
  assert.deepEqual(await load.findings((operation) => !lost.has(operation)), []);
  const again = new Set(
    load.committedAppends.filter((o) => !lost.has(o)).map((o) => `${o.target} ${o.epoch} ${o.seq}`),
  );
  assert.ok(gone.every((o) => !again.has(`${o.target} ${o.epoch} ${o.seq}`)));
  await store.close();
  await server.stop();
});

async function push(system: System, to: string, text: string): Promise<void> {
  const body = JSON.stringify({ app: APP, to, text, id: text });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(system.url('/v1/push'), { method: 'POST', headers, body });
  assert.equal(answer.status, 200, await answer.text());
}

async function metric(system: System, name: string): Promise<number> {
  const text = await (await fetch(system.url('/metrics'))).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}

/** Nothing is written any more: the cursors of what was acknowledged are. */
async function atRest(system: System): Promise<void> {
  const restMs = 1500;
  let seen = -1;
  let sinceMs = 0;
  await until(async () => {
    const operations = await metric(system, 'sluice_redis_operations_total');
    if (operations !== seen) sinceMs = clock.monotonicMs();
    seen = operations;
    return clock.monotonicMs() - sinceMs > restMs;
  }, 'nothing is written any more');
}

test('acknowledged messages that are gone: RESYNC reaches all users of their partitions, and nobody else', async () => {
  const server = await RedisTestServer.start(EVERYSEC);
  try {
    const leaseMs = 6000;
    const config = {
      'store.engine': 'redis',
      'redis.servers': `127.0.0.1:${server.port}`,
      'redis.leaseMs': String(leaseMs),
    };
    const system = await startSystem({ config });
    const uids = Array.from({ length: 16 }, (_, i) => `user-${i}`);
    const people = await Promise.all(uids.map((uid) => Person.arrive(system, uid)));
    const told = new Set<string>();
    for (const [place, { client }] of people.entries()) client.on('resync', () => told.add(uids[place] as string));
    for (const uid of uids) await push(system, uid, `kept for ${uid}`);
    await until(() => people.every(({ texts }) => texts.length === 1), 'everybody has one');
    await atRest(system);
    const { size } = statSync(logOf(server));
    const losers = uids.slice(0, 4);
    for (const uid of losers) await push(system, uid, `lost for ${uid}`);
    await loseAfter(server, size);
    const partitions = new Set(losers.map((uid) => partitionOf(APP, uid, PARTITIONS)));
    const concerned = uids.filter((uid) => partitions.has(partitionOf(APP, uid, PARTITIONS)));
    await until(() => concerned.every((uid) => told.has(uid)), 'all of them are told');
    await delay(clock, leaseMs / 2);
    assert.deepEqual([...told].sort(), concerned.toSorted());
    assert.equal(await metric(system, 'sluice_redis_epochs_raised_total'), partitions.size);
    assert.ok((await metric(system, 'sluice_redis_lost_operations_total')) >= losers.length);
    for (const uid of uids) await push(system, uid, `after for ${uid}`);
    await until(() => people.every(({ texts }) => texts.at(-1)?.startsWith('after') === true), 'everybody goes on');
    for (const { texts } of people) assert.equal(texts.filter((text) => text.startsWith('kept')).length, 1);
    assert.ok(people.every(({ ends }) => ends.length === 0));
    await Promise.all(people.map((person) => person.close()));
  } finally {
    await stopLeftSystems();
    await server.stop();
  }
});
