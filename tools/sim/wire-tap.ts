/** Listens to one connection of a client and records what goes over the wire, as the checker wants it. */

import {
  Command,
  type ConnackBody,
  FrameReader,
  type FrameSink,
  type MessageBody,
  type PartialFrame,
  readAck,
  readConnack,
  readConnect,
  readError,
  readMessage,
  readSend,
  readSendack,
  readSync,
  readSyncack,
  SERVER_BODY_BYTES_MAX,
  type SendBody,
} from '../../src/protocol/index.ts';
import { frameText } from '../frame-dump.ts';
import { bodyHash } from '../history/events.ts';
import type { HistoryRecorder } from '../history/recorder.ts';
import type { StreamObserver } from './stream.ts';

export interface WireTapOwner {
  /** Name of this run in the history. */
  readonly client: string;
  readonly sendOnly: boolean;
  readonly recorder: HistoryRecorder;
  /** The message's place among those to its target. */
  orderOf(clientMsgId: string): number;
  transmitted(clientMsgId: string): void;
  /** `after`: where its reading goes on. */
  loggedIn(connack: ConnackBody, after: number): void;
  acked(epoch: number, seq: number): void;
  /** A frame, for people. */
  frame(text: () => string): void;
}

/** Codes below may succeed later. */
const PERMANENT_CODES_FIRST = 100;

type Direction = 'out' | 'in';

export class WireTap implements StreamObserver, FrameSink<Direction> {
  readonly #owner: WireTapOwner;
  readonly #reader: FrameReader<Direction> = new FrameReader(this);
  readonly #sends = new Map<number, SendBody>();
  readonly #partials: Record<Direction, PartialFrame | undefined> = { out: undefined, in: undefined };
  #presentedEpoch = 0;
  #presentedSeq = 0;

  constructor(owner: WireTapOwner) {
    this.#owner = owner;
  }

  sent(bytes: Uint8Array): void {
    this.#read('out', bytes);
  }

  received(bytes: Uint8Array): void {
    this.#read('in', bytes);
  }

  onFrame(
    direction: Direction,
    command: number,
    requestId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    this.#owner.frame(() => {
      const arrow = direction === 'out' ? '▶' : '◀';
      return `${arrow} ${frameText(command, requestId, bytes.subarray(start, end))}`;
    });
    if (direction === 'out') this.#onSent(command, requestId, bytes, start, end);
    else this.#onReceived(command, requestId, bytes, start, end);
    return true;
  }

  onMalformed(direction: Direction): void {
    throw new Error(`malformed framing ${direction === 'out' ? 'by' : 'to'} ${this.#owner.client}`);
  }

  #read(direction: Direction, bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const partial = this.#partials[direction];
    this.#partials[direction] = this.#reader.read(direction, partial, chunk, () => SERVER_BODY_BYTES_MAX);
  }

  #onSent(command: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    const { client, recorder } = this.#owner;
    if (command === Command.Connect) {
      const connect = readConnect(bytes, start, end);
      this.#presentedEpoch = connect?.epoch ?? 0;
      this.#presentedSeq = connect?.lastSeq ?? 0;
    } else if (command === Command.Send) this.#onSend(requestId, readSend(bytes, start, end));
    else if (command === Command.Ack || command === Command.Sync) {
      const ack = command === Command.Ack ? readAck(bytes, start, end) : undefined;
      const sync = command === Command.Sync ? readSync(bytes, start, end) : undefined;
      const epoch = ack?.epoch ?? sync?.epoch ?? 0;
      const seq = ack?.seq ?? sync?.after ?? 0;
      recorder.record({ type: 'acked', client, epoch, seq });
      this.#owner.acked(epoch, seq);
    }
  }

  #onSend(requestId: number, send: SendBody | undefined): void {
    if (send === undefined) throw new Error('a SEND that cannot be read');
    const { target, clientMsgId, payload } = send;
    const { client, recorder } = this.#owner;
    // The payload is only valid during the call, and not needed afterwards.
    this.#sends.set(requestId, { ...send, payload: Buffer.alloc(0) });
    this.#owner.transmitted(clientMsgId);
    const order = this.#owner.orderOf(clientMsgId);
    recorder.record({ type: 'sendStarted', client, target, clientMsgId, bodyHash: bodyHash(payload), order, kind: 0 });
  }

  #onReceived(command: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    if (command === Command.Connack) this.#onConnack(readConnack(bytes, start, end));
    else if (command === Command.Message) this.#onMessage(readMessage(bytes, start, end));
    else if (command === Command.Syncack) {
      for (const message of readSyncack(bytes, start, end)?.messages ?? []) this.#onMessage(message);
    } else if (command === Command.Sendack) this.#onSendack(requestId, bytes, start, end);
    else if (command === Command.Error) this.#onError(requestId, bytes, start, end);
  }

  #onConnack(connack: ConnackBody | undefined): void {
    if (connack === undefined) throw new Error('a CONNACK that cannot be read');
    const { client, recorder, sendOnly } = this.#owner;
    const { epoch, floor, head, cursor } = connack;
    const after = sendOnly ? 0 : this.#presentedEpoch === 0 ? cursor : this.#presentedSeq;
    recorder.record({ type: 'sessionStarted', client, epoch, floor, head, after });
    this.#owner.loggedIn(connack, after);
  }

  #onMessage(message: MessageBody | undefined): void {
    if (message === undefined) throw new Error('a MESSAGE that cannot be read');
    const { epoch, seq, messageId, from, to, kind, clientMsgId, payload } = message;
    const { client, recorder } = this.#owner;
    const hash = bodyHash(payload);
    recorder.record({
      type: 'received',
      client,
      epoch,
      seq,
      messageId: Number(messageId),
      from,
      to,
      kind,
      clientMsgId,
      bodyHash: hash,
    });
  }

  #onSendack(requestId: number, bytes: Buffer, start: number, end: number): void {
    const sendack = readSendack(bytes, start, end);
    const send = this.#sends.get(requestId);
    if (sendack === undefined || send === undefined) throw new Error('a SENDACK that answers nothing');
    this.#sends.delete(requestId);
    const { client, recorder, sendOnly } = this.#owner;
    const { messageId, dup, serverTimeMs, ownEpoch, ownSeq } = sendack;
    recorder.record({
      type: 'sendStored',
      client,
      target: send.target,
      clientMsgId: send.clientMsgId,
      messageId: Number(messageId),
      dup,
      serverTimeMs,
      ownEpoch: sendOnly ? 0 : ownEpoch,
      ownSeq: sendOnly ? 0 : ownSeq,
    });
  }

  #onError(requestId: number, bytes: Buffer, start: number, end: number): void {
    const error = readError(bytes, start, end);
    const send = this.#sends.get(requestId);
    if (error === undefined || send === undefined) return;
    this.#sends.delete(requestId);
    const { client, recorder } = this.#owner;
    const { target, clientMsgId } = send;
    if (error.code < PERMANENT_CODES_FIRST) recorder.record({ type: 'sendUnknown', client, target, clientMsgId });
    else recorder.record({ type: 'sendFailed', client, target, clientMsgId, reason: String(error.code) });
  }
}
