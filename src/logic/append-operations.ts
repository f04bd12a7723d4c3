/** The two ways a message gets into a timeline. One object a message: the operation carries what its answer needs. */
import type { AppId, ClientMsgId, DeviceId, Epoch, MessageId, Seq, Uid } from '../model/ids.ts';
import { EncodedAppend, type MessagePlaces } from '../store/encoded-append.ts';
import { type AppendOperation, AppendStatus, MessageKind, OperationType } from '../store/store.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import type { LiveSession } from './session-lifecycle.ts';

const NOBODY = '' as DeviceId;

/** Sent by a client. */
export class SendAppend extends EncodedAppend {
  readonly app: AppId;
  readonly target: Uid;
  readonly sender: Uid;
  readonly senderDevice: DeviceId;
  readonly kind: MessageKind = MessageKind.ClientToClient;
  readonly copyToSender: boolean;
  readonly context: LiveSession;
  readonly requestId: number;

  constructor(session: LiveSession, requestId: number, target: string, places: MessagePlaces) {
    super(places);
    this.app = session.app;
    this.target = target as Uid;
    this.sender = session.uid;
    this.senderDevice = session.deviceId;
    // A message to oneself is in one's own timeline already.
    this.copyToSender = target !== session.uid;
    this.context = session;
    this.requestId = requestId;
  }
}

/** Pushed by the business. */
export class PushAppend implements AppendOperation {
  readonly type: typeof OperationType.Append = OperationType.Append;
  readonly app: AppId;
  readonly target: Uid;
  readonly sender: Uid;
  readonly senderDevice: DeviceId = NOBODY;
  readonly kind: MessageKind = MessageKind.ServerToClient;
  readonly clientMsgId: ClientMsgId;
  readonly payload: Uint8Array;
  readonly copyToSender = false;
  readonly context: TrunkLink;
  readonly requestId: number;

  status: AppendStatus = AppendStatus.Stored;
  messageId: MessageId = 0 as MessageId;
  timeMs = 0;
  seq: Seq = 0 as Seq;
  epoch: Epoch = 0 as Epoch;
  senderSeq: Seq = 0 as Seq;
  senderEpoch: Epoch = 0 as Epoch;

  constructor(
    link: TrunkLink,
    requestId: number,
    app: string,
    sender: string,
    target: string,
    clientMsgId: string,
    payload: Uint8Array,
  ) {
    this.app = app as AppId;
    this.target = target as Uid;
    this.sender = sender as Uid;
    this.clientMsgId = clientMsgId as ClientMsgId;
    this.payload = payload;
    this.context = link;
    this.requestId = requestId;
  }
}
