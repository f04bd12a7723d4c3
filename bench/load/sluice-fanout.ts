/** Fan-out over a gate: the publisher's SEND reaches whoever stands in for logic, which makes one Multicast of it. */
import { type Clock, delay } from '../../src/clock/clock.ts';
import { MessagePackReader, MessagePackWriter, TargetType, writeSend } from '../../src/protocol/index.ts';
import type { FanoutEvents, FanoutWire, FanoutWireOptions } from './fanout-wire.ts';
import { inBatches, LOGINS_AT_ONCE, writePayload } from './pair-wire.ts';
import { newConnection, type SluiceConnection } from './sluice-connection.ts';
import { SluiceConnections } from './sluice-connections.ts';
import type { SluiceHandler, SluiceTarget } from './sluice-handler.ts';

const CLOSE_MS = 100;

export class SluiceFanout implements FanoutWire, SluiceHandler {
  readonly #clock: Clock;
  readonly #events: FanoutEvents;
  readonly #connections: SluiceConnections;
  readonly #sessions: SluiceConnection[];
  readonly #reader = new MessagePackReader();
  readonly #frame: Buffer;
  readonly #payloadAt: number;

  constructor(clock: Clock, options: FanoutWireOptions, target: SluiceTarget, events: FanoutEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#connections = new SluiceConnections(clock, target, this);
    const { sessions, payloadBytes, runId } = options;
    this.#sessions = Array.from({ length: sessions }, (_, i) => newConnection(`f${i}-${runId}`, i));
    const writer = new MessagePackWriter();
    const payload = Buffer.alloc(payloadBytes, 'x');
    writeSend(writer, 1, { target: 'everybody', targetType: TargetType.User, clientMsgId: 'round', flags: 0, payload });
    this.#frame = writer.copy();
    this.#payloadAt = this.#frame.length - payloadBytes;
  }

  open(): Promise<void> {
    const connect = (i: number): Promise<void> => this.#connections.connect(this.#sessions[i] as SluiceConnection);
    return inBatches(this.#sessions.length, LOGINS_AT_ONCE, connect);
  }

  publish(round: number, intendedMs: number): void {
    const publisher = this.#sessions[0];
    if (publisher?.stream === undefined) return;
    this.#frame.writeUInt32BE(publisher.nextRequest(), 4);
    writePayload(this.#frame, this.#payloadAt, round, intendedMs);
    this.#connections.outbox.append(publisher.stream, this.#frame, 0, this.#frame.length);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) this.#connections.end(session);
    await delay(this.#clock, CLOSE_MS);
  }

  onMessage(): void {}

  onSendack(): void {}

  onError(_connection: SluiceConnection, _requestId: number, code: number): void {
    this.#events.onBroken(`SEND was refused with code ${code}`);
  }

  /** The bench's own multicast command: an array of one binary. */
  onUnknown(connection: SluiceConnection, bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader.reset(bytes, start, end);
    reader.arrayHeader();
    this.#events.onDelivered(connection.index, bytes, reader.binStart());
  }

  onLost(connection: SluiceConnection, reason: string): void {
    this.#events.onBroken(`${connection.uid}: ${reason}`);
  }
}
