/**
 * Measures the embedded store on a real directory.
 *
 *   node dist/tools/store-bench.js [--level disk|os|memory] [--concurrency 1,64,1024] [--seconds 3] [--users 500]
 *                                  [--payload 100] [--copy] [--directory DIR]
 *
 * Closed loop: `concurrency` appends are outstanding at any time. CPU is this process's, fsync threads included, per
 * acknowledged append. After each run the store is opened again and the time per GB of log is printed.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SystemClock } from '../src/clock/clock.ts';
import { SystemRandom } from '../src/clock/random.ts';
import { type Durability, type DurabilityName, durabilityLevel } from '../src/model/durability.ts';
import type { AppId, ClientMsgId, DeviceId, Epoch, MessageId, Seq, Uid } from '../src/model/ids.ts';
import { EmbeddedStore } from '../src/store/embedded/embedded-store.ts';
import { NodeDisk } from '../src/store/embedded/node-disk.ts';
import { type AppendOperation, AppendStatus, type CommitSink, MessageKind, OperationType } from '../src/store/store.ts';

const { values } = parseArgs({
  options: {
    level: { type: 'string', default: 'disk' },
    concurrency: { type: 'string', default: '1,64,1024,8192' },
    seconds: { type: 'string', default: '3' },
    users: { type: 'string', default: '500' },
    payload: { type: 'string', default: '100' },
    copy: { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
  },
});
const clock = new SystemClock();
const random = new SystemRandom();
const users = Array.from({ length: Number(values.users) }, (_, i) => `user-${i}` as Uid);
const payload = Buffer.alloc(Number(values.payload), 'x');
const runPrefix = Buffer.from(random.bytes(6)).toString('hex');

function newStore(directory: string, durability: Durability): EmbeddedStore {
  const retention = () => ({ ageMs: 30 * 24 * 3_600_000, countMax: 1_000_000 });
  return new EmbeddedStore({ disk: new NodeDisk(directory), clock, random, durability, retention });
}

function newAppend(number: number): AppendOperation {
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
    context: undefined,
    status: AppendStatus.Stored,
    messageId: 0 as MessageId,
    timeMs: 0,
    seq: 0 as Seq,
    epoch: 0 as Epoch,
    senderSeq: 0 as Seq,
    senderEpoch: 0 as Epoch,
  };
}

async function measure(concurrency: number): Promise<void> {
  const directory = mkdtempSync(join(values.directory, 'sluice-store-bench-'));
  try {
    const store = newStore(directory, durabilityLevel(values.level as DurabilityName));
    let sent = 0;
    let done = 0;
    let commits = 0;
    let isRunning = true;
    const sink: CommitSink = {
      committed(batch) {
        done += batch.length;
        commits += 1;
        if (isRunning) for (let i = 0; i < batch.length; i++) store.submit(newAppend(sent++));
      },
      refused() {
        throw new Error('an append was refused');
      },
      failed(error) {
        throw error;
      },
    };
    await store.open(sink);
    while (sent < concurrency) store.submit(newAppend(sent++));
    await wait(500);
    const from = { done, commits, cpu: process.cpuUsage(), at: clock.monotonicMs() };
    await wait(Number(values.seconds) * 1000);
    const cpu = process.cpuUsage(from.cpu);
    const count = done - from.done;
    const seconds = (clock.monotonicMs() - from.at) / 1000;
    isRunning = false;
    await store.close();
    const recovery = await measureRecovery(directory);
    print(
      `level ${values.level}, concurrency ${concurrency}: ${Math.round(count / seconds)} appends/s, ` +
        `${((cpu.user + cpu.system) / count).toFixed(2)} us CPU an append (${(cpu.user / count).toFixed(2)} user), ` +
        `${(count / (commits - from.commits)).toFixed(0)} a commit; ${recovery}`,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
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

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(() => resolve(), ms);
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

for (const concurrency of values.concurrency.split(',')) await measure(Number(concurrency));
