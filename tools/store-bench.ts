/**
 * Measures the embedded store on a real directory.
 *
 *   node dist/tools/store-bench.js [--level disk|os|memory] [--concurrency 1,64,1024] [--seconds 3] [--users 500]
 *                                  [--payload 100] [--copy] [--directory DIR] [--sync-ms 5] [--rate 100000]
 *
 * Closed loop: `concurrency` appends are outstanding at any time. With `--rate` open loop instead: so many appends a
 * second, each with the time at which it was meant to be sent. `--sync-ms` makes every fsync last so long at least. CPU is this process's, fsync threads included, per
 * acknowledged append. After each run the store is opened again and the time per GB of log is printed.
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
  },
});
const syncMs = Number(values['sync-ms']);
const rate = Number(values.rate);
const clock = new SystemClock();
const random = new SystemRandom();
const users = Array.from({ length: Number(values.users) }, (_, i) => `user-${i}` as Uid);
const payload = Buffer.alloc(Number(values.payload), 'x');
const WARM_UP_MS = 500;
const runPrefix = Buffer.from(random.bytes(6)).toString('hex');

function newStore(directory: string, durability: Durability): EmbeddedStore {
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

  refused(): void {
    throw new Error('an append was refused');
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

async function measure(concurrency: number): Promise<void> {
  const directory = mkdtempSync(join(values.directory, 'sluice-store-bench-'));
  try {
    const store = newStore(directory, durabilityLevel(values.level as DurabilityName));
    const meter = new Meter();
    await store.open(meter);
    const stopLoad = startLoad(store, meter, concurrency);
    await delay(clock, WARM_UP_MS);
    meter.latencies.length = 0;
    const from = { done: meter.done, commits: meter.commits, cpu: process.cpuUsage(), at: clock.monotonicMs() };
    await delay(clock, Number(values.seconds) * 1000);
    const cpu = process.cpuUsage(from.cpu);
    const count = meter.done - from.done;
    const commits = meter.commits - from.commits;
    const seconds = (clock.monotonicMs() - from.at) / 1000;
    const latency = describeLatency(meter.latencies);
    stopLoad();
    await store.close();
    const recovery = await measureRecovery(directory);
    print(
      `level ${values.level}, ${rate > 0 ? `${rate}/s` : `concurrency ${concurrency}`}: ${Math.round(count / seconds)} appends/s, ` +
        `${((cpu.user + cpu.system) / count).toFixed(2)} us CPU an append (${(cpu.user / count).toFixed(2)} user), ` +
        `${(count / commits).toFixed(0)} a report${latency}; ${recovery}`,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function describeLatency(latencies: number[]): string {
  if (latencies.length === 0) return '';
  const sorted = Float64Array.from(latencies).sort();
  const at = (part: number): string => sorted[Math.floor((sorted.length - 1) * part)]!.toFixed(1);
  return `, latency p50 ${at(0.5)} ms p99 ${at(0.99)} ms max ${at(1)} ms`;
}

async function measureRecovery(directory: string): Promise<string> {
  const log = join(directory, 'log');
  const bytes = readdirSync(log).reduce((sum, name) => sum + statSync(join(log, name)).size, 0);
  const store = newStore(directory, durabilityLevel('os'));
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

for (const concurrency of values.concurrency.split(',')) await measure(Number(concurrency));
