/** A push that came through the stream of its target's partition, as an operation of the store. */
import type { AppId, ClientMsgId, DeviceId, Epoch, MessageId, Seq, Uid } from '../model/ids.ts';
import { type AppendOperation, AppendStatus, MessageKind, OperationType } from '../store/store.ts';
import type { PushEntry } from './push-entry.ts';

const NOBODY = '' as DeviceId;

/** Who read the entry and wants to know what became of it. */
export interface AppendReader {
  committed(append: StreamAppend): void;
  /** Certainly not stored; it will be submitted again. */
  refused(append: StreamAppend): void;
}

export class StreamAppend implements AppendOperation {
  readonly type: typeof OperationType.Append = OperationType.Append;
  readonly app: AppId;
  readonly target: Uid;
  readonly sender: Uid;
  readonly senderDevice: DeviceId = NOBODY;
  readonly kind: MessageKind = MessageKind.ServerToClient;
  readonly clientMsgId: ClientMsgId;
  readonly payload: Uint8Array;
  readonly copyToSender = false;
  readonly entryId: string;
  readonly context: AppendReader;

  status: AppendStatus = AppendStatus.Stored;
  messageId: MessageId = 0 as MessageId;
  timeMs = 0;
  seq: Seq = 0 as Seq;
  epoch: Epoch = 0 as Epoch;
  senderSeq: Seq = 0 as Seq;
  senderEpoch: Epoch = 0 as Epoch;

  constructor(reader: AppendReader, entryId: string, push: PushEntry, sender: Uid) {
    this.context = reader;
    this.entryId = entryId;
    this.app = push.app;
    this.target = push.to;
    this.sender = sender;
    this.clientMsgId = push.clientMsgId;
    this.payload = push.payload;
  }
}
