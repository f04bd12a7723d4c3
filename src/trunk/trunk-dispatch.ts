/**
 * Reads trunk frames (`trunk-frames.ts` writes them) and hands them to typed handlers. One shared cursor, numbers and
 * byte ranges instead of objects on the hot frames (forward, reply, push, cursor).
 */
import { INTEGER_MAX, MessagePackReader } from '../protocol/index.ts';
import {
  type ApiPushedFrame,
  type ApiPushFrame,
  type HelloFrame,
  type LoginAcceptedFrame,
  type RegisterFrame,
  type SessionIdentity,
  TrunkCommand,
  type WelcomeFrame,
} from './trunk-frames.ts';

const U32 = 0xffffffff;

/** What a logic does with the frames of gates and apis. Byte ranges are valid during the call only. */
export interface LogicFrameHandler<Link> {
  onLogin(
    link: Link,
    slot: number,
    serial: number,
    remoteAddress: string,
    bytes: Buffer,
    start: number,
    end: number,
  ): void;
  onForward(
    link: Link,
    slot: number,
    serial: number,
    command: number,
    requestId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void;
  onCursor(link: Link, slot: number, serial: number, epoch: number, seq: number): void;
  onRepush(link: Link, slot: number, serial: number, epoch: number, after: number): void;
  onSessionClosed(link: Link, slot: number, serial: number, reason: number, epoch: number, ackedSeq: number): void;
  onRegister(link: Link, slot: number, serial: number, frame: RegisterFrame): void;
  onApiPush(link: Link, requestId: number, frame: ApiPushFrame): void;
}

/** What a gate does with the frames of a logic. */
export interface GateFrameHandler {
  onLoginAccepted(slot: number, serial: number, frame: LoginAcceptedFrame): void;
  onLoginRefused(slot: number, serial: number, reason: number, retryAfterMs: number, detail: string): void;
  onReply(
    slot: number,
    serial: number,
    command: number,
    requestId: number,
    epoch: number,
    ackedSeq: number,
    pushedSeq: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void;
  onPush(slot: number, serial: number, epoch: number, seq: number, bytes: Buffer, start: number, end: number): void;
  onMulticast(command: number, targets: Buffer, bytes: Buffer, start: number, end: number): void;
  onHead(slot: number, serial: number, epoch: number, head: number): void;
  onEndSession(slot: number, serial: number, reason: number, kick: boolean, deviceType: string): void;
}

const reader = new MessagePackReader();

function readIdentity(): SessionIdentity {
  return {
    app: reader.str(),
    uid: reader.str(),
    deviceType: reader.str(),
    deviceId: reader.str(),
    generation: reader.uint(INTEGER_MAX),
    capabilities: reader.uint(U32),
  };
}

/** Hands one frame to the logic's handler; false when it is not a frame that a logic understands. */
export function dispatchToLogic<Link>(
  handler: LogicFrameHandler<Link>,
  link: Link,
  command: number,
  slot: number,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  reader.reset(bytes, start, end).arrayHeader();
  if (command === TrunkCommand.ApiPush) {
    const frame = {
      app: reader.str(),
      from: reader.str(),
      to: reader.str(),
      clientMsgId: reader.str(),
      payload: reader.bin(),
    };
    if (reader.failed) return false;
    handler.onApiPush(link, slot, frame);
    return true;
  }
  const serial = reader.uint(U32);
  switch (command) {
    case TrunkCommand.Forward: {
      const clientCommand = reader.uint(0xff);
      const requestId = reader.uint(U32);
      const bodyStart = reader.binStart();
      if (reader.failed) return false;
      handler.onForward(link, slot, serial, clientCommand, requestId, bytes, bodyStart, reader.position);
      return true;
    }
    case TrunkCommand.Cursor:
    case TrunkCommand.Repush: {
      const epoch = reader.uint(U32);
      const seq = reader.uint(INTEGER_MAX);
      if (reader.failed) return false;
      if (command === TrunkCommand.Cursor) handler.onCursor(link, slot, serial, epoch, seq);
      else handler.onRepush(link, slot, serial, epoch, seq);
      return true;
    }
    case TrunkCommand.Login: {
      const remoteAddress = reader.str();
      const bodyStart = reader.binStart();
      if (reader.failed) return false;
      handler.onLogin(link, slot, serial, remoteAddress, bytes, bodyStart, reader.position);
      return true;
    }
    case TrunkCommand.Closed: {
      const reason = reader.uint(0xff);
      const epoch = reader.uint(U32);
      const ackedSeq = reader.uint(INTEGER_MAX);
      if (reader.failed) return false;
      handler.onSessionClosed(link, slot, serial, reason, epoch, ackedSeq);
      return true;
    }
    case TrunkCommand.Register: {
      const frame = { ...readIdentity(), epoch: reader.uint(U32), ackedSeq: reader.uint(INTEGER_MAX) };
      if (reader.failed) return false;
      handler.onRegister(link, slot, serial, frame);
      return true;
    }
    default:
      return false;
  }
}

/** Hands one frame to the gate's handler; false when it is not a frame that a gate understands. */
export function dispatchToGate(
  handler: GateFrameHandler,
  command: number,
  slot: number,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  reader.reset(bytes, start, end).arrayHeader();
  const first = reader.uint(U32);
  switch (command) {
    case TrunkCommand.Push: {
      const epoch = reader.uint(U32);
      const seq = reader.uint(INTEGER_MAX);
      const bodyStart = reader.binStart();
      if (reader.failed) return false;
      handler.onPush(slot, first, epoch, seq, bytes, bodyStart, reader.position);
      return true;
    }
    case TrunkCommand.Reply: {
      const clientCommand = reader.uint(0xff);
      const requestId = reader.uint(U32);
      const epoch = reader.uint(U32);
      const ackedSeq = reader.uint(INTEGER_MAX);
      const pushedSeq = reader.uint(INTEGER_MAX);
      const bodyStart = reader.binStart();
      if (reader.failed) return false;
      handler.onReply(
        slot,
        first,
        clientCommand,
        requestId,
        epoch,
        ackedSeq,
        pushedSeq,
        bytes,
        bodyStart,
        reader.position,
      );
      return true;
    }
    case TrunkCommand.Multicast: {
      const targets = reader.bin();
      const bodyStart = reader.binStart();
      if (reader.failed) return false;
      handler.onMulticast(first, targets, bytes, bodyStart, reader.position);
      return true;
    }
    case TrunkCommand.Head: {
      const epoch = reader.uint(U32);
      const head = reader.uint(INTEGER_MAX);
      if (reader.failed) return false;
      handler.onHead(slot, first, epoch, head);
      return true;
    }
    case TrunkCommand.LoginAccepted:
      return dispatchLoginAccepted(handler, slot, first);
    case TrunkCommand.LoginRefused: {
      const reason = reader.uint(0xff);
      const retryAfterMs = reader.uint(U32);
      const detail = reader.str();
      if (reader.failed) return false;
      handler.onLoginRefused(slot, first, reason, retryAfterMs, detail);
      return true;
    }
    case TrunkCommand.EndSession: {
      const reason = reader.uint(0xff);
      const kick = reader.bool();
      const deviceType = reader.str();
      if (reader.failed) return false;
      handler.onEndSession(slot, first, reason, kick, deviceType);
      return true;
    }
    default:
      return false;
  }
}

function dispatchLoginAccepted(handler: GateFrameHandler, slot: number, serial: number): boolean {
  const frame = {
    ...readIdentity(),
    epoch: reader.uint(U32),
    head: reader.uint(INTEGER_MAX),
    floor: reader.uint(INTEGER_MAX),
    cursor: reader.uint(INTEGER_MAX),
    startSeq: reader.uint(INTEGER_MAX),
    ticket: reader.str(),
    resync: reader.bool(),
  };
  if (reader.failed) return false;
  handler.onLoginAccepted(slot, serial, frame);
  return true;
}

export function readHello(bytes: Buffer, start: number, end: number): HelloFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = { version: reader.uint(U32), role: reader.str(), name: reader.str(), bootId: reader.str() };
  return reader.failed ? undefined : frame;
}

export function readWelcome(bytes: Buffer, start: number, end: number): WelcomeFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = {
    version: reader.uint(U32),
    bootId: reader.str(),
    partitions: reader.uint(U32),
    durability: reader.uint(0xff),
  };
  return reader.failed ? undefined : frame;
}

export function readApiPushed(bytes: Buffer, start: number, end: number): ApiPushedFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = {
    error: reader.uint(0xff),
    messageId: reader.uint(INTEGER_MAX),
    timeMs: reader.uint(INTEGER_MAX),
    dup: reader.bool(),
    durability: reader.uint(0xff),
  };
  return reader.failed ? undefined : frame;
}
