/**
 * Reads the trunk frames that a logic gets (`trunk-frames.ts` writes them; `gate-dispatch.ts` reads the other way) and
 * hands them to typed handlers. One shared cursor, numbers and byte ranges instead of objects on the hot frames
 * (forward, cursor).
 */
import { INTEGER_MAX, MessagePackReader } from '../protocol/index.ts';
import { readBackup } from './admin-frames.ts';
import { readApiKick, readApiPush, readApiSessions } from './api-frames.ts';
import { readIdentity } from './trunk-frames.ts';
import {
  type ApiKickFrame,
  type ApiPushFrame,
  type ApiSessionsFrame,
  type BackupFrame,
  type RegisterFrame,
  type SessionIdentity,
  TrunkCommand,
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
  /** Whether the sender of this connection's `onForwardFor` is known: its identity is not read again. */
  hasGuest(link: Link, slot: number, serial: number): boolean;
  /** A connection of another owner's session is about to send to targets here. */
  onGuest(link: Link, slot: number, serial: number, identity: SessionIdentity): void;
  /** As `onForward`, from a guest. */
  onForwardFor(
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
  onBackup(link: Link, requestId: number, frame: BackupFrame): void;
}

const reader = new MessagePackReader();

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
    case TrunkCommand.ForwardFor:
      return dispatchForwardFor(handler, link, slot, serial, bytes);
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

function dispatchForwardFor<Link>(
  handler: LogicFrameHandler<Link>,
  link: Link,
  slot: number,
  serial: number,
  bytes: Buffer,
): boolean {
  const isKnown = handler.hasGuest(link, slot, serial);
  const identityStart = reader.strStart();
  const identityEnd = reader.position;
  const generation = reader.uint(INTEGER_MAX);
  const capabilities = reader.uint(U32);
  const command = reader.uint(0xff);
  const requestId = reader.uint(U32);
  const start = reader.binStart();
  if (reader.failed) return false;
  const end = reader.position;
  if (!isKnown) {
    const identity = identityOf(bytes.toString('latin1', identityStart, identityEnd), generation, capabilities);
    if (identity === undefined) return false;
    handler.onGuest(link, slot, serial, identity);
  }
  handler.onForwardFor(link, slot, serial, command, requestId, bytes, start, end);
  return true;
}

function identityOf(text: string, generation: number, capabilities: number): SessionIdentity | undefined {
  const [app, uid, deviceType, deviceId] = text.split('\0');
  if (app === undefined || uid === undefined || deviceType === undefined || deviceId === undefined) return undefined;
  return { app, uid, deviceType, deviceId, generation, capabilities };
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
    ...readIdentity(reader),
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
    case TrunkCommand.ApiPush: {
      const push = readApiPush(bytes, start, end);
      if (push !== undefined) handler.onApiPush(link, requestId, push);
      return push !== undefined;
    }
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
    case TrunkCommand.Backup: {
      const backup = readBackup(bytes, start, end);
      if (backup !== undefined) handler.onBackup(link, requestId, backup);
      return backup !== undefined;
    }
    default:
      return false;
  }
}
