/**
 * Measures the embedded store on a real directory.
 *
 *   node dist/tools/store-bench.js [--level disk,os,memory] [--concurrency 1,64,1024] [--seconds 3] [--users 500]
 *                                  [--payload 100] [--copy] [--directory DIR] [--sync-ms 0,5] [--rate 100000] [--rounds 1]
 *
 * Closed loop: `concurrency` appends are outstanding at any time. With `--rate` open loop instead: so many appends a
 * second, each with the time at which it was meant to be sent. `--sync-ms` makes every fsync last so long at least. CPU is this process's, fsync threads included, per
 * acknowledged append. Levels, sync times and concurrencies are combined; with several rounds, which take turns so that
 * the machine's moods meet all of them, the best of each is printed at the end, with its share of the first. After each run the store is opened again and the time per GB of log is printed.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { SystemRandom } from '../src/clock/random.ts';
import { type Durability, type DurabilityName, durabilityLevel } from '../src/model/durability.ts';
import type { AppId, ClientMsgId, DeviceId, Epoch, MessageId, Seq, Uid } from '../src/model/ids.ts';
import { EmbeddedStore } from '../src/store/embedded/embedded-store.ts';
import { NodeDisk } from '../src/store/embedded/node-disk.ts';
import {
  type AppendOperation,
  AppendStatus,
  type CommitSink,
  MessageKind,
  type Operation,
  OperationType,
} from '../src/store/store.ts';
import { slowDisk } from './chaos/slow-disk.ts';

const { values } = parseArgs({
  options: {
    level: { type: 'string', default: 'disk' },
    concurrency: { type: 'string', default: '1,64,1024,8192' },
    seconds: { type: 'string', default: '3' },
    users: { type: 'string', default: '500' },
    payload: { type: 'string', default: '100' },
    copy: { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
    'sync-ms': { type: 'string', default: '0' },
    rate: { type: 'string', default: '0' },
    rounds: { type: 'string', default: '1' },
  },
});
const rounds = Number(values.rounds);

interface Case {
  level: DurabilityName;
  /** How long each fsync lasts at least. */
  syncMs: number;
  concurrency: number;
}

interface Result {
  appendsPerSecond: number;
  p99Ms: number;
}

const rate = Number(values.rate);
const clock = new SystemClock();
const random = new SystemRandom();
const users = Array.from({ length: Number(values.users) }, (_, i) => `user-${i}` as Uid);
const payload = Buffer.alloc(Number(values.payload), 'x');
const WARM_UP_MS = 500;
const runPrefix = Buffer.from(random.bytes(6)).toString('hex');

function newStore(directory: string, durability: Durability, syncMs: number): EmbeddedStore {
  const retention = () => ({ ageMs: 30 * 24 * 3_600_000, countMax: 1_000_000 });
  const disk = syncMs > 0 ? slowDisk(new NodeDisk(directory), clock, syncMs) : new NodeDisk(directory);
  return new EmbeddedStore({ disk, clock, random, durability, retention });
}

function newAppend(number: number, context: unknown): AppendOperation {
  return {
    type: OperationType.Append,
    app: 'bench' as AppId,
    target: users[number % users.length]!,
    sender: users[(number * 7 + 1) % users.length]!,
    senderDevice: 'device-0001' as DeviceId,
    kind: MessageKind.ClientToClient,
    clientMsgId: `${runPrefix}-${number}` as ClientMsgId,
    payload,
    copyToSender: values.copy,
    context,
    status: AppendStatus.Stored,
    messageId: 0 as MessageId,
    timeMs: 0,
    seq: 0 as Seq,
    epoch: 0 as Epoch,
    senderSeq: 0 as Seq,
    senderEpoch: 0 as Epoch,
  };
}

class Meter implements CommitSink {
  done = 0;
  commits = 0;
  refusals = 0;
  onBatch: (count: number) => void = () => undefined;
  /** Milliseconds from the intended time of sending to the report; open loop only. */
  readonly latencies: number[] = [];

  committed(batch: readonly Operation[]): void {
    this.done += batch.length;
    this.commits += 1;
    if (rate > 0) {
      const now = clock.monotonicMs();
      for (const { context } of batch) this.latencies.push(now - (context as number));
    }
    this.onBatch(batch.length);
  }

  /** Too fast for this machine: only an open loop can be. */
  refused(): void {
    this.refusals += 1;
  }

  failed(error: Error): void {
    throw error;
  }
}

