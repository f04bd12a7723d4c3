/**
 * One device of a user: sends at random times to random people, takes what comes, and writes both down.
 *
 * A clientMsgId says where its message stands: `<device>.<run>.<number>`. So a device needs no memory of its own to
 * know, after its death, in which order it has sent.
 */
import { join } from 'node:path';
import { type Message, SendError, SluiceClient } from '../../src/client/index.ts';
import { type Clock, delay } from '../../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../../src/config/apps.ts';
import { mintToken } from '../../src/logic/authentication/mint-token.ts';
import type { NodeTransport } from '../../src/net/node-transport.ts';
import type { ConnackBody } from '../../src/protocol/index.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { HistoryRecorder } from '../history/recorder.ts';
import { WireTap, type WireTapOwner } from '../sim/wire-tap.ts';
import { HandNote, NotingFileStorage, NotingMemoryStorage, type Taken } from './hand-over.ts';
import type { DeviceSpec, Head } from './host-messages.ts';
import { TappedTransport } from './tapped-transport.ts';

const TOKEN_LIFETIME_MS = 3_600_000;
/** Sends per run, for the order of messages over all runs. */
const RUN_SPAN = 1_000_000;
const UNSENT_MAX = 40;
const PAYLOAD_BYTES_MAX = 600;
const HANDLER_FAILS = 0.01;
/** A reconnect storm spread over a minute is for products; here the next fault comes before it ends. */
const HURRY = 0.1;

export interface DeviceWorld {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly transport: NodeTransport;
  readonly recorder: HistoryRecorder;
  /** Of the gate; 127.0.0.1 when left out. */
  readonly host?: string;
  readonly port: number;
  readonly run: number;
  readonly targets: readonly string[];
  readonly pauseMs: number;
  /** Where to keep state; undefined: in memory. */
  readonly folder: string | undefined;
  readonly wasTold: (client: string, taken: Taken) => boolean;
  /** Of the app, to sign tokens with; that of development when left out. */
  readonly secret?: string;
}

export class TortureDevice implements WireTapOwner {
  readonly client: string;
  readonly spec: DeviceSpec;
  readonly recorder: HistoryRecorder;
  readonly drops: Map<string, number> = new Map();
  readonly problems: string[] = [];
  acknowledged = 0;
  logins = 0;
  longestOutageMs = 0;
  readonly #world: DeviceWorld;
  readonly #note: HandNote | undefined;
  readonly #sdk: SluiceClient;
  #sent = 0;
  #isSending = true;
  #epoch = 0;
  #ackedEpoch = 0;
  #ackedSeq = 0;
  #offlineSinceMs: number | undefined;

