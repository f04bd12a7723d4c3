/** A logic as far as streams are concerned: a Redis store whose partitions' streams are consumed. */
import { BusCounters } from '../../src/bus/bus-counters.ts';
import { CopySender } from '../../src/bus/copy-sender.ts';
import type { StreamHost } from '../../src/bus/entry-handler.ts';
import { PartitionStreams } from '../../src/bus/partition-streams.ts';
import { encodePushEntry } from '../../src/bus/push-entry.ts';
import { StreamAppend } from '../../src/bus/stream-append.ts';
import { SystemClock } from '../../src/clock/clock.ts';
import type { AppId, Epoch, PartitionNumber, Uid } from '../../src/model/ids.ts';
import { partitionOf } from '../../src/model/partition.ts';
import type { RedisReply } from '../../src/store/redis/client.ts';
import { StoreKeys } from '../../src/store/redis/keys.ts';
import type { CopyItem } from '../../src/store/redis/lane-item.ts';
import type { OwnershipEvents } from '../../src/store/redis/ownership.ts';
import type { RedisAddress } from '../../src/store/redis/redis-client.ts';
import type { RedisStore } from '../../src/store/redis/redis-store.ts';
import type { RedisStoreOptions } from '../../src/store/redis/redis-store-options.ts';
import type { RoutingClient, RoutingOptions } from '../../src/store/redis/routing-client.ts';
import {
  type AppendOperation,
  type CommitSink,
  type Operation,
  OperationType,
  type StoredMessage,
} from '../../src/store/store.ts';
import { makeRedisClient, makeRedisStore } from './redis-maker.ts';
import { APP } from './store-driver.ts';
import { type TestLogger, testLogger } from './test-logger.ts';

const clock = new SystemClock();
export const PARTITIONS = 16;

export interface OwnerSettings {
  store?: Partial<RedisStoreOptions>;
  pollMs?: number;
  attemptsMax?: number;
  faultOf?: StreamHost['faultOf'];
  client?: Partial<RoutingOptions>;
  /** Reads no streams. */
  isPaused?: boolean;
}

export class BusOwner implements CommitSink, OwnershipEvents {
  readonly client: RoutingClient;
  readonly store: RedisStore;
  readonly streams: PartitionStreams;
  readonly keys: StoreKeys;
  readonly counters: BusCounters = new BusCounters();
  readonly log: TestLogger = testLogger();
  /** Appends that came through streams, as they were committed. */
  readonly pushes: AppendOperation[] = [];
  readonly sends: AppendOperation[] = [];
  readonly copies: StoredMessage[] = [];
  readonly #settings: OwnerSettings;
  readonly #copySender: CopySender;

  private constructor(servers: readonly RedisAddress[], settings: OwnerSettings) {
    this.#settings = settings;
    this.client = makeRedisClient(servers, settings.client);
    this.keys = new StoreKeys(settings.store?.keyPrefix);
    const { client, keys, log, counters } = this;
    const { pollMs = 1000, attemptsMax = 5 } = settings;
    const limits = { pollMs, attemptsMax, deadLettersMax: 100 };
    this.streams = new PartitionStreams({ ...limits, clock, client, keys, log, counters });
    this.#copySender = new CopySender({ clock, client, keys, counters });
    this.store = makeRedisStore(servers, { partitions: PARTITIONS, client, events: this, ...settings.store }).store;
  }

  static async start(servers: readonly { port: number }[], settings: OwnerSettings = {}): Promise<BusOwner> {
    const owner = new BusOwner(
      servers.map(({ port }) => ({ host: '127.0.0.1', port })),
      settings,
    );
    const { partitions } = await owner.store.open(owner);
    if (settings.isPaused !== true) owner.streams.start({ store: owner.store, partitions, host: owner.#host() });
    return owner;
  }

  async stop(): Promise<void> {
    this.streams.stop();
    this.#copySender.stop();
    await this.store.close();
  }

  /** Ends like a process that is killed: nothing is released. */
  kill(): void {
    this.streams.stop();
    this.#copySender.stop();
    this.client.close();
  }

  committed(batch: readonly Operation[]): void {
    for (const operation of batch) {
      if (operation instanceof StreamAppend) {
        this.pushes.push(operation);
        operation.context.committed(operation);
      } else if (operation.type === OperationType.Append) this.sends.push(operation);
    }
  }

  refused(operation: Operation): void {
    if (operation instanceof StreamAppend) operation.context.refused(operation);
  }

  failed(): void {}

  acquired(partition: PartitionNumber, ownerEpoch: number): void {
    this.streams.acquired(partition, ownerEpoch);
  }

  leaving(): void {}

  lost(partition: PartitionNumber): void {
    this.streams.lost(partition);
  }

  epochChanged(partition: PartitionNumber): void {
    this.streams.rewind(partition);
  }

  copyElsewhere(partition: PartitionNumber, item: CopyItem): boolean {
    return this.#copySender.copyElsewhere(partition, item);
  }

  partitionOf(uid: string): PartitionNumber {
    return partitionOf(APP, uid, PARTITIONS);
  }

  /** XADD, as any service would do it; answers the entry's id. */
  async add(to: string, id: string, fields: { from?: string; text?: string; app?: string } = {}): Promise<string> {
    const { from = 'shop', text = `text of ${id}`, app = APP } = fields;
    const strings = encodePushEntry({ app, to, from, clientMsgId: id, payload: Buffer.from(text) });
    return this.addRaw(this.partitionOf(to), strings);
  }

  async addRaw(partition: PartitionNumber, strings: readonly (string | Buffer)[]): Promise<string> {
    const key = this.keys.partition(partition).pushEntries;
    return String(await this.client.call(key, 'XADD', [key, '*', ...strings]));
  }

  /** Entries that are left in all streams of pushes and copies. */
  async entriesLeft(): Promise<number> {
    let sum = 0;
    for (let number = 0; number < PARTITIONS; number++) {
      const { pushEntries, copyEntries } = this.keys.partition(number as PartitionNumber);
      for (const key of [pushEntries, copyEntries]) sum += (await this.client.call(key, 'XLEN', [key])) as number;
    }
    return sum;
  }

  /** Names and values of the dead letters of a partition. */
  async deadLetters(partition: PartitionNumber): Promise<Record<string, string>[]> {
    const key = this.keys.partition(partition).deadLetters;
    const entries = (await this.client.call(key, 'XRANGE', [key, '-', '+'])) as [Buffer, RedisReply[]][];
    return entries.map(([, strings]) => {
      const pairs: [string, string][] = [];
      for (let i = 0; i < strings.length; i += 2) pairs.push([String(strings[i]), String(strings[i + 1])]);
      return Object.fromEntries(pairs);
    });
  }

  async ids(uid: string): Promise<string[]> {
    const page = await this.store.readTimeline(APP, uid as Uid, 0 as never, 1000, 10_000_000);
    return page.messages.map((message) => message.clientMsgId);
  }

  #host(): StreamHost {
    return {
      systemSender: 'system' as Uid,
      faultOf: this.#settings.faultOf ?? (() => 0),
      copied: (_app: AppId, _epoch: Epoch, message) => {
        this.copies.push(message);
      },
    };
  }
}
