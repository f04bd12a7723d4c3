/** A real Redis of a test's own: in a temporary folder, on a free port of the loopback, ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay, SystemClock } from '../../src/clock/clock.ts';

const clock = new SystemClock();
const START_MS_MAX = 10_000;
/** A cluster's members talk to each other on a second port, so far above the first. */
const BUS_PORT_OFFSET = 10_000;
const PORT_MAX = 65_535;

export type RedisSettings = Readonly<Record<string, string>>;

/** Everything on disk before the answer. */
export const KEEPS_ALL: RedisSettings = { appendonly: 'yes', appendfsync: 'always' };

/** Where a server runs. */
export interface RedisPlace {
  readonly host: string;
  /** What its command line begins with: `['nsenter', …]`. */
  readonly launcher: readonly string[];
}

const HERE: RedisPlace = { host: '127.0.0.1', launcher: [] };

export class RedisTestServer {
  readonly port: number;
  readonly folder: string;
  readonly #settings: RedisSettings;
  readonly #place: RedisPlace;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(port: number, settings: RedisSettings, place: RedisPlace) {
    this.port = port;
    this.#place = place;
    this.folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
    this.#settings = settings;
  }

  static async start(
    settings: RedisSettings = KEEPS_ALL,
    port?: number,
    place: RedisPlace = HERE,
  ): Promise<RedisTestServer> {
    const server = new RedisTestServer(port ?? (await freePort()), settings, place);
    await server.start();
    return server;
  }

  /** Again after `kill`, on the same folder and port. */
  async start(): Promise<void> {
    const { host, launcher } = this.#place;
    const settings: RedisSettings = {
      port: String(this.port),
      bind: host,
      'protected-mode': 'no',
      save: '',
      dir: this.folder,
      'enable-debug-command': 'yes',
      ...this.#settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const [command, ...rest] = [...launcher, 'redis-server', ...args] as [string, ...string[]];
    const child = spawn(command, rest, { stdio: 'ignore' });
    this.#process = child;
    this.#ended = new Promise((resolve) => {
      child.once('close', () => resolve());
      child.once('error', () => resolve());
    });
    const deadlineMs = clock.monotonicMs() + START_MS_MAX;
    while (!(await accepts(host, this.port))) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
      if (clock.monotonicMs() > deadlineMs) throw new Error('redis-server does not listen');
      await delay(clock, 10);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async kill(): Promise<void> {
    this.#process?.kill('SIGCONT');
    this.#process?.kill('SIGKILL');
    await this.#ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A port that nobody listens on, nor on the bus port that belongs to it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await listenOnce(0);
    if (port === undefined || port + BUS_PORT_OFFSET > PORT_MAX) continue;
    if ((await listenOnce(port + BUS_PORT_OFFSET)) !== undefined) return port;
  }
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : undefined;
      server.close(() => resolve(bound));
    });
  });
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
