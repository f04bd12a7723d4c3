/**
 * A user's device: a program that sends and receives with the SDK, dies and comes back. What it has sent and what it
 * took survives in its storage and in a journal of its own, as with a careful application.
 */
import { SluiceClient } from '../../src/client/client.ts';
import { ConnectionState } from '../../src/client/connection-state.ts';
import { SendError } from '../../src/client/errors.ts';
import type { Message } from '../../src/client/message.ts';
import { type StateRecord, StoredState } from '../../src/client/stored-state.ts';
import { delay } from '../../src/clock/clock.ts';
import type { ConnackBody } from '../../src/protocol/index.ts';
import type { HistoryRecorder } from '../history/recorder.ts';
import type { Network } from './network.ts';
import type { DeathKind, SimProcess } from './process.ts';
import { SimStorage } from './storage.ts';
import { WireTap, type WireTapOwner } from './wire-tap.ts';
import type { World } from './world.ts';

export interface DeviceOptions {
  readonly name: string;
  readonly app: string;
  readonly uid: string;
  readonly deviceType: string;
  readonly sendOnly: boolean;
  readonly syncLimit: number;
  /** How often the application fails to take a message, and how long it takes at most. */
  readonly handlerFails: number;
  readonly handlerMsMax: number;
}

interface Sent {
  readonly clientMsgId: string;
  readonly to: string;
  readonly payload: Buffer;
  order: number;
  wasTransmitted: boolean;
  state: 'under way' | 'stored' | 'refused';
}

export const CLIENT_ADDRESS = { host: 'gates.example', port: 7400 };

export class Device implements WireTapOwner {
  readonly options: DeviceOptions;
  readonly recorder: HistoryRecorder;
  readonly #world: World;
  readonly #network: Network;
  readonly #state = new StoredState();
  readonly #journal = new Map<string, Sent>();
  readonly #orders = new Map<string, number>();
  /** Taken by the application in this run, and not yet recorded: messageId → place. */
  readonly #inHand = new Map<number, { epoch: number; seq: number }>();
  /** Of the timeline that the SDK reads. */
  #epoch = 0;
  #run = 0;
  #process: SimProcess | undefined;
  #client: SluiceClient | undefined;
  generation = 0;
  ackedEpoch = 0;
  ackedSeq = 0;

  constructor(world: World, network: Network, recorder: HistoryRecorder, options: DeviceOptions) {
    this.options = options;
    this.recorder = recorder;
    this.#world = world;
    this.#network = network;
  }

  /** Name of this run in the history. */
  get client(): string {
    return `${this.options.name}#${this.#run}`;
  }

