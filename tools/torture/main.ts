/** `npm run torture`: breaks a running system for some minutes and says what became of the promises. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SystemClock } from '../../src/clock/clock.ts';
import { formatReport } from '../history/report.ts';
import {
  CLIENT_FAULTS,
  type FaultName,
  isFaultName,
  PEER_FAULTS,
  REDIS_FAULTS,
  SYSTEM_FAULTS,
} from './fault-schedule.ts';
import { type RedisChoice, RedisKind } from './redis-world.ts';
import { type TortureOptions, type TortureResult, torture } from './torture.ts';

const MINUTE_MS = 60_000;
const ALL_FAULTS: readonly FaultName[] = [...SYSTEM_FAULTS, ...CLIENT_FAULTS, ...REDIS_FAULTS, ...PEER_FAULTS];
const USAGE = `npm run torture -- [--minutes N] [--seed S] [--faults a,b] [--gates N] [--users N] [--pause MS]

  --minutes N   how long things break (default 1); every kind of fault happens at least once
  --seed S      which faults, and when (default: by the time of day)
  --faults      only these, of: ${ALL_FAULTS.join(', ')}
  --redis         messages in a Redis of its own, which breaks too
  --redis-cluster the same with a cluster of three primaries and three replicas
  --logics N      on that Redis, which take each other's partitions (default 3)
  --fsync F       of Redis: always (default) or everysec
  --replicas N    that confirm: 1 (default) or 0; of a cluster
  --gates N     gate processes (default 2)
  --users N     users, with three devices each (default 6)
  --pause MS    between two sends of one device, on average (default 150)`;

function readOptions(clock: SystemClock): Omit<TortureOptions, 'folder'> | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      minutes: { ...text, default: '1' },
      seed: { ...text, default: String(clock.wallMs() % 1_000_000) },
      faults: { ...text, default: ALL_FAULTS.join(',') },
      gates: { ...text, default: '2' },
      users: { ...text, default: '6' },
      pause: { ...text, default: '150' },
      redis: { type: 'boolean', default: false },
      'redis-cluster': { type: 'boolean', default: false },
      logics: { ...text, default: '3' },
      fsync: { ...text, default: 'always' },
      replicas: { ...text, default: '1' },
    },
  });
  const names = values.faults.split(',');
  const numbers = [values.minutes, values.seed, values.gates, values.users, values.pause].map(Number);
  if (!names.every(isFaultName) || !numbers.every((number) => number >= 0)) return undefined;
  const [minutes = 1, seed = 1, gates = 2, users = 6, pauseMs = 150] = numbers;
  if (gates < 1 || users < 2) return undefined;
  const say = (line: string): void => console.log(line);
  const faults = new Set(names.filter(isFaultName));
  const redis = redisOf(values);
  const chosen = redis === undefined ? {} : { redis, peers: Math.max(0, Number(values.logics) - 1) };
  return { clock, seed, durationMs: minutes * MINUTE_MS, faults, gates, users, bots: 3, pauseMs, say, ...chosen };
}

function redisOf(values: Readonly<Record<string, unknown>>): RedisChoice | undefined {
  const kind = values['redis-cluster'] === true ? RedisKind.Cluster : RedisKind.Single;
  if (kind === RedisKind.Single && values['redis'] !== true) return undefined;
  return {
    kind,
    fsync: values['fsync'] === 'everysec' ? 'everysec' : 'always',
    replicas: values['replicas'] === '0' ? 0 : 1,
  };
}

async function main(): Promise<number> {
  const options = readOptions(new SystemClock());
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'sluice-torture-'));
  console.log(`seed ${options.seed}, in ${folder}`);
  const result = await torture({ ...options, folder }).catch((error: Error) => error);
  if (result instanceof Error) console.log(`the run broke off: ${result.stack}`);
  else show(result);
  if (!(result instanceof Error) && result.report.ok && result.problems.length === 0) {
    rmSync(folder, { recursive: true, force: true });
    return 0;
  }
  console.log(`FAILED; data and histories are kept in ${folder}. To repeat:`);
  console.log(`  npm run torture -- --seed ${options.seed} ${process.argv.slice(2).join(' ')}`);
  console.log(`  node dist/tools/history/check.js ${join(folder, '*.history')}`);
  return 1;
}

function show({ report, problems, faults, logins, drops, longestOutageMs }: TortureResult): void {
  console.log(`faults: ${[...faults].map(([name, count]) => `${name} ${count}`).join(', ')}`);
  const ended = Object.entries(drops).map(([reason, count]) => `${reason} ${count}`);
  console.log(`${logins} logins; connections ended: ${ended.join(', ') || 'none'}`);
  console.log(`longest outage seen by a client: ${(longestOutageMs / 1000).toFixed(1)} s`);
  for (const problem of problems) console.log(`problem: ${problem}`);
  console.log(formatReport(report));
}

// Something of a run that broke off may still be under way.
process.exit(await main());
