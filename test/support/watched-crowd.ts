/** Devices that talk to each other over real sockets while a test does things to the system, and the judgement on it all. */
import { SluiceClient } from '../../src/client/index.ts';
import { SystemClock } from '../../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../../src/config/apps.ts';
import { mintToken } from '../../src/logic/authentication/mint-token.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import { checkHistory } from '../../tools/history/checker.ts';
import { History } from '../../tools/history/history.ts';
import { MemoryRecorder } from '../../tools/history/recorder.ts';
import type { Report } from '../../tools/history/report.ts';
import type { Head } from '../../tools/torture/host-messages.ts';
import { TortureDevice } from '../../tools/torture/torture-device.ts';
import { SeededRandom } from './seeded-random.ts';
import { until } from './system.ts';

const TOKEN_LIFETIME_MS = 3_600_000;
const PAUSE_MS = 40;

/** A gate: its port, on 127.0.0.1 unless a host is named. */
export type DialledGate = number | { readonly host: string; readonly port: number };

export class WatchedCrowd {
  readonly #clock = new SystemClock();
  readonly #transport = new NodeTransport();
  readonly #recorder: MemoryRecorder = new MemoryRecorder(new History());
  readonly #devices: readonly TortureDevice[];
  readonly #secret: string;
  readonly #gates: readonly { host: string; port: number }[];

  /**
   * One user and device for each number; user i is configured for the gate `gates[i mod n]`.
   * @param withDesktop so many of the users have a second device
   * @param secret of the app, where it is not that of development
   */
  constructor(users: number, gates: readonly DialledGate[], withDesktop = 0, secret: string = DEVELOPMENT_SECRET) {
    this.#secret = secret;
    const uids = Array.from({ length: users }, (_, index) => `user${index}`);
    this.#gates = gates.map((gate) => (typeof gate === 'number' ? { host: '127.0.0.1', port: gate } : gate));
    const owners = [...uids, ...uids.slice(0, withDesktop)];
    this.#devices = owners.map((uid, index) => {
      const world = {
        clock: this.#clock,
        random: new SeededRandom(index),
        transport: this.#transport,
        recorder: this.#recorder,
        ...this.#gates[index % gates.length]!,
        run: 1,
        targets: uids,
        pauseMs: PAUSE_MS,
        folder: undefined,
        wasTold: () => false,
        secret,
      };
      return new TortureDevice(world, {
        name: `device${index}`,
        uid,
        deviceType: index < users ? 'phone' : 'desktop',
        sendOnly: false,
      });
    });
  }

  get acknowledged(): number {
    return this.#devices.reduce((sum, device) => sum + device.acknowledged, 0);
  }

  get longestOutageMs(): number {
    return Math.max(...this.#devices.map((device) => device.longestOutageMs));
  }

  get logins(): number {
    return this.#devices.reduce((sum, device) => sum + device.logins, 0);
  }

  get problems(): string[] {
    return this.#devices.flatMap((device) => device.problems);
  }

  /** Resolves when everybody is online and sends. */
  async start(): Promise<void> {
    for (const device of this.#devices) device.start();
    await until(() => this.#devices.every((device) => device.isOnline), 'everybody is online');
  }

  /** Resolves when so many more messages are acknowledged. */
  async talk(messages: number): Promise<void> {
    const from = this.acknowledged;
    await until(() => this.acknowledged >= from + messages, `${messages} more messages`);
  }

  /** Lets everybody read to the end, closes them, and judges what was seen. */
  async judge(): Promise<Report> {
    for (const device of this.#devices) device.stopSending();
    await until(() => this.#devices.every((device) => device.unsent === 0), 'everything is sent');
    const heads = await Promise.all(this.#devices.map((device) => this.#headOf(device.spec.uid)));
    const left = (): (string | undefined)[] => this.#devices.map((device, i) => device.behind(heads[i] as Head));
    await until(() => left().every((problem) => problem === undefined), 'everybody has read to the end');
    for (const device of this.#devices) await device.end(true);
    return checkHistory(this.#recorder.history);
  }

  /** Ends everybody, also after a failure. */
  async end(): Promise<void> {
    for (const device of this.#devices) device.stopSending();
    await Promise.all(this.#devices.map((device) => device.end(false).catch(() => undefined)));
  }

  async #headOf(uid: string): Promise<Head> {
    const claims = { app: DEVELOPMENT_APP_ID, uid, secret: this.#secret };
    const issuedAtMs = this.#clock.wallMs();
    const client = new SluiceClient({
      ...this.#gates[0]!,
      app: DEVELOPMENT_APP_ID,
      uid,
      deviceType: 'probe',
      deviceId: 'probe',
      sendOnly: true,
      token: () => mintToken({ ...claims, issuedAtMs, lifetimeMs: TOKEN_LIFETIME_MS }),
    });
    const connected = new Promise<Head>((resolve) => {
      client.on('connected', ({ epoch, head }) => resolve({ epoch, seq: head }));
    });
    await client.connect();
    const head = await connected;
    await client.close();
    return head;
  }
}
