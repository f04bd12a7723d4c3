/**
 * Finds the server of a key: always the same one, or the primary of the key's slot in a Redis Cluster.
 *
 *   key ─► slot ─► primary ─► RedisConnection        MOVED, READONLY or a lost connection ─► ask for the slots again
 *
 * Redirections are not followed on the spot: the caller repeats its call, which is safe for all of ours, and the write
 * stays on the connection on which WAIT then counts the replicas.
 */
import type { Clock, TimerHandle } from '../../clock/clock.ts';
import { delay } from '../../clock/clock.ts';
import {
  CallOutcome,
  type RedisArgument,
  RedisCallError,
  type RedisClient,
  type RedisReply,
  type RedisScript,
  type RedisServer,
  type ScriptAnswer,
} from './client.ts';
import { keySlot, SLOTS } from './key-slot.ts';
import { type KeysChanged, KeyWatches } from './key-watch.ts';
import { addressText, type ConnectionOptions, type RedisAddress, RedisConnection } from './redis-client.ts';

export interface RoutingOptions extends ConnectionOptions {
  /** Of a cluster: some of its members, whichever answers first. Of a single server: that one. */
  readonly servers: readonly RedisAddress[];
  readonly cluster: boolean;
  readonly openTimeoutMs: number;
}

/** Between two questions for the slots, so that a failing cluster is not asked in a loop. */
const REFRESH_PAUSE_MS = 100;
/** Slots are asked for again after so long without a reason. */
const REFRESH_MS = 15_000;

export class RoutingClient implements RedisClient {
  readonly replicasWanted: number;
  readonly joinsTags: boolean;
  readonly #options: RoutingOptions;
  readonly #clock: Clock;
  readonly #connections = new Map<string, RedisConnection>();
  /** Addresses of primaries by slot; a single server has one for all. */
  readonly #primaries: (string | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #seeds: string[];
  #isRefreshing = false;
  #refreshAgain = false;
  #timer: TimerHandle;
  #isClosed = false;
  #watches: KeyWatches | undefined;
  /** Slot of a key's hash tag, kept because a partition asks for the same one for ever. */
  readonly #slots = new Map<string, number>();

  constructor(options: RoutingOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.replicasWanted = options.replicas;
    this.joinsTags = !options.cluster;
    this.#seeds = options.servers.map(addressText);
  }

  async connect(): Promise<void> {
    for (const server of this.#options.servers) this.#connect(server);
    if (!this.#options.cluster) this.#primaries.fill(this.#seeds[0]!);
    else this.#refreshLater();
    const deadlineMs = this.#clock.monotonicMs() + this.#options.openTimeoutMs;
    while (!this.#isComplete()) {
      if (this.#clock.monotonicMs() > deadlineMs) {
        throw new RedisCallError(CallOutcome.NotWritten, `Redis does not answer at ${this.#seeds.join(', ')}`);
      }
      await delay(this.#clock, 5);
    }
    this.#watchServers();
  }

  servers(): readonly RedisConnection[] {
    const names = this.#options.cluster ? new Set(this.#primaries) : new Set(this.#seeds.slice(0, 1));
    return [...names].flatMap((name) => this.#connections.get(name ?? '') ?? []);
  }

  serverOf(key: string): RedisServer | undefined {
    const connection = this.#find(key);
    return connection?.isReady === true ? connection : undefined;
  }

  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    confirm = false,
  ): Promise<ScriptAnswer> {
    try {
      return await this.#ready(keys[0]!).run(script, keys, args, confirm);
    } catch (error) {
      this.#refreshLater();
      throw error;
    }
  }

  async call(key: string, name: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    try {
      return await this.#ready(key).call(name, args);
    } catch (error) {
      this.#refreshLater();
      throw error;
    }
  }

  watch(prefix: string, changed: KeysChanged): void {
    this.#watches?.follow([]);
    this.#watches = new KeyWatches(this.#options, prefix, changed);
    this.#watchServers();
  }

  close(): void {
    this.#isClosed = true;
    this.#watches?.follow([]);
    this.#clock.clearTimer(this.#timer);
    for (const connection of this.#connections.values()) connection.close();
  }

  #ready(key: string): RedisConnection {
    const connection = this.#find(key);
    if (connection?.isReady !== true) throw new RedisCallError(CallOutcome.NotWritten, `no connection for ${key}`);
    return connection;
  }

  #find(key: string): RedisConnection | undefined {
    if (!this.#options.cluster) return this.#connections.get(this.#seeds[0]!);
    const tag = key.slice(0, key.indexOf('}') + 1);
    let slot = this.#slots.get(tag);
    if (slot === undefined) {
      slot = keySlot(key);
      if (tag !== '') this.#slots.set(tag, slot);
    }
    return this.#connections.get(this.#primaries[slot] ?? '');
  }

  #connect(server: RedisAddress): void {
    const name = addressText(server);
    if (this.#connections.has(name) || this.#isClosed) return;
    const changed = (connection: RedisConnection): void => {
      if (!connection.isReady) this.#refreshLater();
    };
    this.#connections.set(name, new RedisConnection(server, this.#options, changed));
  }

  #isComplete(): boolean {
    if (!this.#options.cluster) return this.#connections.get(this.#seeds[0]!)?.isReady === true;
    return !this.#primaries.includes(undefined) && this.servers().every((server) => server.isReady);
  }

  #watchServers(): void {
    if (!this.#isClosed) this.#watches?.follow(this.servers().map(({ server }) => server));
  }

  #refreshLater(): void {
    if (!this.#options.cluster || this.#isClosed) return;
    this.#refreshAgain = true;
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    this.#clock.clearTimer(this.#timer);
    this.#refresh().catch(() => undefined);
  }

  async #refresh(): Promise<void> {
    while (this.#refreshAgain && !this.#isClosed) {
      this.#refreshAgain = false;
      const asked = [...this.#connections.values()].filter((connection) => connection.isReady);
      const slots = await Promise.any(asked.map((connection) => connection.call('CLUSTER', ['SLOTS']))).catch(() => []);
      this.#take(slots as RedisReply[]);
      if (!this.#isComplete()) this.#refreshAgain = true;
      await delay(this.#clock, REFRESH_PAUSE_MS);
    }
    this.#isRefreshing = false;
    this.#timer = this.#clock.setTimer(() => this.#refreshLater(), REFRESH_MS);
  }

  #take(ranges: RedisReply[]): void {
    if (ranges.length === 0) return;
    const named = new Set(this.#seeds);
    for (const range of ranges as [number, number, ...[Buffer, number][]][]) {
      const [from, to, ...members] = range;
      for (const [host, port] of members) {
        const server = { host: String(host), port };
        named.add(addressText(server));
        this.#connect(server);
      }
      const [host, port] = members[0]!;
      this.#primaries.fill(addressText({ host: String(host), port }), from, to + 1);
    }
    for (const [name, connection] of this.#connections) {
      if (named.has(name)) continue;
      connection.close();
      this.#connections.delete(name);
    }
    this.#watchServers();
  }
}
