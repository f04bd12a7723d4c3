/**
 * Measures the Redis store against a server of its own, or a running one.
 *
 *   node dist/tools/redis-store-bench.js [--outstanding 1,64,1024,8192] [--seconds 3] [--users 500] [--payload 100] [--copy]
 *                                        [--partitions 64] [--fsync always|everysec] [--server HOST:PORT]
 *
 * Closed loop: so many appends are outstanding at any time. CPU an append is this process's and, beside it, what Redis says
 * it used (INFO cpu, all of its threads). Give `--server` a server that nobody else uses: everything there is flushed.
 */
import { parseArgs } from 'node:util';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { SystemRandom } from '../src/clock/random.ts';
import type { AppId, ClientMsgId, DeviceId, Epoch, MessageId, Seq, Uid } from '../src/model/ids.ts';
import type { RedisAddress } from '../src/store/redis/redis-client.ts';
import { RedisStore } from '../src/store/redis/redis-store.ts';
import { RoutingClient } from '../src/store/redis/routing-client.ts';
import { STORE_SCRIPTS } from '../src/store/redis/scripts.ts';
import { type AppendOperation, AppendStatus, type CommitSink, MessageKind, OperationType } from '../src/store/store.ts';
import { redisSeconds, startBenchRedis } from './redis-bench-server.ts';

const { values } = parseArgs({
  options: {
    outstanding: { type: 'string', default: '1,64,1024,8192' },
    seconds: { type: 'string', default: '3' },
    users: { type: 'string', default: '500' },
    payload: { type: 'string', default: '100' },
    copy: { type: 'boolean', default: false },
    partitions: { type: 'string', default: '64' },
    fsync: { type: 'string', default: 'always' },
    server: { type: 'string' },
  },
});
const WARM_UP_MS = 500;
const clock = new SystemClock();
const users = Array.from({ length: Number(values.users) }, (_, i) => `user-${i}` as Uid);
const payload = Buffer.alloc(Number(values.payload), 'x');

function newAppend(number: number): AppendOperation {
  return {
    type: OperationType.Append,
    app: 'bench' as AppId,
    target: users[number % users.length]!,
    sender: users[(number * 7 + 1) % users.length]!,
    senderDevice: 'device-0001' as DeviceId,
    kind: MessageKind.ClientToClient,
    clientMsgId: `01J9Z3${number.toString(36).padStart(10, '0')}` as ClientMsgId,
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

async function measure(outstanding: number, address: RedisAddress): Promise<void> {
  const client = new RoutingClient({
    servers: [address],
    cluster: false,
    clock,
    scripts: STORE_SCRIPTS,
    commandTimeoutMs: 5000,
    connectTimeoutMs: 5000,
    openTimeoutMs: 5000,
    replicas: 0,
    replicaTimeoutMs: 100,
  });
  const retention = () => ({ ageMs: 30 * 24 * 3_600_000, countMax: 10_000 });
  const partitions = Number(values.partitions);
  const store = new RedisStore({
    client,
    clock,
    random: new SystemRandom(),
    retention,
    partitions,
    allowVolatile: true,
  });
  let sent = 0;
  let done = 0;
  let isRunning = true;
  const sink: CommitSink = {
    committed(batch) {
      done += batch.length;
      if (isRunning) for (let i = 0; i < batch.length; i++) store.submit(newAppend(sent++));
    },
    refused() {
      throw new Error('an append was refused');
    },
    failed(error) {
      throw error;
    },
  };
  await client.connect();
  await client.servers()[0]!.call('FLUSHALL', []);
  await store.open(sink);
  while (sent < outstanding) store.submit(newAppend(sent++));
  await delay(clock, WARM_UP_MS);
  const redisFrom = await redisSeconds(client);
  const { calls, operations } = store.counters;
  const from = { done, cpu: process.cpuUsage(), at: clock.monotonicMs() };
  await delay(clock, Number(values.seconds) * 1000);
  const cpu = process.cpuUsage(from.cpu);
  const count = done - from.done;
  const seconds = (clock.monotonicMs() - from.at) / 1000;
  const perCall = (store.counters.operations - operations) / (store.counters.calls - calls);
  const redis = ((await redisSeconds(client)) - redisFrom) * 1e6;
  isRunning = false;
  await store.close();
  print(
    `fsync ${values.fsync}, ${outstanding} outstanding: ${Math.round(count / seconds)} appends/s, ` +
      `${((cpu.user + cpu.system) / count).toFixed(1)} us CPU an append here, ${(redis / count).toFixed(1)} us in Redis, ` +
      `${perCall.toFixed(1)} operations a call`,
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<void> {
  const [host = '', port = ''] = values.server?.split(':') ?? [];
  const own = values.server === undefined ? await startBenchRedis(clock, values.fsync) : undefined;
  try {
    for (const outstanding of values.outstanding.split(',')) {
      await measure(Number(outstanding), own?.address ?? { host, port: Number(port) });
    }
  } finally {
    await own?.stop();
  }
}

await main();
