/**
 * From a commit to everyone who may now know of it:
 *
 *   Committed<AppendOperation> ──► SENDACK (or ApiPushed) to the sender
 *                              ├─► MESSAGE to the target's sessions
 *                              └─► MESSAGE, the sender's own copy, to the sender's other sessions
 *
 * Only a committed operation can get in here; the type is the proof. Frames are written straight into the links'
 * batches: no object, closure or promise a message. A body for several sessions is encoded once.
 */
import { StreamAppend } from '../bus/stream-append.ts';
import type { Durability } from '../model/durability.ts';
import type { AppId, Epoch, Seq } from '../model/ids.ts';
import {
  Command,
  ErrorCode,
  type MessageBody,
  MessagePackWriter,
  type SendackBody,
  writeMessageBody,
  writeSendackBody,
} from '../protocol/index.ts';
import { Session } from '../session/session.ts';
import type { SessionRegistry } from '../session/session-registry.ts';
import { type AppendOperation, AppendStatus, type Committed, type StoredMessage } from '../store/store.ts';
import { beginBody, beginPush, beginReply, endBody, writeBodyBytes } from '../trunk/trunk-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import { PushAppend, SendAppend } from './append-operations.ts';
import type { LogicCounters } from './logic-counters.ts';
import { type MutableMessage, mutableMessage } from './mutable-message.ts';
import type { PushApi } from './push-api.ts';
import type { ErrorReplies } from './replies.ts';
import type { LiveSession } from './session-lifecycle.ts';

type Receivers = LiveSession | readonly LiveSession[];

export class Delivery {
  readonly #registry: SessionRegistry<TrunkLink>;
  readonly #errors: ErrorReplies;
  readonly #pushApi: PushApi;
  readonly #counters: LogicCounters;
  readonly #durability: Durability;
  readonly #scratch: MessagePackWriter = new MessagePackWriter();
  readonly #message: MutableMessage = mutableMessage();
  readonly #sendack: { -readonly [Field in keyof SendackBody]: SendackBody[Field] };

  constructor(
    registry: SessionRegistry<TrunkLink>,
    errors: ErrorReplies,
    pushApi: PushApi,
    counters: LogicCounters,
    durability: Durability,
  ) {
    this.#registry = registry;
    this.#errors = errors;
    this.#pushApi = pushApi;
    this.#counters = counters;
    this.#durability = durability;
    this.#sendack = { messageId: 0, serverTimeMs: 0, dup: false, durability, replicas: 0, ownEpoch: 0, ownSeq: 0 };
  }

  committed(operation: Committed<AppendOperation>): void {
    let sender: LiveSession | undefined;
    if (operation instanceof SendAppend) {
      sender = operation.context;
      this.#answer(operation, sender);
    } else if (operation instanceof PushAppend) this.#pushApi.committed(operation, this.#durability);
    else if (operation instanceof StreamAppend) operation.context.committed(operation);
    if (operation.status !== AppendStatus.Stored) {
      if (operation.status === AppendStatus.Duplicate) this.#counters.duplicates++;
      else this.#counters.conflicts++;
      return;
    }
    this.#counters.messagesStored++;
    const { app, target, sender: from, senderSeq } = operation;
    const receivers = this.#registry.lookup(app, target);
    if (receivers !== undefined && receivers !== sender) {
      const own = target === from ? operation.clientMsgId : '';
      this.#fanOut(receivers, sender, this.#fill(operation, operation.epoch, operation.seq, own));
    }
    const others = senderSeq === 0 ? undefined : this.#registry.lookup(app, from);
    // Nearly everybody has one session only: the one that has sent.
    if (others === undefined || others === sender) return;
    this.#fanOut(others, sender, this.#fill(operation, operation.senderEpoch, senderSeq, operation.clientMsgId));
  }

  /** The sender's copy of a message whose target another logic owns; the sending device has no place for it yet either. */
  copied(app: AppId, epoch: Epoch, stored: StoredMessage): void {
    const receivers = this.#registry.lookup(app, stored.from);
    if (receivers === undefined) return;
    const message = this.#message;
    Object.assign(message, stored);
    message.epoch = epoch;
    this.#fanOut(receivers, undefined, message);
  }

  /** SENDACK, or CONFLICT. The sender learns the place of its own copy without payload. */
  #answer(operation: Committed<AppendOperation> & SendAppend, session: LiveSession): void {
    const { link, slot, serial } = session;
    if (link.closed) return;
    if (operation.status === AppendStatus.Conflict) {
      this.#errors.write(session, operation.requestId, ErrorCode.Conflict);
      return;
    }
    const toSelf = operation.target === operation.sender;
    const ownSeq = session.sendOnly ? 0 : toSelf ? operation.seq : operation.senderSeq;
    const ownEpoch = ownSeq === 0 ? 0 : toSelf ? operation.epoch : operation.senderEpoch;
    const sendack = this.#sendack;
    sendack.messageId = operation.messageId;
    sendack.serverTimeMs = operation.timeMs;
    sendack.dup = operation.status === AppendStatus.Duplicate;
    sendack.replicas = operation.replicas ?? 0;
    sendack.ownEpoch = ownEpoch;
    sendack.ownSeq = ownSeq;
    const { writer } = link;
    const frame = beginReply(writer, slot, serial, Command.Sendack, operation.requestId, ownEpoch, 0, ownSeq);
    const body = beginBody(writer);
    writeSendackBody(writer, sendack);
    endBody(writer, frame, body);
    link.touch();
  }

  /** MESSAGE to all of `receivers` but `except` and those that only send. */
  #fanOut(receivers: Receivers, except: LiveSession | undefined, message: MessageBody): void {
    if (receivers instanceof Session) {
      if (receivers !== except && !receivers.sendOnly) this.#push(receivers, message);
      return;
    }
    const { epoch, seq } = message;
    const scratch = this.#scratch;
    scratch.reset();
    for (const receiver of receivers) {
      if (receiver === except || receiver.sendOnly) continue;
      if (scratch.position === 0) writeMessageBody(scratch, message);
      const { link } = receiver;
      const frame = beginPush(link.writer, receiver.slot, receiver.serial, epoch, seq);
      writeBodyBytes(link.writer, frame, scratch.bytes());
      link.touch();
      this.#counters.pushes++;
    }
  }

  #push(receiver: LiveSession, message: MessageBody): void {
    const { link } = receiver;
    const { writer } = link;
    const frame = beginPush(writer, receiver.slot, receiver.serial, message.epoch, message.seq);
    const body = beginBody(writer);
    writeMessageBody(writer, message);
    endBody(writer, frame, body);
    link.touch();
    this.#counters.pushes++;
  }

  #fill(operation: Committed<AppendOperation>, epoch: Epoch, seq: Seq, clientMsgId: string): MessageBody {
    const message = this.#message;
    message.epoch = epoch;
    message.seq = seq;
    message.messageId = operation.messageId;
    message.timeMs = operation.timeMs;
    message.kind = operation.kind;
    message.from = operation.sender;
    message.to = operation.target;
    message.clientMsgId = clientMsgId;
    message.payload = operation.payload;
    return message;
  }
}
