/**
 * An append whose clientMsgId and payload are still the bytes that came from the client. An engine that works on bytes
 * takes them as they are, every other one gets string and view on demand.
 */
import type { AppId, ClientMsgId, DeviceId, Epoch, MessageId, Seq, Uid } from '../model/ids.ts';
import type { MessageChunk } from './message-arena.ts';
import { type AppendOperation, AppendStatus, type MessageKind, type Operation, OperationType } from './store.ts';

/** The places of both in their chunk. */
export interface MessagePlaces {
  readonly chunk: MessageChunk;
  readonly idStart: number;
  readonly idEnd: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  /** Whether the id is: a byte is a UTF-16 unit then. */
  readonly isAscii: boolean;
}

export abstract class EncodedAppend implements AppendOperation, MessagePlaces {
  readonly type: typeof OperationType.Append = OperationType.Append;
  readonly chunk: MessageChunk;
  readonly idStart: number;
  readonly idEnd: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  readonly isAscii: boolean;
  abstract readonly app: AppId;
  abstract readonly target: Uid;
  abstract readonly sender: Uid;
  abstract readonly senderDevice: DeviceId;
  abstract readonly kind: MessageKind;
  abstract readonly copyToSender: boolean;
  abstract readonly context: unknown;

  status: AppendStatus = AppendStatus.Stored;
  messageId: MessageId = 0 as MessageId;
  timeMs = 0;
  seq: Seq = 0 as Seq;
  epoch: Epoch = 0 as Epoch;
  senderSeq: Seq = 0 as Seq;
  senderEpoch: Epoch = 0 as Epoch;

  constructor(places: MessagePlaces) {
    this.chunk = places.chunk;
    this.idStart = places.idStart;
    this.idEnd = places.idEnd;
    this.payloadStart = places.payloadStart;
    this.payloadEnd = places.payloadEnd;
    this.isAscii = places.isAscii;
  }

  get clientMsgId(): ClientMsgId {
    return this.chunk.bytes.toString(this.isAscii ? 'latin1' : 'utf8', this.idStart, this.idEnd) as ClientMsgId;
  }

  /** A new view each time. */
  get payload(): Uint8Array {
    return this.chunk.bytes.subarray(this.payloadStart, this.payloadEnd);
  }
}

/** What an operation adds to the bytes that wait. */
export function payloadBytes(operation: Operation): number {
  if (operation instanceof EncodedAppend) return operation.payloadEnd - operation.payloadStart;
  return operation.type === OperationType.Append ? operation.payload.length : 0;
}
