/** `sluice migrate`: copies the embedded store into Redis, and compares the two. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Clock, SystemClock } from '../clock/clock.ts';
import { redisClientFor } from '../cluster/redis-engine.ts';
import { retentionByApp } from '../cluster/retention-by-app.ts';
import type { Config } from '../config/config.ts';
import { durabilityName } from '../model/durability.ts';
import { META_FILE } from '../store/embedded/meta-file.ts';
import { NodeDisk } from '../store/embedded/node-disk.ts';
import { StoreReadError } from '../store/embedded/timeline-reader.ts';
import {
  type MigrationOptions,
  MigrationOutcome,
  type MigrationResult,
  migrate,
} from '../store/migration/migration.ts';
import { MigrationError } from '../store/migration/migration-error.ts';
import { MIGRATION_SCRIPTS } from '../store/migration/migration-scripts.ts';
import { RedisCallError } from '../store/redis/client.ts';
import { ACQUIRE, RELEASE } from '../store/redis/fence-scripts.ts';
import type { RoutingClient } from '../store/redis/routing-client.ts';
import { StoreOpenError } from '../store/store.ts';
import { CliError, ExitCode } from './cli-error.ts';
import { parseRedisUrl } from './redis-url.ts';
import { existingDirectory, systemRuns, withoutSystem } from './system-lock.ts';
import { writeLine, writeProblem } from './terminal.ts';

export interface MigrateOptions {
  readonly from?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly forgetDeleted?: boolean;
  readonly json?: boolean;
}

const SCRIPTS = [ACQUIRE, RELEASE, ...MIGRATION_SCRIPTS];
const EXPECTED = [MigrationError, StoreOpenError, StoreReadError, RedisCallError];

export async function migrateStore(config: Config, options: MigrateOptions): Promise<ExitCode> {
  const from = existingDirectory(resolve(options.from ?? config.data.directory), 'store to migrate');
  const redis = options.to === undefined ? config.redis : { ...config.redis, ...parseRedisUrl(options.to) };
  const isBackup = existsSync(join(from, META_FILE));
  const source = isBackup ? from : existingDirectory(join(from, 'store'), 'store to migrate');
  const act = (): Promise<MigrationResult> => migrateInto(config, redis, source, options);
  const owner = { ...config, data: { ...config.data, directory: from } };
  const result = isBackup ? await act() : await withoutSystem(owner, act);
  if (result === undefined) throw systemRuns(owner);
  if (options.json) await writeLine(JSON.stringify({ from: source, to: redis.servers, ...result }));
  else for (const line of describe(result, config)) await writeLine(line);
  return result.outcome === MigrationOutcome.Different ? ExitCode.Failed : ExitCode.Done;
}

async function migrateInto(
  config: Config,
  redis: Config['redis'],
  source: string,
  options: MigrateOptions,
): Promise<MigrationResult> {
  const clock = new SystemClock();
  const shared: Omit<MigrationOptions, 'client'> = {
    clock,
    disk: new NodeDisk(source),
    keyPrefix: redis.keyPrefix,
    retention: retentionByApp(config),
    dedupeWindowMs: config.store.dedupeWindowMs,
    allowVolatile: redis.allowVolatile,
    dryRun: options.dryRun === true,
    forgetHashed: options.forgetDeleted === true,
    progress: (line) => writeProblem(line),
  };
  let client: RoutingClient | undefined;
  try {
    client = await connected(clock, redis);
    return await migrate({ ...shared, client });
  } catch (error) {
    if (!EXPECTED.some((kind) => error instanceof kind)) throw error;
    throw new CliError(`not migrated: ${(error as Error).message}`);
  } finally {
    client?.close();
  }
}

/** One member of a cluster is enough to find the others. */
async function connected(clock: Clock, redis: Config['redis']): Promise<RoutingClient> {
  const client = redisClientFor(clock, redis, SCRIPTS);
  await client.connect();
  const info = redis.cluster ? '' : String(await client.servers()[0]!.call('INFO', ['cluster']));
  if (!info.includes('cluster_enabled:1')) return client;
  client.close();
  const whole = redisClientFor(clock, { ...redis, cluster: true }, SCRIPTS);
  await whole.connect();
  return whole;
}

const ENDINGS: Readonly<Record<MigrationOutcome, string>> = {
  [MigrationOutcome.Possible]: 'nothing stands in the way; nothing was written',
  [MigrationOutcome.Migrated]:
    'migrated, and compared: the same. Start with store.engine = redis; the source is marked as a copy',
  [MigrationOutcome.InService]: 'it was migrated before, and logics have used it since: nothing was done',
  [MigrationOutcome.Different]: 'THE TARGET DIFFERS from the source: do not use it. Empty it, and begin again',
};

function describe(result: MigrationResult, config: Config): string[] {
  const { storeId, partitions, epochMax, isResumed, durability, source, check, outcome } = result;
  const lines = [
    `store ${storeId}: ${partitions} partitions, epochs up to ${epochMax}${isResumed ? '; begun before' : ''}`,
    `source: ${source.users} users, ${source.records} messages in timelines, ${source.devices} devices, ${source.dedupeRows} dedupe rows`,
  ];
  if (partitions !== config.store.partitions) {
    lines.push(`the number of partitions stays ${partitions}: store.partitions is for new stores only`);
  }
  if (source.dedupeRowsHashed > 0)
    lines.push(`left behind: ${source.dedupeRowsHashed} dedupe rows of deleted messages`);
  if (check !== undefined) {
    const { users, records, dedupeRows, differences } = check;
    lines.push(`compared: ${users} users, ${records} messages, ${dedupeRows} dedupe rows; ${differences} differences`);
    for (const finding of check.findings) lines.push(`differs: ${finding}`);
  }
  return [...lines, `what Redis keeps: ${durabilityName(durability)}`, ENDINGS[outcome]];
}
