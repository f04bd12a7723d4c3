/**
 * Hints that keys were written, whoever wrote them, without asking again and again: the servers' own client tracking in
 * broadcast mode, on one connection to each server, which gets the messages itself.
 *
 *   CLIENT TRACKING ON REDIRECT <own id> BCAST PREFIX p        SUBSCRIBE __redis__:invalidate ─► names of keys
 *
 * Costs nothing while nothing is written, and one message for each turn of a server's loop in which such keys were. Messages
 * are lost with a connection; when it is back, everything may have changed. A server that knows no tracking gives no hints.
 */
import { Redis } from 'ioredis';
import { addressText, type ConnectionOptions, ioredisOptions, type RedisAddress } from './redis-client.ts';

/** Names of keys; undefined when any may have been written. */
export type KeysChanged = (keys: readonly string[] | undefined) => void;

const CHANNEL = '__redis__:invalidate';
const KEEP_ALIVE_MS = 10_000;

/** One server's. */
class KeyWatch {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #changed: KeysChanged;

  constructor(server: RedisAddress, options: ConnectionOptions, prefix: string, changed: KeysChanged) {
    this.#prefix = prefix;
    this.#changed = changed;
    const settings = { ...ioredisOptions(server, options), autoResubscribe: false, keepAlive: KEEP_ALIVE_MS };
    this.#redis = new Redis(settings);
    this.#redis.on('error', () => undefined);
    this.#redis.on('ready', () => this.#begin());
    this.#redis.on('messageBuffer', (_channel, keys: unknown) => {
      changed(Array.isArray(keys) ? keys.map(String) : undefined);
    });
  }

  close(): void {
    this.#redis.disconnect();
  }

  #begin(): void {
    const redis = this.#redis;
    const track = async (): Promise<void> => {
      const id = String(await redis.call('CLIENT', 'ID'));
      await redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', this.#prefix);
      await redis.subscribe(CHANNEL);
    };
    track().then(
      () => this.#changed(undefined),
      (error: Error) => {
        if (error.name !== 'ReplyError') redis.disconnect(true);
      },
    );
  }
}

/** Those of all servers that hold data. */
export class KeyWatches {
  readonly #options: ConnectionOptions;
  readonly #prefix: string;
  readonly #changed: KeysChanged;
  readonly #watches = new Map<string, KeyWatch>();

  constructor(options: ConnectionOptions, prefix: string, changed: KeysChanged) {
    this.#options = options;
    this.#prefix = prefix;
    this.#changed = changed;
  }

  /** Watches these servers, and no others any more. */
  follow(servers: readonly RedisAddress[]): void {
    const named = new Map(servers.map((server) => [addressText(server), server]));
    for (const [name, watch] of this.#watches) {
      if (named.has(name)) continue;
      watch.close();
      this.#watches.delete(name);
    }
    for (const [name, server] of named) {
      if (this.#watches.has(name)) continue;
      this.#watches.set(name, new KeyWatch(server, this.#options, this.#prefix, this.#changed));
    }
  }
}
