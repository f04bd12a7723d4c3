/**
 * Reads the trunk frames that a gate gets and hands them to typed handlers. One shared cursor, numbers and byte ranges
 * instead of objects on the hot frames (reply, push).
 */
import { INTEGER_MAX, MessagePackReader } from '../protocol/index.ts';
import { readIdentity } from './trunk-frames.ts';
import { type LoginAcceptedFrame, TrunkCommand } from './trunk-protocol.ts';

const U32 = 0xffffffff;
const reader = new MessagePackReader();

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
  onResync(slot: number, serial: number, epoch: number, floor: number, head: number): void;
  onEndSession(slot: number, serial: number, reason: number, kick: boolean, deviceType: string): void;
  /** A command that went to the owner of its target breaks the rules: the connection ends. */
  onEndGuest(slot: number, serial: number, reason: number): void;
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
    case TrunkCommand.EndGuest:
      return dispatchEndGuest(handler, slot, first);
    case TrunkCommand.Resync:
      return dispatchResync(handler, slot, first);
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

function dispatchEndGuest(handler: GateFrameHandler, slot: number, serial: number): boolean {
  const reason = reader.uint(0xff);
  if (reader.failed) return false;
  handler.onEndGuest(slot, serial, reason);
  return true;
}

function dispatchResync(handler: GateFrameHandler, slot: number, serial: number): boolean {
  const epoch = reader.uint(U32);
  const floor = reader.uint(INTEGER_MAX);
  const head = reader.uint(INTEGER_MAX);
  if (reader.failed) return false;
  handler.onResync(slot, serial, epoch, floor, head);
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
    ...readIdentity(reader),
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
