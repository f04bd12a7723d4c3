/**
 * One connection to one Redis server. What ioredis must not do here:
 *
 *   no automatic resend      a call that broke off is reported as unknown; the lane repeats it under the same number
 *   no offline queue         what cannot be sent is said at once; waiting work lies in the lanes, where it is bounded
 *   a time-out on every call and then a new connection: whatever else was under way is unknown too
 *
 * Scripts are loaded before the connection counts as ready, so EVALSHA finds them unless somebody flushed them.
 */
import { Command, Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../../clock/clock.ts';
import {
  CallOutcome,
  type RedisArgument,
  RedisCallError,
  type RedisReply,
  type RedisScript,
  type RedisServer,
  type ScriptAnswer,
} from './client.ts';
import { ScriptCallWriter } from './script-call.ts';
import { restoreFastStrings } from './string-methods.ts';

restoreFastStrings();

export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
  /** Encrypts, and checks the server's certificate against the system's authorities. */
  readonly tls?: boolean;
}

export interface ConnectionOptions extends RedisLogin {
  readonly clock: Clock;
  /** Loaded on every connection before it is used. */
  readonly scripts: readonly RedisScript[];
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** How many replicas to wait for; 0 for none. */
  readonly replicas: number;
  readonly replicaTimeoutMs: number;
}

interface Confirmation {
  resolve(replicas: number): void;
  reject(error: RedisCallError): void;
}

export type RedisAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export function addressText(address: RedisAddress): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}

const RECONNECT_MS_MAX = 200;
const NOT_SENT = /isn't writeable|Connection is closed/;
const REFUSALS = /^(OOM|MISCONF|NOREPLICAS)\b/;
const LATER = /^(LOADING|CLUSTERDOWN|TRYAGAIN|BUSY|READONLY|MASTERDOWN|MOVED|ASK|NOSCRIPT)\b/;

/** A script call that is encoded already. */
class EncodedCommand extends Command {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    super('evalsha', [], { replyEncoding: null });
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

export class RedisConnection implements RedisServer {
  readonly address: string;
  readonly server: RedisAddress;
  runId = '';
  isReady = false;
  readonly #redis: Redis;
  readonly #options: ConnectionOptions;
  readonly #changed: (connection: RedisConnection) => void;
  readonly #writer = new ScriptCallWriter();
  #confirmations: Confirmation[] = [];
  #isGathering = false;

  /** `changed` is called when the connection becomes usable, and when it stops being so. */
  constructor(server: RedisAddress, options: ConnectionOptions, changed: (connection: RedisConnection) => void) {
    this.address = addressText(server);
    this.server = server;
    this.#options = options;
    this.#changed = changed;
    this.#redis = new Redis(ioredisOptions(server, options));
    this.#redis.on('error', () => undefined);
    this.#redis.on('ready', () => this.#prepare());
    this.#redis.on('close', () => this.#lost());
  }

  async call(name: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    try {
      return (await this.#redis.callBuffer(name, [...args])) as RedisReply;
    } catch (error) {
      throw this.#judge(error as Error);
    }
  }

  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    confirm: boolean,
  ): Promise<ScriptAnswer> {
    if (!this.isReady) throw new RedisCallError(CallOutcome.NotWritten, `no connection to ${this.address}`);
    const sent = this.#send(this.#writer.write(script, keys, args));
    if (!confirm || this.#options.replicas === 0) return { reply: await sent, replicas: 0 };
    const [reply, replicas] = await Promise.all([sent, this.#confirmed()]);
    return { reply, replicas };
  }

  async #send(bytes: Buffer): Promise<RedisReply> {
    this.#gather();
    try {
      return (await this.#redis.sendCommand(new EncodedCommand(bytes))) as RedisReply;
    } catch (error) {
      throw this.#judge(error as Error);
    }
  }

  /** Calls that are made in a row leave in one write. */
  #gather(): void {
    if (this.#isGathering) return;
    const { stream } = this.#redis;
    this.#isGathering = true;
    stream.cork();
    queueMicrotask(() => {
      this.#isGathering = false;
      stream.uncork();
    });
  }

  close(): void {
    this.isReady = false;
    this.#redis.disconnect();
  }

  /**
   * WAIT counts for everything that this connection wrote before it: one serves all the calls of a tick. When it breaks
   * off, the write is as unknown as the count: it may be on no server that survives.
   */
  #confirmed(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#confirmations.push({ resolve, reject });
      if (this.#confirmations.length === 1) this.#options.clock.defer(() => this.#wait());
    });
  }

  #wait(): void {
    const waiting = this.#confirmations;
    this.#confirmations = [];
    const { replicas, replicaTimeoutMs } = this.#options;
    this.call('WAIT', [String(replicas), String(replicaTimeoutMs)]).then(
      (count) => {
        for (const waiter of waiting) waiter.resolve(Number(count));
      },
      (error: RedisCallError) => {
        const unknown = new RedisCallError(CallOutcome.Unknown, error.message, error);
        for (const waiter of waiting) waiter.reject(unknown);
      },
    );
  }

  #prepare(): void {
    this.#load().then(
      () => {
        this.isReady = true;
        this.#changed(this);
      },
      () => this.#redis.disconnect(true),
    );
  }

  async #load(): Promise<void> {
    const loads = this.#options.scripts.map((script) => this.call('SCRIPT', ['LOAD', script.source]));
    const [info] = await Promise.all([this.call('INFO', ['server']), ...loads]);
    this.runId = /^run_id:(\w+)/m.exec(String(info))?.[1] ?? '';
  }

  /** A connection on which a call timed out is of no use to the calls behind it either. */
  #replace(): void {
    if (!this.isReady) return;
    this.#lost();
    this.#redis.disconnect(true);
  }

  #lost(): void {
    if (!this.isReady) return;
    this.isReady = false;
    this.#changed(this);
  }

  #judge(error: Error): RedisCallError {
    const { message } = error;
    const made = (outcome: CallOutcome): RedisCallError =>
      new RedisCallError(outcome, `${this.address}: ${message}`, error);
    if (error.name === 'ReplyError') {
      if (REFUSALS.test(message)) return made(CallOutcome.Refused);
      if (!LATER.test(message)) return made(CallOutcome.Fatal);
      if (message.startsWith('NOSCRIPT')) this.#prepare();
      return made(CallOutcome.NotWritten);
    }
    if (NOT_SENT.test(message)) return made(CallOutcome.NotWritten);
    if (message === 'Command timed out') this.#replace();
    return made(CallOutcome.Unknown);
  }
}

export function ioredisOptions(
  address: RedisAddress,
  options: ConnectionOptions,
): RedisOptions & { replyMapping: 'legacy' } {
  const { username, password, tls } = options;
  return {
    ...address,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === true ? { tls: {} } : {}),
    commandTimeout: options.commandTimeoutMs,
    connectTimeout: options.connectTimeoutMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    retryStrategy: (times) => Math.min(times * 20, RECONNECT_MS_MAX),
    disableClientInfo: true,
    protocol: 2,
    replyMapping: 'legacy',
  };
}