  get sendOnly(): boolean {
    return this.options.sendOnly;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get isOnline(): boolean {
    return this.#client?.state === ConnectionState.Online;
  }

  /** The server said not to come back. */
  get isStopped(): boolean {
    return this.#client?.state === ConnectionState.Stopped;
  }

  /** Messages of unknown outcome. */
  get unsettled(): string[] {
    return [...this.#journal.values()]
      .filter(({ state }) => state === 'under way')
      .map(({ clientMsgId }) => clientMsgId);
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { name, app, uid, deviceType, sendOnly, syncLimit } = this.options;
    this.#run += 1;
    this.#epoch = this.#state.snapshot()?.cursor?.epoch ?? 0;
    const process = this.#world.spawn(name, this.client);
    this.#process = process;
    this.recorder.record({
      type: 'clientStarted',
      client: this.client,
      application: name,
      run: this.#run,
      app,
      uid,
      device: name,
    });
    const storage = new SimStorage(this.#state, process, (record) => this.#saved(record));
    const transport = this.#network.transportOf(process, () => new WireTap(this));
    const client = new SluiceClient({
      ...CLIENT_ADDRESS,
      app,
      uid,
      deviceType,
      deviceId: name,
      token: async () => 'genuine',
      storage,
      sendOnly,
      syncLimit,
      resume: this.#run > 1,
      platform: { clock: process.clock, random: process.random, transport },
    });
    this.#client = client;
    this.#listen(client);
    if (!sendOnly) client.onMessage((message) => this.#take(process, message));
    this.connect();
    this.#resend();
  }

  /** Also after the server said to stop: a person logs in again. */
  connect(): void {
    this.#client?.connect().catch((error: Error) => this.#world.note(this.client, `connect: ${error.message}`));
  }

  crash(kind: DeathKind): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#ended(true);
    process.kill(kind);
  }

  /** Ends the program in order. */
  async close(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    await this.#client?.close();
    if (this.#process !== process) return;
    this.#ended(false);
    process.kill();
  }

  send(to: string, bytes: number): void {
    if (this.#client === undefined) return;
    const clientMsgId = `${this.options.name}-${this.#journal.size + 1}`;
    const payload = Buffer.alloc(Math.max(bytes, clientMsgId.length + 1), '.');
    payload.write(`${clientMsgId} `);
    const order = this.#nextOrder(to);
    this.#journal.set(clientMsgId, { clientMsgId, to, payload, order, wasTransmitted: false, state: 'under way' });
    this.#submit(clientMsgId);
  }

  /** Somebody does again what has succeeded before. */
  repeat(): void {
    const done = [...this.#journal.values()].filter(({ state }) => state === 'stored');
    const sent = done[this.#world.random.below(done.length)];
    if (sent !== undefined && this.#client !== undefined) this.#submit(sent.clientMsgId);
  }

  orderOf(clientMsgId: string): number {
    return this.#sentAs(clientMsgId).order;
  }

  transmitted(clientMsgId: string): void {
    this.#sentAs(clientMsgId).wasTransmitted = true;
  }

  loggedIn(connack: ConnackBody, after: number): void {
    this.acked(connack.epoch, after);
    this.generation = connack.generation;
    if (this.#epoch === 0) this.#epoch = connack.epoch;
    this.#world.note(
      this.client,
      `logged in: generation ${connack.generation} epoch ${connack.epoch} head ${connack.head}`,
    );
  }

  acked(epoch: number, seq: number): void {
    if (epoch === this.ackedEpoch) this.ackedSeq = Math.max(this.ackedSeq, seq);
    else this.ackedSeq = seq;
    this.ackedEpoch = epoch;
  }

  frame(text: () => string): void {
    this.#world.trace.detail(this.#world.nowMs, this.client, text);
  }

  #sentAs(clientMsgId: string): Sent {
    const sent = this.#journal.get(clientMsgId);
    if (sent === undefined) throw new Error(`${this.client} never sent '${clientMsgId}'`);
    return sent;
  }

  #nextOrder(to: string): number {
    const order = (this.#orders.get(to) ?? 0) + 1;
    this.#orders.set(to, order);
    return order;
  }

  /** After a start: what has no outcome is given to the SDK again, in order, whether it still knows it or not. */
  #resend(): void {
    const queued = new Set(this.#state.snapshot()?.unsent.map((message) => message.clientMsgId));
    for (const clientMsgId of this.unsettled) {
      const sent = this.#sentAs(clientMsgId);
      // What never left this device, and is not about to, takes its place anew.
      if (!sent.wasTransmitted && !queued.has(clientMsgId)) sent.order = this.#nextOrder(sent.to);
      this.#submit(clientMsgId);
    }
  }

  #submit(clientMsgId: string): void {
    const sent = this.#sentAs(clientMsgId);
    const { to, payload } = sent;
    this.#world.note(this.client, `sends ${clientMsgId} to ${to}`);
    this.#client?.send({ to, payload, clientMsgId }).then(
      () => {
        sent.state = 'stored';
        this.#world.note(this.client, `${clientMsgId} is stored`);
      },
      (error: Error) => {
        this.#world.note(this.client, `send ${clientMsgId}: ${error.message}`);
        if (error instanceof SendError && !error.outcomeUnknown && sent.state !== 'stored') sent.state = 'refused';
      },
    );
  }

  async #take(process: SimProcess, message: Message): Promise<void> {
    const { handlerFails, handlerMsMax } = this.options;
    const { random, clock } = process;
    if (handlerMsMax > 0 && random.below(2) === 0) await delay(clock, handlerMsMax * random.fraction());
    if (random.fraction() < handlerFails) throw new Error('the application has a bad day');
    this.#inHand.set(Number(message.messageId), { epoch: message.epoch, seq: message.seq });
  }

  /** The application's own effect and this record are one: that is what makes it once. */
  #saved(record: StateRecord): void {
    if (record.type !== 'cursor' || record.taken === undefined) return;
    const place = this.#inHand.get(record.taken);
    if (place === undefined) return;
    this.#inHand.delete(record.taken);
    this.recorder.record({ type: 'delivered', client: this.client, ...place, messageId: record.taken });
  }

  #listen(client: SluiceClient): void {
    const name = this.client;
    const note = (text: string): void => this.#world.note(name, text);
    client.on('gap', (gap) => {
      note(`gap ${JSON.stringify(gap)}`);
      this.recorder.record({ type: 'gapReported', client: name, epoch: this.#epoch, from: gap.from, to: gap.to });
    });
    client.on('resync', ({ epoch, floor, head }) => {
      this.#epoch = epoch;
      note(`resync: epoch ${epoch} floor ${floor} head ${head}`);
      this.recorder.record({ type: 'resynced', client: name, epoch, floor, head });
    });
    client.on('disconnected', ({ reasonName, detail }) => note(`disconnected: ${reasonName} ${detail}`));
    client.on('stopped', ({ reasonName }) => note(`stopped: ${reasonName}`));
    client.on('error', (error) => note(`error: ${error.message}`));
  }

  #ended(crashed: boolean): void {
    this.recorder.record({ type: 'clientEnded', client: this.client, crashed });
    this.#process = undefined;
    this.#client = undefined;
    this.#inHand.clear();
  }
}
