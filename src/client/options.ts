import { type Clock, SystemClock } from '../clock/clock.ts';
import { type Random, SystemRandom } from '../clock/random.ts';
import { isIdentifier } from '../model/ids.ts';
import { NodeTransport } from '../net/node-transport.ts';
import type { Address, Transport } from '../net/transport.ts';
import { SYNC_LIMIT_MAX } from '../protocol/index.ts';
import type { TokenSource } from './credentials.ts';
import type { HttpGet } from './http-get.ts';
import { MemoryStorage } from './memory-storage.ts';
import type { ClientStorage } from './storage.ts';

/** Time, randomness and sockets. Many clients in one process share one: it owns a read buffer. */
export interface ClientPlatform {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  /** For the iplist. Default: `fetch`. */
  readonly http?: HttpGet;
}

export interface ClientOptions {
  /** The gate; beside an `iplistUrl` the one to fall back on. */
  readonly host?: string;
  readonly port?: number;
  /** Where to ask which gates to dial, such as `https://im.example.org`; the path `/v1/iplist` is filled in. */
  readonly iplistUrl?: string;
  readonly app: string;
  readonly uid: string;
  /** Kind of device; by default one session of each kind is current. */
  readonly deviceType: string;
  /** Names this installation: the server keeps a cursor for each. */
  readonly deviceId: string;
  readonly token: TokenSource;
  /** Default: memory. */
  readonly storage?: ClientStorage;
  /** Receives nothing and replaces no other session: for tools. A client that takes no messages should be one. */
  readonly sendOnly?: boolean;
  /** Log in as the session that the storage remembers, and not as a person who takes over. */
  readonly resume?: boolean;
  /** For the server's logs. */
  readonly agent?: string;
  /** How long the first login may take, attempts included. Default: as long as it takes. */
  readonly connectTimeoutMs?: number;
  /** How long one attempt to dial and log in, or to get a token, may take. */
  readonly loginTimeoutMs?: number;
  /** After this time without an answer a SEND is sent again. */
  readonly replyTimeoutMs?: number;
  /** How long `close` waits for what is under way. */
  readonly closeTimeoutMs?: number;
  /** Bounds of what is queued for sending; `send` fails with QUEUE_FULL beyond. */
  readonly queueMessagesMax?: number;
  readonly queueBytesMax?: number;
  /** Messages asked for in one page, at most 200. */
  readonly syncLimit?: number;
  readonly platform?: ClientPlatform;
}

export type ResolvedOptions = Required<Omit<ClientOptions, 'connectTimeoutMs' | 'host' | 'port' | 'iplistUrl'>> & {
  readonly connectTimeoutMs: number | undefined;
  readonly address: Address | undefined;
  readonly iplistUrl: string | undefined;
};

export function systemPlatform(): ClientPlatform {
  return { clock: new SystemClock(), random: new SystemRandom(), transport: new NodeTransport() };
}

/** Fills in what is not given. Throws on identifiers that the server could only refuse, and without a place to dial. */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  for (const name of ['app', 'uid', 'deviceType', 'deviceId'] as const) {
    if (!isIdentifier(options[name])) throw new TypeError(`${name} must be 1 to 64 of A-Z a-z 0-9 . _ : @ -`);
  }
  return {
    ...options,
    ...placeOf(options),
    storage: options.storage ?? new MemoryStorage(),
    sendOnly: options.sendOnly ?? false,
    resume: options.resume ?? false,
    agent: options.agent ?? 'sluice-client',
    connectTimeoutMs: options.connectTimeoutMs,
    loginTimeoutMs: options.loginTimeoutMs ?? 10_000,
    replyTimeoutMs: options.replyTimeoutMs ?? 15_000,
    closeTimeoutMs: options.closeTimeoutMs ?? 5000,
    queueMessagesMax: options.queueMessagesMax ?? 1000,
    queueBytesMax: options.queueBytesMax ?? 16 * 1024 * 1024,
    syncLimit: Math.min(options.syncLimit ?? 100, SYNC_LIMIT_MAX),
    platform: options.platform ?? systemPlatform(),
  };
}

function placeOf({ host, port, iplistUrl }: ClientOptions): Pick<ResolvedOptions, 'address' | 'iplistUrl'> {
  if ((host === undefined) !== (port === undefined)) throw new TypeError('give both host and port');
  if (iplistUrl !== undefined && !(URL.canParse(iplistUrl) && /^https?:$/.test(new URL(iplistUrl).protocol))) {
    throw new TypeError('iplistUrl must be an http or https address');
  }
  if (iplistUrl === undefined && host === undefined) throw new TypeError('give host and port, or iplistUrl');
  return { address: host === undefined || port === undefined ? undefined : { host, port }, iplistUrl };
}
