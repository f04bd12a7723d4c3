/**
 * What the cache of a logic on Redis saves, and what it costs: the same operations without it and with it.
 *
 *   node dist/tools/redis-cache-bench.js [--users 2000] [--payload 100] [--backlog 30] [--outstanding 64]
 *
 * Each line is one kind of operation over all users: calls of scripts and commands in Redis for each, CPU in Redis and in
 * this process for each. A pull is what a device does: pages until one is empty.
 */
import { parseArgs } from 'node:util';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { SystemRandom } from '../src/clock/random.ts';
import type {
  AppId,
  ClientMsgId,
  DeviceId,
  DeviceType,
  Epoch,
  Generation,
  MessageId,
  Seq,
  Uid,
} from '../src/model/ids.ts';
import type { RedisAddress } from '../src/store/redis/redis-client.ts';
import { RedisStore } from '../src/store/redis/redis-store.ts';
import { RoutingClient } from '../src/store/redis/routing-client.ts';
import { STORE_SCRIPTS } from '../src/store/redis/scripts.ts';
import {
  type AppendOperation,
  AppendStatus,
  type CommitSink,
  LoginIntent,
  type LoginOperation,
  LoginStatus,
  MessageKind,
  NewDeviceStart,
  type Operation,
  OperationType,
  SessionPolicy,
} from '../src/store/store.ts';
import { redisCommands, redisSeconds, startBenchRedis } from './redis-bench-server.ts';

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '2000' },
    payload: { type: 'string', default: '100' },
    backlog: { type: 'string', default: '30' },
    outstanding: { type: 'string', default: '64' },
  },
});
const APP = 'bench' as AppId;
const PAGE_MESSAGES = 50;
const PAGE_BYTES = 262_144;
const DELIVERED = 5;
const clock = new SystemClock();
const users = Array.from({ length: Number(values.users) }, (_, i) => `user-${i}` as Uid);
const payload = Buffer.alloc(Number(values.payload), 'x');
const backlog = Number(values.backlog);
const outstanding = Number(values.outstanding);

/** Runs a bounded number of operations at a time and waits for all. */
class Runner implements CommitSink {
  #store: RedisStore | undefined;
  #waiting: Operation[] = [];
  #left = 0;
  #done: () => void = () => undefined;

  attach(store: RedisStore): void {
    this.#store = store;
  }

  submitAll(operations: Operation[]): Promise<void> {
    this.#waiting = operations.toReversed();
    this.#left = operations.length;
    return new Promise((resolve) => {
      this.#done = resolve;
      for (let i = 0; i < outstanding; i++) this.#next();
    });
  }

  committed(batch: readonly Operation[]): void {
    for (let i = 0; i < batch.length; i++) this.#next();
    this.#left -= batch.length;
    if (this.#left === 0) this.#done();
  }

  refused(): void {
    throw new Error('an operation was refused');
  }

  failed(error: Error): void {
    throw error;
  }

  #next(): void {
    const operation = this.#waiting.pop();
    if (operation !== undefined) this.#store!.submit(operation);
  }
}

function appendTo(target: Uid, number: number): AppendOperation {
  return {
    type: OperationType.Append,
    app: APP,
    target,
    sender: 'sender-1' as Uid,
    senderDevice: 'device-0001' as DeviceId,
    kind: MessageKind.ClientToClient,
    clientMsgId: `01J9Z3${number.toString(36).padStart(10, '0')}` as ClientMsgId,
    payload,
    copyToSender: false,
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

function loginOf(uid: Uid, deviceType: string): LoginOperation {
  return {
    type: OperationType.Login,
    app: APP,
    uid,
    deviceType: deviceType as DeviceType,
    deviceId: `${deviceType}-1` as DeviceId,
    intent: LoginIntent.Fresh,
    lastGeneration: 0 as Generation,
    issuedAtMs: clock.wallMs(),
    ticket: undefined,
    nextTicket: undefined,
    ticketLifetimeMs: 86_400_000,
    sessionExpiresAtS: 0,
    policy: SessionPolicy.OnePerType,
    newDeviceStart: NewDeviceStart.Floor,
    context: undefined,
    status: LoginStatus.Current,
    generation: 0 as Generation,
    displaced: [],
    epoch: 0 as Epoch,
    head: 0 as Seq,
    floor: 0 as Seq,
    cursor: 0 as Seq,
  };
}

async function forAllUsers(work: (uid: Uid) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < users.length) await work(users[next++]!);
  };
  await Promise.all(Array.from({ length: outstanding }, worker));
}

