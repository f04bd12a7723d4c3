/** A Redis of a benchmark's own, on a Unix socket in a temporary folder, and what it says about its work. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, delay } from '../src/clock/clock.ts';
import type { RedisClient } from '../src/store/redis/client.ts';
import type { RedisAddress } from '../src/store/redis/redis-client.ts';

const START_MS = 500;

export interface BenchRedis {
  readonly address: RedisAddress;
  stop(): Promise<void>;
}

/** @param fsync of its append-only file: `always` or `everysec` */
export async function startBenchRedis(clock: Clock, fsync: string): Promise<BenchRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-bench-'));
  const path = join(folder, 'redis.sock');
  const settings = ['--port', '0', '--unixsocket', path, '--dir', folder, '--save', ''];
  const args = [...settings, '--appendonly', 'yes', '--appendfsync', fsync];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  await delay(clock, START_MS);
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  };
  return { address: { path }, stop };
}

/** CPU seconds of the server so far, all of its threads. */
export async function redisSeconds(client: RedisClient): Promise<number> {
  const info = String(await client.servers()[0]!.call('INFO', ['cpu']));
  const field = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
  return field('used_cpu_user') + field('used_cpu_sys');
}

/** Commands that it has run so far, those within scripts included, and the calls of scripts among them. */
export async function redisCommands(client: RedisClient): Promise<{ commands: number; scripts: number }> {
  const info = String(await client.servers()[0]!.call('INFO', ['commandstats']));
  let commands = 0;
  let scripts = 0;
  for (const [, name, calls] of info.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)) {
    if (name !== 'info') commands += Number(calls);
    if (name === 'evalsha') scripts += Number(calls);
  }
  return { commands, scripts };
}
