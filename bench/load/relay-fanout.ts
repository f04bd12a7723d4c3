/** Fan-out over the bare relay. */
import { type Clock, delay } from '../../src/clock/clock.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import type { DialHandler, Stream } from '../../src/net/transport.ts';
import { FrameReader, type FrameSink, MessagePackWriter, type PartialFrame } from '../../src/protocol/index.ts';
import { RELAY_BODY_BYTES_MAX, RelayCommand } from '../peers/relay-protocol.ts';
import type { FanoutEvents, FanoutWire, FanoutWireOptions } from './fanout-wire.ts';
import { inBatches, LOGINS_AT_ONCE, writePayload } from './pair-wire.ts';

const CLOSE_MS = 100;
const HEADER_BYTES = 8;
const bodyBytesMax = (): number => RELAY_BODY_BYTES_MAX;

interface Listener {
  readonly index: number;
  stream: Stream | undefined;
  partial: PartialFrame | undefined;
  welcome: () => void;
}

export class RelayFanout implements FanoutWire, DialHandler, FrameSink<Listener> {
  readonly #clock: Clock;
  readonly #options: FanoutWireOptions;
  readonly #events: FanoutEvents;
  readonly #transport = new NodeTransport();
  readonly #frames = new FrameReader<Listener>(this);
  readonly #listeners: Listener[];
  #closing = false;

  constructor(clock: Clock, options: FanoutWireOptions, events: FanoutEvents) {
    this.#clock = clock;
    this.#options = options;
    this.#events = events;
    this.#listeners = Array.from({ length: options.sessions }, (_, index) => ({
      index,
      stream: undefined,
      partial: undefined,
      welcome: () => {},
    }));
  }

  open(): Promise<void> {
    return inBatches(this.#listeners.length, LOGINS_AT_ONCE, (i) => this.#dial(this.#listeners[i] as Listener));
  }

  publish(round: number, intendedMs: number): void {
    const frame = frameOf(RelayCommand.Broadcast, Buffer.alloc(this.#options.payloadBytes, 'x'));
    writePayload(frame, HEADER_BYTES, round, intendedMs);
    this.#listeners[0]?.stream?.write(frame);
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const { stream } of this.#listeners) stream?.end();
    await delay(this.#clock, CLOSE_MS);
  }

  onOpen(stream: Stream): void {
    stream.write(frameOf(RelayCommand.Hello, Buffer.from(`f${(stream.owner as Listener).index}`)));
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    const listener = stream.owner as Listener;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    listener.partial = this.#frames.read(listener, listener.partial, chunk, bodyBytesMax);
  }

  onDrain(): void {}

  onClosed(): void {
    if (!this.#closing) this.#events.onBroken('a connection closed');
  }

  onMalformed(): void {
    this.#events.onBroken('a malformed frame');
  }

  onFrame(listener: Listener, command: number, _requestId: number, bytes: Buffer, start: number): boolean {
    if (command === RelayCommand.Message) this.#events.onDelivered(listener.index, bytes, start);
    else if (command === RelayCommand.Welcome) listener.welcome();
    return true;
  }

  #dial(listener: Listener): Promise<void> {
    return new Promise((resolve) => {
      listener.welcome = resolve;
      listener.stream = this.#transport.dial({ host: this.#options.host, port: this.#options.port }, this);
      listener.stream.owner = listener;
    });
  }
}

function frameOf(command: number, body: Buffer): Buffer {
  const writer = new MessagePackWriter();
  const start = writer.beginFrame(command, 0);
  writer.raw(body, 0, body.length);
  writer.endFrame(start);
  return writer.copy();
}
