/**
 * Reads trunk frames (`trunk-frames.ts` writes them) and hands them to typed handlers. One shared cursor, numbers and
 * byte ranges instead of objects on the hot frames (forward, reply, push, cursor).
 */
import { INTEGER_MAX, MessagePackReader } from '../protocol/index.ts';
import { readApiKick, readApiSessions } from './api-frames.ts';
import {
  type ApiKickFrame,
  type ApiPushedFrame,
  type ApiPushFrame,
  type ApiSessionsFrame,
  type HelloFrame,
  type LoginAcceptedFrame,
  type RegisterFrame,
  type SessionIdentity,
  TrunkCommand,
  type WelcomeFrame,
} from './trunk-protocol.ts';

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
  onApiKick(link: Link, requestId: number, frame: ApiKickFrame): void;
  onApiSessions(link: Link, requestId: number, frame: ApiSessionsFrame): void;
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
  if (command >= TrunkCommand.ApiPush) return dispatchApi(handler, link, command, slot, bytes, start, end);
  reader.reset(bytes, start, end).arrayHeader();
  const serial = reader.uint(U32);
  switch (command) {
    case TrunkCommand.Forward:
      return dispatchForward(handler, link, slot, serial, bytes);
    case TrunkCommand.Cursor:
    case TrunkCommand.Repush:
      return dispatchPosition(handler, link, command, slot, serial);
    case TrunkCommand.Login:
      return dispatchLogin(handler, link, slot, serial, bytes);
    case TrunkCommand.Closed:
      return dispatchClosed(handler, link, slot, serial);
    case TrunkCommand.Register:
      return dispatchRegister(handler, link, slot, serial);
    default:
      return false;
  }
}

function dispatchForward<Link>(
  handler: LogicFrameHandler<Link>,
  link: Link,
  slot: number,
  serial: number,
  bytes: Buffer,
): boolean {
  const command = reader.uint(0xff);
  const requestId = reader.uint(U32);
  const start = reader.binStart();
  if (reader.failed) return false;
  handler.onForward(link, slot, serial, command, requestId, bytes, start, reader.position);
  return true;
}

function dispatchPosition<Link>(
  handler: LogicFrameHandler<Link>,
  link: Link,
  command: number,
  slot: number,
  serial: number,
): boolean {
  const epoch = reader.uint(U32);
  const seq = reader.uint(INTEGER_MAX);
  if (reader.failed) return false;
  if (command === TrunkCommand.Cursor) handler.onCursor(link, slot, serial, epoch, seq);
  else handler.onRepush(link, slot, serial, epoch, seq);
  return true;
}

function dispatchLogin<Link>(
  handler: LogicFrameHandler<Link>,
  link: Link,
  slot: number,
  serial: number,
  bytes: Buffer,
): boolean {
  const remoteAddress = reader.str();
  const start = reader.binStart();
  if (reader.failed) return false;
  handler.onLogin(link, slot, serial, remoteAddress, bytes, start, reader.position);
  return true;
}

function dispatchClosed<Link>(handler: LogicFrameHandler<Link>, link: Link, slot: number, serial: number): boolean {
  const reason = reader.uint(0xff);
  const epoch = reader.uint(U32);
  const ackedSeq = reader.uint(INTEGER_MAX);
  if (reader.failed) return false;
  handler.onSessionClosed(link, slot, serial, reason, epoch, ackedSeq);
  return true;
}

function dispatchRegister<Link>(handler: LogicFrameHandler<Link>, link: Link, slot: number, serial: number): boolean {
  const frame = {
    ...readIdentity(),
    epoch: reader.uint(U32),
    ackedSeq: reader.uint(INTEGER_MAX),
    loggedInAtS: reader.uint(U32),
  };
  if (reader.failed) return false;
  handler.onRegister(link, slot, serial, frame);
  return true;
}

