/**
 * Real faults on the real engine: NodeDisk, this machine's file system, strace. The short form of what
 * `tortureStore` does for as long as it is told to.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { NodeDisk } from '../src/store/embedded/node-disk.ts';
import type { AppendOperation, Operation } from '../src/store/store.ts';
import { checkReopened, runWorker, tortureStore } from '../tools/chaos/store-faults.ts';
import { StoreLedger } from '../tools/chaos/store-ledger.ts';
import { realStore, WORKLOAD_APP, workerAppend } from '../tools/chaos/store-workload.ts';
import { straceProblem } from '../tools/chaos/strace-faults.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { RecordingDisk } from './support/recording-disk.ts';
import { SeededRandom } from './support/seeded-random.ts';

const LIVES = 14;
const TORTURE_MS_MAX = 25_000;
const SYNC_DELAY_MS = 40;
const IMAGES_MS_MAX = 15_000;
const ROUNDS = 4;
const SYNCS = 120;

const problem = straceProblem();
const traced = { skip: problem ?? false };
const clock = new SystemClock();

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-real-faults-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test(
  'nats-server#7564 (bug 1): with every fdatasync delayed no append is acknowledged before its own has returned (G1)',
  traced,
  async () => {
    await inDirectory(async (directory) => {
      const ledger = new StoreLedger();
      const log = join(directory, 'calls');
      const faults = [
        { syscalls: ['fdatasync'], delayMs: SYNC_DELAY_MS },
        // Traced, not delayed: the order of acknowledgements and syncs is read from the log.
        { syscalls: ['write'], delayMs: 0 },
      ];
      const run = { life: 0, appends: 20, outstanding: 1, faults, log };
      const end = await runWorker(join(directory, 'store'), run, ledger);
      assert.equal(end.acknowledged, 20);
      assert.ok(Math.min(...end.latenciesMs) >= SYNC_DELAY_MS, `${Math.min(...end.latenciesMs)} ms`);
      let synced = 0;
      let acknowledged = 0;
      for (const line of callsAfterOpen(readFileSync(log, 'utf8'))) {
        if (/fdatasync.*= 0/.test(line)) synced += 1;
        if (!/write\(1, "ack /.test(line)) continue;
        acknowledged += 1;
        assert.ok(synced >= acknowledged, `acknowledgement ${acknowledged} after ${synced} syncs`);
      }
      assert.equal(acknowledged, 20);
    });
  },
);

/** The traced calls from the moment at which the store was open. */
function callsAfterOpen(log: string): string[] {
  const lines = log.split('\n');
  return lines.slice(lines.findIndex((line) => line.includes('write(1, "open')));
}

test(
  'lmdb-js, fsyncgate (bug 20): one EIO from fdatasync, the next ones succeed: nothing more is acknowledged, all of it is there on reopening (G12)',
  traced,
  async () => {
    for (const number of [6, 15, 32]) {
      await inDirectory(async (directory) => {
        const ledger = new StoreLedger();
        const faults = [{ syscalls: ['fdatasync'], error: 'EIO', when: String(number) }];
        const run = { life: 0, appends: 300, outstanding: 7, faults };
        const end = await runWorker(join(directory, 'store'), run, ledger);
        assert.match(end.failure ?? 'nothing', /EIO/);
        assert.deepEqual([end.late, end.isDone], [0, false]);
        await checkReopened(join(directory, 'store'), 1, ledger);
        assert.deepEqual(ledger.problems, []);
      });
    }
  },
);

test(
  'nats-server#7549, #7556 (bug 2), G5: killed at random system calls, life after life: all that was acknowledged is readable',
  traced,
  async () => {
    await inDirectory(async (directory) => {
      const bounds = { untilMs: clock.monotonicMs() + TORTURE_MS_MAX, livesMax: LIVES };
      const report = await tortureStore(directory, new SeededRandom(4711), clock, bounds);
      assert.deepEqual(report.problems, []);
      assert.ok(report.kills + report.failures >= 2, JSON.stringify(report));
    });
  },
);

interface Acknowledged {
  operation: AppendOperation;
  /** Disk events that had happened. */
  events: number;
}

/** Appends in bursts to a real store, and notes after how many disk events each was acknowledged. */
async function recordedRun(directory: string) {
  const disk = new RecordingDisk(new NodeDisk(directory));
  const { events } = disk.mirror;
  const acknowledged: Acknowledged[] = [];
  const store = realStore(directory, clock, disk);
  await store.open({
    committed(batch: readonly Operation[]) {
      for (const operation of batch)
        acknowledged.push({ operation: operation as AppendOperation, events: events.length });
    },
    refused: () => assert.fail('refused'),
    failed: (error) => assert.fail(error),
  });
  const opened = events.length;
  const random = new SeededRandom(99);
  const syncs = () => events.filter((event) => event.type === 'sync').length;
  for (let burst = 0, sent = 0; syncs() < SYNCS; burst++) {
    const size = burst % 20 === 0 ? 700 : 1 + random.below(12);
    for (let i = 0; i < size; i++) store.submit(workerAppend(0, sent++, undefined));
    await delay(clock, random.below(6));
  }
  await store.close();
  return { mirror: disk.mirror, acknowledged, opened };
}

test('power loss in a recorded run on a real disk, at every fsync, with random subsets of what was not synced: nothing acknowledged is lost (G1)', async () => {
  await inDirectory(async (directory) => {
    const { mirror, acknowledged, opened } = await recordedRun(directory);
    const moments = mirror.events.flatMap((event, i) => (event.type === 'sync' && i >= opened ? [i, i + 1] : []));
    const untilMs = clock.monotonicMs() + IMAGES_MS_MAX;
    const random = new SeededRandom(7);
    let checked = 0;
    // All moments once, then again with other subsets, while there is time.
    for (let round = 0; round < ROUNDS; round++) {
      for (const moment of moments) {
        if (clock.monotonicMs() > untilMs) break;
        await checkImage(FaultDisk.fromFiles(mirror.afterPowerLoss(moment, random)), acknowledged, moment);
        checked += 1;
      }
    }
    assert.ok(checked > 100, `${checked} images`);
  });
});

async function checkImage(image: FaultDisk, acknowledged: readonly Acknowledged[], moment: number): Promise<void> {
  const driver = await embeddedDriver(image, { retention: () => ({ ageMs: 1e12, countMax: 1000 }) }).open();
  const newest = new Map<string, AppendOperation>();
  for (const { operation, events } of acknowledged) if (events <= moment) newest.set(operation.target, operation);
  for (const [user, operation] of newest) {
    const page = await driver.page(user, operation.seq - 1, 1, 1e6, WORKLOAD_APP);
    assert.equal(page.messages[0]?.messageId, operation.messageId, `moment ${moment}, ${user}`);
  }
  await driver.close();
}