  constructor(world: DeviceWorld, spec: DeviceSpec) {
    const { clock, random, recorder, run, folder } = world;
    this.#world = world;
    this.spec = spec;
    this.recorder = recorder;
    this.client = `${spec.name}#${run}`;
    const { name, uid, deviceType, sendOnly } = spec;
    recorder.record({
      type: 'clientStarted',
      client: this.client,
      application: name,
      run,
      app: DEVELOPMENT_APP_ID,
      uid,
      device: name,
    });
    this.#note = sendOnly ? undefined : new HandNote(folder && join(folder, `${name}.hand`));
    this.#sdk = new SluiceClient({
      host: world.host ?? '127.0.0.1',
      port: world.port,
      app: DEVELOPMENT_APP_ID,
      uid,
      deviceType,
      deviceId: name,
      token: () => this.#token(),
      sendOnly,
      resume: run > 1,
      replyTimeoutMs: 5000,
      loginTimeoutMs: 5000,
      storage: this.#storage(),
      platform: {
        clock,
        random: { fraction: () => random.fraction() * HURRY, bytes: (length) => random.bytes(length) },
        transport: new TappedTransport(world.transport, () => new WireTap(this)),
      },
    });
    this.#listen();
  }

  get sendOnly(): boolean {
    return this.spec.sendOnly;
  }

  get isOnline(): boolean {
    return this.#sdk.state === 'online';
  }

  get unsent(): number {
    return this.#sdk.unsent;
  }

  /** Connects, and sends until it is told to stop. */
  start(): void {
    if (!this.sendOnly) this.#sdk.onMessage((message) => this.#take(message));
    this.#sdk.connect().catch((error: Error) => this.problems.push(`${this.client} connect: ${error.message}`));
    void this.#sendOn();
  }

  stopSending(): void {
    this.#isSending = false;
  }

  /** Undefined when everything up to `head` is acknowledged, and it is online. */
  behind(head: Head): string | undefined {
    const has = `epoch ${this.#ackedEpoch} seq ${this.#ackedSeq} of epoch ${head.epoch} seq ${head.seq}`;
    if (!this.isOnline) return `${this.client} is ${this.#sdk.state}, with ${has}`;
    if (this.#ackedEpoch === head.epoch && this.#ackedSeq >= head.seq) return undefined;
    return `${this.client} has acknowledged ${has}`;
  }

  async end(reachedEnd: boolean): Promise<void> {
    if (reachedEnd && !this.sendOnly) {
      const place = { epoch: this.#ackedEpoch, seq: this.#ackedSeq };
      this.recorder.record({ type: 'reachedEnd', client: this.client, ...place });
    }
    await this.#sdk.close();
    this.#note?.close();
    this.recorder.record({ type: 'clientEnded', client: this.client, crashed: false });
  }

  orderOf(clientMsgId: string): number {
    const [run, number] = clientMsgId.split('.').slice(-2);
    return Number(run) * RUN_SPAN + Number(number);
  }

  transmitted(): void {}

  frame(): void {}

  loggedIn(connack: ConnackBody, after: number): void {
    this.acked(connack.epoch, after);
    if (this.#epoch === 0) this.#epoch = connack.epoch;
  }

  acked(epoch: number, seq: number): void {
    this.#ackedSeq = epoch === this.#ackedEpoch ? Math.max(this.#ackedSeq, seq) : seq;
    this.#ackedEpoch = epoch;
  }

  #token(): Promise<string> {
    const issuedAtMs = this.#world.clock.wallMs();
    const { uid } = this.spec;
    const claims = { app: DEVELOPMENT_APP_ID, uid, secret: this.#world.secret ?? DEVELOPMENT_SECRET };
    return mintToken({ ...claims, issuedAtMs, lifetimeMs: TOKEN_LIFETIME_MS });
  }

  #storage(): NotingMemoryStorage | NotingFileStorage {
    const note = this.#note ?? new HandNote();
    const taken = (what: Taken): void => {
      this.recorder.record({ type: 'delivered', client: this.client, ...what });
    };
    const { folder, wasTold } = this.#world;
    if (folder === undefined) return new NotingMemoryStorage(note, taken);
    return new NotingFileStorage(
      join(folder, `${this.spec.name}.state`),
      note,
      (t) => wasTold(this.spec.name, t),
      taken,
    );
  }

  async #sendOn(): Promise<void> {
    const { clock, random, pauseMs } = this.#world;
    while (this.#isSending) {
      await delay(clock, pauseMs * 2 * random.fraction());
      if (this.#isSending && this.#sdk.unsent < UNSENT_MAX) this.#send();
    }
  }

  #send(): void {
    const { random, targets, run } = this.#world;
    const others = targets.filter((target) => target !== this.spec.uid);
    const to = others[random.below(others.length)] as string;
    this.#sent += 1;
    const clientMsgId = `${this.spec.name}.${run}.${this.#sent}`;
    const payload = Buffer.alloc(clientMsgId.length + 1 + random.below(PAYLOAD_BYTES_MAX), '.');
    payload.write(`${clientMsgId} `);
    this.#sdk.send({ to, payload, clientMsgId }).then(
      () => {
        this.acknowledged += 1;
      },
      (error: Error) => {
        const isOurs = error instanceof SendError && error.name === 'CLOSED';
        if (!isOurs) this.problems.push(`${this.client} send ${clientMsgId}: ${error.message}`);
      },
    );
  }

  async #take(message: Message): Promise<void> {
    if (this.#world.random.fraction() < HANDLER_FAILS) throw new Error('the application has a bad day');
    const { epoch, seq, messageId } = message;
    this.#note?.note({ epoch, seq, messageId: Number(messageId) });
  }

  #listen(): void {
    const { clock } = this.#world;
    const client = this.client;
    let wasOnline = false;
    this.#sdk.on('connected', () => {
      this.logins += 1;
      wasOnline = true;
      this.#outage(clock.monotonicMs());
      this.#offlineSinceMs = undefined;
    });
    this.#sdk.on('disconnected', ({ reasonName }) => {
      if (wasOnline) {
        this.drops.set(reasonName, (this.drops.get(reasonName) ?? 0) + 1);
        this.#offlineSinceMs = clock.monotonicMs();
      }
      wasOnline = false;
    });
    this.#sdk.on('stopped', ({ reasonName }) => this.problems.push(`${client} was stopped: ${reasonName}`));
    this.#sdk.on('gap', ({ from, to }) => {
      this.recorder.record({ type: 'gapReported', client, epoch: this.#epoch, from, to });
    });
    this.#sdk.on('resync', ({ epoch, floor, head }) => {
      this.#epoch = epoch;
      this.recorder.record({ type: 'resynced', client, epoch, floor, head });
    });
  }

  #outage(nowMs: number): void {
    if (this.#offlineSinceMs === undefined) return;
    this.longestOutageMs = Math.max(this.longestOutageMs, nowMs - this.#offlineSinceMs);
  }
}