async function pull(store: RedisStore, uid: Uid, after: number, expected: number): Promise<void> {
  let count = 0;
  for (let seq = after as Seq; ; ) {
    const { messages } = await store.readTimeline(APP, uid, seq, PAGE_MESSAGES, PAGE_BYTES);
    const last = messages.at(-1);
    if (last === undefined) break;
    count += messages.length;
    seq = last.seq;
  }
  if (count !== expected) throw new Error(`${uid} has pulled ${count} messages instead of ${expected}`);
}

async function measured(
  client: RoutingClient,
  name: string,
  operations: number,
  work: () => Promise<void>,
): Promise<void> {
  const before = { ...(await redisCommands(client)), seconds: await redisSeconds(client) };
  const cpu = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  const after = { ...(await redisCommands(client)), seconds: await redisSeconds(client) };
  const per = (value: number, digits: number): string => (value / operations).toFixed(digits).padStart(8);
  print(
    `${name.padEnd(34)}${per(after.scripts - before.scripts, 2)} calls${per(after.commands - before.commands, 1)} commands` +
      `${per((after.seconds - before.seconds) * 1e6, 1)} us in Redis${per(user + system, 1)} us here`,
  );
}

async function measureAll(address: RedisAddress, cacheUsersMax: number): Promise<void> {
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
  const store = new RedisStore({
    client,
    clock,
    random: new SystemRandom(),
    retention,
    allowVolatile: true,
    cacheUsersMax,
  });
  const runner = new Runner();
  runner.attach(store);
  await client.connect();
  await client.servers()[0]!.call('FLUSHALL', []);
  await store.open(runner);
  print(cacheUsersMax === 0 ? 'without a cache' : '\nwith a cache');
  let number = 0;
  const appends = (count: number): Operation[] =>
    Array.from({ length: count }, () => users.map((uid) => appendTo(uid, number++))).flat();
  const count = users.length;
  const steps: [name: string, operations: number, work: () => Promise<void>][] = [
    ['SEND to users never seen', count * backlog, () => runner.submitAll(appends(backlog))],
    ['login', count, () => runner.submitAll(users.map((uid) => loginOf(uid, 'phone')))],
    ['pull of the backlog, first device', count, () => forAllUsers((uid) => pull(store, uid, 0, backlog))],
    ['login of a second device', count, () => runner.submitAll(users.map((uid) => loginOf(uid, 'tablet')))],
    ['pull of the backlog, second device', count, () => forAllUsers((uid) => pull(store, uid, 0, backlog))],
    ['SEND to users who are logged in', count * DELIVERED, () => runner.submitAll(appends(DELIVERED))],
    ['pull of what was just delivered', count, () => forAllUsers((uid) => pull(store, uid, backlog, DELIVERED))],
    ['registration', count, () => forAllUsers((uid) => store.readUser(APP, uid))],
  ];
  for (const [name, operations, work] of steps) await measured(client, name, operations, work);
  const { timelineHits, timelineMisses, userHits, userMisses } = store.cache.counters;
  const { users: known, messageBytes } = store.cache;
  print(
    `hits ${timelineHits} + ${userHits}, misses ${timelineMisses} + ${userMisses}, ${known} users, ${messageBytes} bytes`,
  );
  await store.close();
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<void> {
  const own = await startBenchRedis(clock, 'everysec');
  try {
    // The first round warms the engine up.
    for (const cacheUsersMax of [0, 0, 65_536]) {
      await measureAll(own.address, cacheUsersMax);
      await delay(clock, 100);
    }
  } finally {
    await own.stop();
  }
}

await main();
