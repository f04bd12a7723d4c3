/** One-way pairs over the bare relay. */
import { type Clock, delay } from '../../src/clock/clock.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import { Outbox } from '../../src/net/outbox.ts';
import type { DialHandler, Stream } from '../../src/net/transport.ts';
import { FrameReader, type FrameSink, MessagePackWriter, type PartialFrame } from '../../src/protocol/index.ts';
import { RELAY_BODY_BYTES_MAX, RelayCommand } from '../peers/relay-protocol.ts';
import {
  inBatches,
  LOGINS_AT_ONCE,
  type PairEvents,
  type PairWire,
  type PairWireOptions,
  writePayload,
} from './pair-wire.ts';

/** As in Sluice's load: half a window of messages, or this time. */
const ACK_AFTER = 32;
const ACK_DELAY_MS = 25;
const bodyBytesMax = (): number => RELAY_BODY_BYTES_MAX;

interface End {
  readonly name: string;
  readonly pair: number;
  readonly frame: Buffer;
  readonly payloadAt: number;
  stream: Stream | undefined;
  partial: PartialFrame | undefined;
  welcome: () => void;
  unacked: number;
}

export class RelayPairs implements PairWire, DialHandler, FrameSink<End> {
  readonly #clock: Clock;
  readonly #options: PairWireOptions;
  readonly #events: PairEvents;
  readonly #transport = new NodeTransport();
  readonly #outbox: Outbox;
  readonly #frames = new FrameReader<End>(this);
  readonly #writer = new MessagePackWriter();
  readonly #senders: End[];
  readonly #receivers: End[];
  #owing: End[] = [];
  #closing = false;

  constructor(clock: Clock, options: PairWireOptions, events: PairEvents) {
    this.#clock = clock;
    this.#options = options;
    this.#events = events;
    this.#outbox = new Outbox(clock);
    const pairs = Array.from({ length: options.pairs }, (_, pair) => pair);
    this.#receivers = pairs.map((pair) => this.#end(`r${options.firstPair + pair}`, pair, ''));
    this.#senders = pairs.map((pair) =>
      this.#end(`s${options.firstPair + pair}`, pair, `r${options.firstPair + pair}`),
    );
  }

  async open(): Promise<void> {
    const all = [...this.#receivers, ...this.#senders];
    await inBatches(all.length, LOGINS_AT_ONCE, (i) => this.#dial(all[i] as End));
  }

  send(pair: number, counter: number, intendedMs: number): void {
    const { stream, frame, payloadAt } = this.#senders[pair] as End;
    if (stream === undefined) return;
    writePayload(frame, payloadAt, counter, intendedMs);
    this.#outbox.append(stream, frame, 0, frame.length);
  }

  async close(): Promise<void> {
    await delay(this.#clock, 2 * ACK_DELAY_MS);
    this.#closing = true;
    for (const { stream } of [...this.#receivers, ...this.#senders]) stream?.end();
  }

  onOpen(stream: Stream): void {
    this.#write(stream.owner as End, RelayCommand.Hello, 0, Buffer.from((stream.owner as End).name));
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    const end = stream.owner as End;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    end.partial = this.#frames.read(end, end.partial, chunk, bodyBytesMax);
  }

  onDrain(): void {}

  onClosed(stream: Stream): void {
    if (!this.#closing) this.#events.onBroken(`${(stream.owner as End).name}: connection closed`);
  }

  onMalformed(end: End): void {
    this.#events.onBroken(`${end.name}: malformed frame`);
  }

  onFrame(end: End, command: number, _requestId: number, bytes: Buffer, start: number): boolean {
    if (command === RelayCommand.Message) {
      this.#events.onDelivered(end.pair, bytes, start);
      if (++end.unacked >= ACK_AFTER) this.#ack(end);
      else if (end.unacked === 1) this.#oweAck(end);
    } else if (command === RelayCommand.Confirm) this.#events.onConfirmed(end.pair);
    else if (command === RelayCommand.Welcome) end.welcome();
    return true;
  }

  #end(name: string, pair: number, target: string): End {
    const writer = new MessagePackWriter();
    const start = writer.beginFrame(RelayCommand.Send, 0);
    const name8 = Buffer.from(target, 'latin1');
    const body = Buffer.concat([Buffer.of(name8.length), name8, Buffer.alloc(this.#options.payloadBytes, 'x')]);
    writer.raw(body, 0, body.length);
    writer.endFrame(start);
    const frame = writer.copy();
    const payloadAt = frame.length - this.#options.payloadBytes;
    return { name, pair, frame, payloadAt, stream: undefined, partial: undefined, welcome: () => {}, unacked: 0 };
  }

  #dial(end: End): Promise<void> {
    return new Promise((resolve) => {
      end.welcome = resolve;
      end.stream = this.#transport.dial({ host: this.#options.host, port: this.#options.port }, this);
      end.stream.owner = end;
    });
  }

  #oweAck(end: End): void {
    if (this.#owing.push(end) > 1) return;
    this.#clock.setTimer(() => {
      for (const owing of this.#owing.splice(0)) if (owing.unacked > 0) this.#ack(owing);
    }, ACK_DELAY_MS);
  }

  #ack(end: End): void {
    this.#write(end, RelayCommand.Ack, end.unacked, Buffer.of(0));
    end.unacked = 0;
  }

  #write({ stream }: End, command: number, requestId: number, body: Buffer): void {
    if (stream === undefined) return;
    this.#writer.reset();
    const start = this.#writer.beginFrame(command, requestId);
    this.#writer.raw(body, 0, body.length);
    this.#writer.endFrame(start);
    this.#outbox.append(stream, this.#writer.buffer, 0, this.#writer.position);
  }
}