/** Keeps `concurrency` appends outstanding, or sends `rate` a second, until the answered function is called. */
function startLoad(store: EmbeddedStore, meter: Meter, concurrency: number): () => void {
  let sent = 0;
  let isRunning = true;
  const send = (count: number, context?: number): void => {
    for (let i = 0; i < count; i++) store.submit(newAppend(sent++, context));
  };
  if (rate === 0) {
    meter.onBatch = (count) => {
      if (isRunning) send(count);
    };
    send(concurrency);
  } else {
    const startMs = clock.monotonicMs();
    const tick = (): void => {
      if (!isRunning) return;
      const due = Math.floor(((clock.monotonicMs() - startMs) / 1000) * rate);
      while (sent < due) send(1, startMs + (sent / rate) * 1000);
      clock.setTimer(tick, 1);
    };
    tick();
  }
  return () => {
    isRunning = false;
  };
}

async function measure({ level, syncMs, concurrency }: Case): Promise<Result> {
  const directory = mkdtempSync(join(values.directory, 'sluice-store-bench-'));
  try {
    const store = newStore(directory, durabilityLevel(level), syncMs);
    const meter = new Meter();
    await store.open(meter);
    const stopLoad = startLoad(store, meter, concurrency);
    await delay(clock, WARM_UP_MS);
    meter.latencies.length = 0;
    meter.refusals = 0;
    const from = { done: meter.done, commits: meter.commits, cpu: process.cpuUsage(), at: clock.monotonicMs() };
    await delay(clock, Number(values.seconds) * 1000);
    const cpu = process.cpuUsage(from.cpu);
    const count = meter.done - from.done;
    const commits = meter.commits - from.commits;
    const seconds = (clock.monotonicMs() - from.at) / 1000;
    const latencies = Float64Array.from(meter.latencies).sort();
    stopLoad();
    await store.close();
    const recovery = rounds === 1 ? `; ${await measureRecovery(directory)}` : '';
    print(
      `${nameOf({ level, syncMs, concurrency })}: ${Math.round(count / seconds)} appends/s, ` +
        `${((cpu.user + cpu.system) / count).toFixed(2)} us CPU an append (${(cpu.user / count).toFixed(2)} user), ` +
        `${(count / commits).toFixed(0)} a report${describeLatency(latencies)}${meter.refusals > 0 ? `, ${meter.refusals} refused` : ''}${recovery}`,
    );
    return { appendsPerSecond: count / seconds, p99Ms: percentile(latencies, 0.99) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function nameOf({ level, syncMs, concurrency }: Case): string {
  const load = rate > 0 ? `${rate}/s` : `concurrency ${concurrency}`;
  return `level ${level}, ${syncMs > 0 ? `fsync ${syncMs} ms, ` : ''}${load}`;
}

function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
}

function describeLatency(sorted: Float64Array): string {
  if (sorted.length === 0) return '';
  const [p50, p99, max] = [0.5, 0.99, 1].map((part) => percentile(sorted, part).toFixed(1));
  return `, latency p50 ${p50} ms p99 ${p99} ms max ${max} ms`;
}

async function measureRecovery(directory: string): Promise<string> {
  const log = join(directory, 'log');
  const bytes = readdirSync(log).reduce((sum, name) => sum + statSync(join(log, name)).size, 0);
  const store = newStore(directory, durabilityLevel('os'), 0);
  const from = clock.monotonicMs();
  await store.open({ committed: () => undefined, refused: () => undefined, failed: () => undefined });
  const seconds = (clock.monotonicMs() - from) / 1000;
  await store.close();
  const perGigabyte = (seconds * 2 ** 30) / bytes;
  return `opens ${Math.round(bytes / 2 ** 20)} MiB in ${seconds.toFixed(2)} s (${perGigabyte.toFixed(1)} s/GiB), RSS ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const cases: Case[] = values.level.split(',').flatMap((level) =>
  values['sync-ms']
    .split(',')
    .map(Number)
    .flatMap((syncMs) =>
      values.concurrency
        .split(',')
        .map(Number)
        .map((concurrency) => ({ level: level as DurabilityName, syncMs, concurrency })),
    ),
);
const best = new Map<Case, Result>();
for (let round = 0; round < rounds; round++) {
  for (const each of cases) {
    const result = await measure(each);
    const before = best.get(each);
    if (before === undefined || result.appendsPerSecond > before.appendsPerSecond) best.set(each, result);
  }
}
const reference = best.get(cases[0]!)!.appendsPerSecond;
for (const [each, { appendsPerSecond, p99Ms }] of rounds > 1 ? best : []) {
  const share = `${((100 * appendsPerSecond) / reference).toFixed(0)} % of the first`;
  print(
    `best: ${nameOf(each)}: ${Math.round(appendsPerSecond)} appends/s, ${share}${p99Ms > 0 ? `, p99 ${p99Ms.toFixed(1)} ms` : ''}`,
  );
}
