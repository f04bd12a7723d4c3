/** `sluice migrate` on a whole system: what a machine had on its disk goes on in Redis. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { RedisTestCluster } from './support/redis-cluster.ts';
import { KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';
import { PROGRAM, type System, sluice, startSystem, stopLeftSystems } from './support/system.ts';

const clock = new SystemClock();

afterEach(stopLeftSystems);

/** What bob's device, which remembers what it has seen, gets within `count` messages. */
async function listen(system: System, count: number): Promise<string[]> {
  const state = join(system.folder, 'bob.state');
  const who = ['--app', 'demo', '--uid', 'bob', '--device', 'phone', '--state', state, '--json'];
  const { code, stdout, stderr } = await system.cli('listen', ...who, '--count', String(count), '--timeout', '20');
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { text: string }).text);
}

async function send(system: System, ...texts: string[]): Promise<void> {
  for (const text of texts) {
    const id = ['--client-msg-id', `id-${text}`];
    const sent = await system.cli('send', '--app', 'demo', '--uid', 'alice', '--to', 'bob', '--text', text, ...id);
    assert.equal(sent.code, 0, sent.stderr);
  }
}

async function killedSoon(args: readonly string[], afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  await delay(clock, afterMs);
  child.kill('SIGKILL');
  await exited;
}

async function movesTo(to: string, config: Readonly<Record<string, string>>): Promise<void> {
  const before = await startSystem();
  await send(before, 'one', 'two');
  assert.deepEqual(await listen(before, 2), ['one', 'two']);
  await send(before, 'three');
  const args = ['migrate', '--from', before.folder, '--to', to];
  const early = await sluice(args);
  assert.deepEqual([early.code, /a system.*runs on/.test(early.stderr)], [1, true], early.stderr);
  before.kill('primary', 'SIGTERM');
  assert.equal(await before.exited, 0);

  const dry = await sluice([...args, '--dry-run']);
  assert.deepEqual([dry.code, /nothing was written/.test(dry.stdout)], [0, true], dry.stderr);
  for (const afterMs of [250, 450]) await killedSoon(args, afterMs);
  const done = await sluice([...args, '--json']);
  assert.equal(done.code, 0, done.stderr);
  // Each message lies in two timelines: bob's and, as a copy, alice's.
  const { outcome, check } = JSON.parse(done.stdout) as { outcome: string; check: Record<string, number> };
  assert.deepEqual([outcome, check['records'], check['differences']], ['migrated', 6, 0]);

  const after = await startSystem({ dataDirectory: before.folder, config: { 'store.engine': 'redis', ...config } });
  await send(after, 'two', 'four');
  assert.deepEqual(await listen(after, 2), ['three', 'four']);
  const late = await sluice(args);
  assert.equal(late.code, 1, late.stdout);
  assert.equal(await after.stop(), 0);
}

test('a machine moves to Redis: no message is lost, a device goes on where it was, a repeated send is known', async () => {
  const redis = await RedisTestServer.start(KEEPS_ALL);
  try {
    await movesTo(`redis://127.0.0.1:${redis.port}`, { 'redis.servers': `127.0.0.1:${redis.port}` });
  } finally {
    await redis.stop();
  }
});

test('a machine moves to a Redis Cluster, of which one member is named', async () => {
  const cluster = await RedisTestCluster.start();
  try {
    const server = `127.0.0.1:${cluster.members[0]!.port}`;
    await movesTo(`redis://${server}`, { 'redis.servers': server, 'redis.cluster': 'true' });
  } finally {
    await cluster.stop();
  }
});
