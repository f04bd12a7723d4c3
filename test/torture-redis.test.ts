/** The torture with the messages in Redis, in short: `npm run torture -- --redis-cluster` is the long one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SystemClock } from '../src/clock/clock.ts';
import { formatReport } from '../tools/history/report.ts';
import { type FaultName, isPeerFault } from '../tools/torture/fault-schedule.ts';
import { type RedisChoice, RedisKind } from '../tools/torture/redis-world.ts';
import { torture } from '../tools/torture/torture.ts';

const SEED = 21;

/** One round of `names`. */
async function survives(context: TestContext, redis: RedisChoice, names: readonly FaultName[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-torture-'));
  const faults = new Set(names);
  const world = { seed: SEED, durationMs: 0, gates: 2, users: 4, bots: 2, pauseMs: 200, folder };
  const {
    report,
    problems,
    faults: happened,
  } = await torture({
    ...world,
    clock: new SystemClock(),
    faults,
    redis,
    peers: names.some(isPeerFault) ? 2 : 0,
    say: (text) => context.diagnostic(text),
  });
  context.diagnostic(formatReport(report));
  assert.ok(report.ok, `${formatReport(report)}\n(kept in ${folder})`);
  assert.deepEqual(problems, [], `kept in ${folder}`);
  assert.deepEqual(new Set(happened.keys()), faults);
  assert.ok(report.looked.stored > 100, `${report.looked.stored} messages`);
  rmSync(folder, { recursive: true, force: true });
}

test('three logics, of which one dies, freezes and is cut off, all restarted one after the other, on a Redis that is killed and flushed: only what was flushed is lost, and everybody is told', (context) =>
  survives(context, { kind: RedisKind.Single, fsync: 'always', replicas: 0 }, [
    'redis-kill',
    'redis-flush',
    'logic-kill',
    'peer-die',
    'peer-freeze',
    'peer-deaf',
    'rolling-restart',
  ]));

test('a cluster whose primaries are killed and replaced by replicas that had confirmed loses nothing', (context) =>
  survives(context, { kind: RedisKind.Cluster, fsync: 'always', replicas: 1 }, [
    'redis-kill',
    'redis-failover',
    'redis-pause',
    'logic-kill',
    'peer-cut',
    'gate-kill',
  ]));
