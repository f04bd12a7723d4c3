/** What commands share: the configuration, and how a client is made from it. */
import { hostname } from 'node:os';
import type { ClientOptions, ClientPlatform } from '../client/index.ts';
import { FileStorage, MemoryStorage, SluiceClient, systemPlatform } from '../client/index.ts';
import type { Clock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { dialHost } from '../config/hosts.ts';
import { tokenMaker } from './app-token.ts';

/** Options of every command that logs in. */
export interface LoginOptions {
  readonly app: string;
  readonly uid: string;
  readonly device?: string;
  readonly deviceType?: string;
  readonly host?: string;
  readonly port?: number;
  readonly iplist?: string;
  readonly token?: string;
  readonly state?: string;
}

/** What a command fills in where its user says nothing. */
export interface LoginDefaults {
  readonly deviceId: string;
  readonly deviceType: string;
  readonly sendOnly?: boolean;
  readonly connectTimeoutMs?: number | undefined;
}

const TOKEN_LIFETIME_MS = 3_600_000;
const DEVICE_ID_LENGTH_MAX = 64;
const AGENT = 'sluice-cli';

export function makeClient(config: Config, options: LoginOptions, defaults: LoginDefaults): SluiceClient {
  const platform: ClientPlatform = systemPlatform();
  const { app, uid } = options;
  const token = options.token ?? tokenSource(config, app, uid, platform.clock);
  return new SluiceClient({
    ...placeOf(config, options),
    app,
    uid,
    deviceType: options.deviceType ?? defaults.deviceType,
    deviceId: options.device ?? defaults.deviceId,
    token,
    storage: options.state === undefined ? new MemoryStorage() : new FileStorage(options.state),
    sendOnly: defaults.sendOnly ?? false,
    agent: AGENT,
    platform,
    ...(defaults.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: defaults.connectTimeoutMs }),
  });
}

/** With an iplist only what is said is dialled beside it: the defaults mean this machine. */
function placeOf({ gate }: Config, { host, port, iplist }: LoginOptions): Partial<ClientOptions> {
  const address = { host: host ?? dialHost(gate.host), port: port ?? gate.port };
  if (iplist === undefined) return address;
  return { iplistUrl: iplist, ...(host === undefined && port === undefined ? {} : address) };
}

/** Fails before anything is dialled when there is no key to sign with. */
function tokenSource(config: Config, app: string, uid: string, clock: Clock): () => Promise<string> {
  const mint = tokenMaker(config, { app, uid, lifetimeMs: TOKEN_LIFETIME_MS });
  return () => mint(clock.wallMs());
}

/** The same device at every call from this machine: `cli-<hostname>`. */
export function machineDeviceId(prefix: string): string {
  const name = hostname().replace(/[^A-Za-z0-9._-]/g, '-');
  return `${prefix}-${name}`.slice(0, DEVICE_ID_LENGTH_MAX);
}
