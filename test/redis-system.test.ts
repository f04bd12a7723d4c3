/** The whole system on one machine with its messages in Redis: the same promises, another store. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { afterEach, test } from 'node:test';
import { promisify } from 'node:util';
import type { AppId } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import { Person } from './support/person.ts';
import { KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';
import { sluice, startSystem, stopLeftSystems, until } from './support/system.ts';

const run = promisify(execFile);

afterEach(stopLeftSystems);

test('sluice start on Redis: send, listen, push; a killed logic is replaced before its lease ends; the level is told', async () => {
  const redis = await RedisTestServer.start(KEEPS_ALL);
  try {
    const config = { 'store.engine': 'redis', 'redis.servers': `127.0.0.1:${redis.port}` };
    const system = await startSystem({ config });
    const bob = await Person.arrive(system, 'bob');
    const sent = await system.cli('send', '--app', 'demo', '--uid', 'alice', '--to', 'bob', '--text', 'one');
    assert.equal(sent.code, 0, sent.stderr);
    const pushed = await system.cli('push', '--app', 'demo', '--to', 'bob', '--text', 'two');
    assert.equal(pushed.code, 0, pushed.stderr);
    await until(() => bob.texts.length === 2, 'both arrive');
    await system.replaced('logic-1', system.kill('logic-1', 'SIGKILL'));
    const again = await system.cli('send', '--app', 'demo', '--uid', 'alice', '--to', 'bob', '--text', 'three');
    assert.equal(again.code, 0, again.stderr);
    await until(() => bob.texts.length === 3, 'the third arrives');
    assert.deepEqual(bob.texts, ['one', 'two', 'three']);
    const metrics = await (await fetch(system.url('/metrics'))).text();
    assert.match(metrics, /sluice_store_durability\{level="disk"\} 1/);
    assert.match(metrics, /sluice_redis_partitions_owned 64/);
    assert.match(system.logs, /the store is open/);
    assert.match(system.logs, /append-only file, fsync always/);
    await bob.close();
    assert.equal(await system.stop(), 0);
  } finally {
    await redis.stop();
  }
});

test('pushes through the stream reach a client: from the api, 202, and from a service that writes the stream', async () => {
  const redis = await RedisTestServer.start(KEEPS_ALL);
  try {
    const config = { 'store.engine': 'redis', 'redis.servers': `127.0.0.1:${redis.port}`, 'bus.backlogMax': '2' };
    const system = await startSystem({ config });
    const bob = await Person.arrive(system, 'bob');
    const push = (id: string) =>
      fetch(system.url('/v1/push'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ app: 'demo', to: 'bob', text: id, id, async: true }),
      });
    await until(async () => (await push('one')).status === 202, 'the api has found Redis');
    await until(() => bob.texts.length === 1, 'it arrives');
    const partition = partitionOf('demo' as AppId, 'bob', 64);
    const entry = ['app', 'demo', 'to', 'bob', 'from', 'shop', 'id', 'two', 'payload', 'two'];
    await run('redis-cli', ['-p', String(redis.port), 'XADD', `sluice:bus:{p${partition}}`, '*', ...entry]);
    await until(() => bob.texts.length === 2, 'the second arrives');
    system.kill('logic-1', 'SIGSTOP');
    const answers = [await push('three'), await push('four'), await push('five')];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 202, 429],
    );
    assert.equal(answers[2]!.headers.get('retry-after'), '1');
    system.kill('logic-1', 'SIGCONT');
    await until(() => bob.texts.length === 4, 'what waited arrives');
    assert.deepEqual(bob.texts, ['one', 'two', 'three', 'four']);
    const metrics = await (await fetch(system.url('/metrics'))).text();
    assert.match(metrics, /sluice_bus_pushes_stored_total 4/);
    assert.match(metrics, /sluice_api_pushes_refused_backlog_total 1/);
    await bob.close();
    assert.equal(await system.stop(), 0);
  } finally {
    await redis.stop();
  }
});

test('a Redis that keeps nothing is refused with one line that says what to change', async () => {
  const redis = await RedisTestServer.start({ appendonly: 'no' });
  try {
    const ended = await sluice([
      'start',
      '--store.engine=redis',
      `--redis.servers=127.0.0.1:${redis.port}`,
      '--gate.port=0',
      '--api.port=0',
      `--data.directory=${redis.folder}/data`,
    ]);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /would lose acknowledged messages.*appendonly yes/);
  } finally {
    await redis.stop();
  }
});
