/**
 * What the store needs of Redis: scripts by content, a few plain commands, and an honest word about how a call ended.
 * `redis-client.ts` implements one server's connection, `routing-client.ts` finds the server of a key.
 */
import { createHash } from 'node:crypto';

export type RedisArgument = string | Buffer;
/** Bulk strings come as Buffers. */
export type RedisReply = number | Buffer | string | null | RedisReply[];

export interface RedisScript {
  readonly name: string;
  readonly source: string;
  /** SHA-1 of the source: how EVALSHA names it. */
  readonly sha: string;
}

export function redisScript(name: string, source: string): RedisScript {
  return { name, source, sha: createHash('sha1').update(source).digest('hex') };
}

export const CallOutcome = {
  /** Certainly not executed; a later try can succeed. */
  NotWritten: 1,
  /** Sent, and no answer came: executed or not. */
  Unknown: 2,
  /** Certainly not executed, because the server takes no writes: out of memory, disk or replicas. */
  Refused: 3,
  /** A mistake of ours or of the set-up: trying again does not help. */
  Fatal: 4,
} as const;
export type CallOutcome = (typeof CallOutcome)[keyof typeof CallOutcome];

export class RedisCallError extends Error {
  override readonly name = 'RedisCallError';
  readonly outcome: CallOutcome;

  constructor(outcome: CallOutcome, message: string, cause?: unknown) {
    super(message, { cause });
    this.outcome = outcome;
  }
}

export interface ScriptAnswer {
  readonly reply: RedisReply;
  /** Replicas that have confirmed the write; 0 when nobody asked. */
  readonly replicas: number;
}

/** One server that holds data. */
export interface RedisServer {
  /** `host:port` or the path of a socket. */
  readonly address: string;
  /** Changes with every start of the server's process. */
  readonly runId: string;
  call(name: string, args: readonly RedisArgument[]): Promise<RedisReply>;
}

/** Every call rejects with a `RedisCallError`, within the command time-out. */
export interface RedisClient {
  /** Replicas that `confirm` waits for; 0 when it does not wait. */
  readonly replicasWanted: number;
  /** Whether one call may touch keys of several hash tags. */
  readonly joinsTags: boolean;
  /** Resolves when every server that holds data can be talked to. */
  connect(): Promise<void>;
  servers(): readonly RedisServer[];
  /** The server of a key; undefined while it is not known or not connected. */
  serverOf(key: string): RedisServer | undefined;
  /** Runs a script where `keys[0]` lives; all keys share its hash tag, or `joinsTags` holds. `confirm` waits for replicas. */
  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    confirm?: boolean,
  ): Promise<ScriptAnswer>;
  call(key: string, name: string, args: readonly RedisArgument[]): Promise<RedisReply>;
  /**
   * Names keys that begin with `prefix` and were written, by anybody; undefined when any may have been. A hint: while a
   * server is away nothing is told. One watch at a time.
   */
  watch(prefix: string, changed: (keys: readonly string[] | undefined) => void): void;
  close(): void;
}
