/**
 * One-way pairs over Sluice: SEND, SENDACK after the commit, MESSAGE, cumulative ACK.
 *
 * The SEND frame of a pair is encoded once; each message patches what differs (requestId, clientMsgId, payload) at the
 * places where the codec put them, because a generator that encodes measures itself.
 */
import { type Clock, delay } from '../../src/clock/clock.ts';
import { MessagePackWriter, RETRYABLE_ERRORS, SendFlag, TargetType, writeSend } from '../../src/protocol/index.ts';
import {
  inBatches,
  LOGINS_AT_ONCE,
  type PairEvents,
  type PairWire,
  type PairWireOptions,
  writePayload,
} from './pair-wire.ts';
import { newConnection, type SluiceConnection } from './sluice-connection.ts';
import { SluiceConnections } from './sluice-connections.ts';
import type { SluiceHandler, SluiceTarget } from './sluice-handler.ts';

/** As long as the 16 random bytes in hexadecimal that the specification proposes. */
const CLIENT_MSG_ID_LENGTH = 32;
const COUNTER_DIGITS = 8;
const HEX = Buffer.from('0123456789abcdef');
const RETRY_MS_MIN = 20;

class SendingEnd {
  readonly connection: SluiceConnection;
  readonly frame: Buffer;
  readonly counterAt: number;
  readonly flagsAt: number;
  readonly payloadAt: number;
  /** Sends without any answer. */
  unanswered = 0;
  confirmed = 0;
  /** Intended times of what is sent and not confirmed, oldest first. */
  readonly intended: number[] = [];
  refused = false;

  constructor(connection: SluiceConnection, target: string, idPrefix: string, payloadBytes: number) {
    this.connection = connection;
    const writer = new MessagePackWriter();
    const clientMsgId = idPrefix.slice(0, CLIENT_MSG_ID_LENGTH - COUNTER_DIGITS).padEnd(CLIENT_MSG_ID_LENGTH, '0');
    const payload = Buffer.alloc(payloadBytes, 'x');
    writeSend(writer, 0, { target, targetType: TargetType.User, clientMsgId, flags: 0, payload });
    this.frame = writer.copy();
    const idAt = this.frame.indexOf(clientMsgId);
    this.counterAt = idAt + CLIENT_MSG_ID_LENGTH - COUNTER_DIGITS;
    this.flagsAt = idAt + CLIENT_MSG_ID_LENGTH;
    this.payloadAt = this.frame.length - payloadBytes;
  }
}

export class SluicePairs implements PairWire, SluiceHandler {
  readonly #clock: Clock;
  readonly #events: PairEvents;
  readonly #connections: SluiceConnections;
  readonly #senders: SendingEnd[];
  readonly #receivers: SluiceConnection[];

  constructor(clock: Clock, options: PairWireOptions, target: SluiceTarget, events: PairEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#connections = new SluiceConnections(clock, target, this);
    const { pairs, firstPair, runId, payloadBytes } = options;
    const name = (end: string, pair: number): string => `${end}${firstPair + pair}-${runId}`;
    this.#receivers = Array.from({ length: pairs }, (_, pair) => newConnection(name('r', pair), pair));
    this.#senders = this.#receivers.map((receiver, pair) => {
      const prefix = `${runId}${(firstPair + pair).toString(16).padStart(6, '0')}`;
      return new SendingEnd(newConnection(name('s', pair), pair), receiver.uid, prefix, payloadBytes);
    });
  }

  async open(): Promise<void> {
    const all = [...this.#receivers, ...this.#senders.map(({ connection }) => connection)];
    await inBatches(all.length, LOGINS_AT_ONCE, (i) => this.#connections.connect(all[i] as SluiceConnection));
  }

  send(pair: number, counter: number, intendedMs: number): void {
    const sender = this.#senders[pair] as SendingEnd;
    sender.intended.push(intendedMs);
    // A refused pair sends again from its oldest message on, this one included.
    if (!sender.refused) this.#write(sender, counter, intendedMs, 0);
  }

  async close(): Promise<void> {
    await delay(this.#clock, 100);
    for (const connection of this.#receivers) this.#connections.end(connection);
    for (const { connection } of this.#senders) this.#connections.end(connection);
    await delay(this.#clock, 100);
  }

  onMessage(connection: SluiceConnection, bytes: Buffer, start: number): void {
    if (connection === this.#receivers[connection.index]) this.#events.onDelivered(connection.index, bytes, start);
  }

  onSendack(connection: SluiceConnection): void {
    const sender = this.#senders[connection.index] as SendingEnd;
    sender.intended.shift();
    sender.confirmed++;
    this.#answered(sender);
    this.#events.onConfirmed(connection.index);
  }

  onError(connection: SluiceConnection, _requestId: number, code: number, retryAfterMs: number): void {
    const sender = this.#senders[connection.index];
    if (sender?.connection !== connection) return;
    this.#events.onRefused(code);
    if (!RETRYABLE_ERRORS.has(code)) {
      this.#events.onBroken(`SEND was refused with code ${code}`);
      return;
    }
    sender.refused = true;
    this.#answered(sender, Math.max(RETRY_MS_MIN, retryAfterMs));
  }

  onUnknown(): void {}

  onLost(connection: SluiceConnection, reason: string): void {
    this.#events.onBroken(`${connection.uid}: ${reason}`);
  }

  /** Once everything under way has an answer, a refused pair sends again, oldest first. */
  #answered(sender: SendingEnd, waitMs: number = RETRY_MS_MIN): void {
    sender.unanswered--;
    if (!sender.refused || sender.unanswered > 0) return;
    this.#clock.setTimer(() => {
      sender.refused = false;
      const waiting = [...sender.intended];
      for (const [i, intendedMs] of waiting.entries()) {
        this.#write(sender, sender.confirmed + i, intendedMs, i === 0 ? SendFlag.Restart : 0);
      }
    }, waitMs);
  }

  #write(sender: SendingEnd, counter: number, intendedMs: number, flags: number): void {
    const { stream } = sender.connection;
    if (stream === undefined) return;
    sender.unanswered++;
    const { frame, counterAt } = sender;
    const requestId = sender.connection.nextRequest();
    frame[4] = requestId >>> 24;
    frame[5] = requestId >>> 16;
    frame[6] = requestId >>> 8;
    frame[7] = requestId;
    for (let digit = 0, rest = counter; digit < COUNTER_DIGITS; digit++, rest >>>= 4) {
      frame[counterAt + COUNTER_DIGITS - 1 - digit] = HEX[rest & 15] as number;
    }
    frame[sender.flagsAt] = flags;
    writePayload(frame, sender.payloadAt, counter, intendedMs);
    this.#connections.outbox.append(stream, frame, 0, frame.length);
  }
}