function dispatchApi<Link>(
  handler: LogicFrameHandler<Link>,
  link: Link,
  command: number,
  requestId: number,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  switch (command) {
    case TrunkCommand.ApiPush:
      reader.reset(bytes, start, end).arrayHeader();
      return dispatchApiPush(handler, link, requestId);
    case TrunkCommand.ApiKick: {
      const kick = readApiKick(bytes, start, end);
      if (kick !== undefined) handler.onApiKick(link, requestId, kick);
      return kick !== undefined;
    }
    case TrunkCommand.ApiSessions: {
      const sessions = readApiSessions(bytes, start, end);
      if (sessions !== undefined) handler.onApiSessions(link, requestId, sessions);
      return sessions !== undefined;
    }
    default:
      return false;
  }
}

function dispatchApiPush<Link>(handler: LogicFrameHandler<Link>, link: Link, requestId: number): boolean {
  const frame = {
    app: reader.str(),
    from: reader.str(),
    to: reader.str(),
    clientMsgId: reader.str(),
    payload: reader.bin(),
  };
  if (reader.failed) return false;
  handler.onApiPush(link, requestId, frame);
  return true;
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
    case TrunkCommand.Push:
      return dispatchPush(handler, slot, first, bytes);
    case TrunkCommand.Reply:
      return dispatchReply(handler, slot, first, bytes);
    case TrunkCommand.Multicast:
      return dispatchMulticast(handler, first, bytes);
    case TrunkCommand.Head:
      return dispatchHead(handler, slot, first);
    case TrunkCommand.LoginAccepted:
      return dispatchLoginAccepted(handler, slot, first);
    case TrunkCommand.LoginRefused:
      return dispatchLoginRefused(handler, slot, first);
    case TrunkCommand.EndSession:
      return dispatchEndSession(handler, slot, first);
    default:
      return false;
  }
}

function dispatchPush(handler: GateFrameHandler, slot: number, serial: number, bytes: Buffer): boolean {
  const epoch = reader.uint(U32);
  const seq = reader.uint(INTEGER_MAX);
  const start = reader.binStart();
  if (reader.failed) return false;
  handler.onPush(slot, serial, epoch, seq, bytes, start, reader.position);
  return true;
}

function dispatchReply(handler: GateFrameHandler, slot: number, serial: number, bytes: Buffer): boolean {
  const command = reader.uint(0xff);
  const requestId = reader.uint(U32);
  const epoch = reader.uint(U32);
  const ackedSeq = reader.uint(INTEGER_MAX);
  const pushedSeq = reader.uint(INTEGER_MAX);
  const start = reader.binStart();
  if (reader.failed) return false;
  handler.onReply(slot, serial, command, requestId, epoch, ackedSeq, pushedSeq, bytes, start, reader.position);
  return true;
}

function dispatchMulticast(handler: GateFrameHandler, command: number, bytes: Buffer): boolean {
  const targets = reader.bin();
  const start = reader.binStart();
  if (reader.failed) return false;
  handler.onMulticast(command, targets, bytes, start, reader.position);
  return true;
}

function dispatchHead(handler: GateFrameHandler, slot: number, serial: number): boolean {
  const epoch = reader.uint(U32);
  const head = reader.uint(INTEGER_MAX);
  if (reader.failed) return false;
  handler.onHead(slot, serial, epoch, head);
  return true;
}

function dispatchLoginRefused(handler: GateFrameHandler, slot: number, serial: number): boolean {
  const reason = reader.uint(0xff);
  const retryAfterMs = reader.uint(U32);
  const detail = reader.str();
  if (reader.failed) return false;
  handler.onLoginRefused(slot, serial, reason, retryAfterMs, detail);
  return true;
}

function dispatchEndSession(handler: GateFrameHandler, slot: number, serial: number): boolean {
  const reason = reader.uint(0xff);
  const kick = reader.bool();
  const deviceType = reader.str();
  if (reader.failed) return false;
  handler.onEndSession(slot, serial, reason, kick, deviceType);
  return true;
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
    loggedInAtS: reader.uint(U32),
    sessionExpiresAtMs: reader.uint(INTEGER_MAX),
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
