/**
 * Writes trunk frames (`trunk-protocol.ts` says what they are). A client's body travels as one binary, copied once and
 * never decoded on the way. Writers put fields straight into the link's batch. The frames between api and logic are in
 * `api-frames.ts`, the first ones of a link in `handshake-frames.ts`, those about guests in `guest-frames.ts`.
 */
import { INTEGER_MAX, type MessagePackReader, type MessagePackWriter } from '../protocol/index.ts';
import { type LoginAcceptedFrame, type RegisterFrame, type SessionIdentity, TrunkCommand } from './trunk-protocol.ts';

const U32 = 0xffffffff;

/** Ping and Pong. */
export function writeEmpty(writer: MessagePackWriter, command: TrunkCommand): void {
  const start = writer.beginFrame(command, 0);
  writer.arrayHeader(0);
  writer.endFrame(start);
}

export function writeLogin(
  writer: MessagePackWriter,
  slot: number,
  serial: number,
  remoteAddress: string,
  bytes: Uint8Array,
  bodyStart: number,
  bodyEnd: number,
): void {
  const start = writer.beginFrame(TrunkCommand.Login, slot);
  writer.arrayHeader(3);
  writer.uint(serial);
  writer.str(remoteAddress);
  writeRange(writer, bytes, bodyStart, bodyEnd);
  writer.endFrame(start);
}

export function writeForward(
  writer: MessagePackWriter,
  slot: number,
  serial: number,
  command: number,
  requestId: number,
  bytes: Uint8Array,
  bodyStart: number,
  bodyEnd: number,
): void {
  const start = writer.beginFrame(TrunkCommand.Forward, slot);
  writer.arrayHeader(4);
  writer.uint(serial);
  writer.uint(command);
  writer.uint(requestId);
  writeRange(writer, bytes, bodyStart, bodyEnd);
  writer.endFrame(start);
}

/** Cursor (the device acknowledged everything ≤ seq) and Repush (push again everything after seq). */
export function writePosition(
  writer: MessagePackWriter,
  command: typeof TrunkCommand.Cursor | typeof TrunkCommand.Repush | typeof TrunkCommand.Head,
  slot: number,
  serial: number,
  epoch: number,
  seq: number,
): void {
  const start = writer.beginFrame(command, slot);
  writer.arrayHeader(3);
  writer.uint(serial);
  writer.uint(epoch);
  writer.uint(seq);
  writer.endFrame(start);
}

export function writeClosed(
  writer: MessagePackWriter,
  slot: number,
  serial: number,
  reason: number,
  epoch: number,
  ackedSeq: number,
): void {
  const start = writer.beginFrame(TrunkCommand.Closed, slot);
  writer.arrayHeader(4);
  writer.uint(serial);
  writer.uint(reason);
  writer.uint(epoch);
  writer.uint(ackedSeq);
  writer.endFrame(start);
}

export function writeRegister(writer: MessagePackWriter, slot: number, serial: number, frame: RegisterFrame): void {
  const start = writer.beginFrame(TrunkCommand.Register, slot);
  writer.arrayHeader(10);
  writer.uint(serial);
  writeIdentity(writer, frame);
  writer.uint(frame.epoch);
  writer.uint(frame.ackedSeq);
  writer.uint(frame.loggedInAtS);
  writer.endFrame(start);
}

export function writeLoginAccepted(
  writer: MessagePackWriter,
  slot: number,
  serial: number,
  frame: LoginAcceptedFrame,
): void {
  const start = writer.beginFrame(TrunkCommand.LoginAccepted, slot);
  writer.arrayHeader(16);
  writer.uint(serial);
  writeIdentity(writer, frame);
  writer.uint(frame.epoch);
  writer.uint(frame.head);
  writer.uint(frame.floor);
  writer.uint(frame.cursor);
  writer.uint(frame.startSeq);
  writer.str(frame.ticket);
  writer.bool(frame.resync);
  writer.uint(frame.loggedInAtS);
  writer.uint(frame.sessionExpiresAtMs);
  writer.endFrame(start);
}

export function writeLoginRefused(
  writer: MessagePackWriter,
  slot: number,
  serial: number,
  reason: number,
  retryAfterMs: number,
  detail: string,
): void {
  const start = writer.beginFrame(TrunkCommand.LoginRefused, slot);
  writer.arrayHeader(4);
  writer.uint(serial);
  writer.uint(reason);
  writer.uint(retryAfterMs);
  writer.str(detail);
  writer.endFrame(start);
}

/**
 * Begins a Reply whose client body the caller writes next, with `writer` itself; `endBody` closes both.
 *
 * @param epoch, ackedSeq, pushedSeq what the reply means for the connection's window: everything ≤ ackedSeq counts as
 *   acknowledged, everything ≤ pushedSeq has been sent. In another epoch than the connection's they replace its
 *   positions, in the same one they only raise them. All 0: no meaning.
 */
export function beginReply(
  writer: MessagePackWriter,
  slot: number,
  serial: number,
  command: number,
  requestId: number,
  epoch: number,
  ackedSeq: number,
  pushedSeq: number,
): number {
  const start = writer.beginFrame(TrunkCommand.Reply, slot);
  writer.arrayHeader(7);
  writer.uint(serial);
  writer.uint(command);
  writer.uint(requestId);
  writer.uint(epoch);
  writer.uint(ackedSeq);
  writer.uint(pushedSeq);
  return start;
}

/** Begins a Push of one MESSAGE; the caller writes its body as for `beginReply`. */
export function beginPush(writer: MessagePackWriter, slot: number, serial: number, epoch: number, seq: number): number {
  const start = writer.beginFrame(TrunkCommand.Push, slot);
  writer.arrayHeader(4);
  writer.uint(serial);
  writer.uint(epoch);
  writer.uint(seq);
  return start;
}

/** A binary whose length is not known yet: five bytes of head, patched by `endBody`. Returns its offset. */
export function beginBody(writer: MessagePackWriter): number {
  const at = writer.position;
  writer.ensure(5);
  writer.position = at + 5;
  return at;
}

/** Ends the client body begun at `bodyStart` and the frame begun at `frameStart`. */
export function endBody(writer: MessagePackWriter, frameStart: number, bodyStart: number): void {
  writer.endBin(bodyStart);
  writer.endFrame(frameStart);
}

/** A Reply or Push whose body exists as bytes. */
export function writeBodyBytes(writer: MessagePackWriter, frameStart: number, bytes: Uint8Array): void {
  writer.bin(bytes);
  writer.endFrame(frameStart);
}

/** One client frame for many slots: `targets` holds (slot u32, serial u32) pairs, big-endian. */
export function writeMulticast(
  writer: MessagePackWriter,
  command: number,
  targets: Uint8Array,
  bytes: Uint8Array,
): void {
  const start = writer.beginFrame(TrunkCommand.Multicast, 0);
  writer.arrayHeader(3);
  writer.uint(command);
  writer.bin(targets);
  writer.bin(bytes);
  writer.endFrame(start);
}

/** The timeline has a new epoch: the client must pull everything from `floor` on. */
export function writeTrunkResync(
  writer: MessagePackWriter,
  slot: number,
  serial: number,
  epoch: number,
  floor: number,
  head: number,
): void {
  const start = writer.beginFrame(TrunkCommand.Resync, slot);
  writer.arrayHeader(4);
  writer.uint(serial);
  writer.uint(epoch);
  writer.uint(floor);
  writer.uint(head);
  writer.endFrame(start);
}

/** Ends a session: the gate sends KICK first when `deviceType` is given (may be empty), then CLOSE. */
export function writeEndSession(
  writer: MessagePackWriter,
  slot: number,
  serial: number,
  reason: number,
  kick: boolean,
  deviceType: string,
): void {
  const start = writer.beginFrame(TrunkCommand.EndSession, slot);
  writer.arrayHeader(4);
  writer.uint(serial);
  writer.uint(reason);
  writer.bool(kick);
  writer.str(deviceType);
  writer.endFrame(start);
}

function writeIdentity(writer: MessagePackWriter, identity: SessionIdentity): void {
  writer.str(identity.app);
  writer.str(identity.uid);
  writer.str(identity.deviceType);
  writer.str(identity.deviceId);
  writer.uint(identity.generation);
  writer.uint(identity.capabilities);
}

/** The counterpart of `writeIdentity`; the caller checks `failed`. */
export function readIdentity(reader: MessagePackReader): SessionIdentity {
  return {
    app: reader.str(),
    uid: reader.str(),
    deviceType: reader.str(),
    deviceId: reader.str(),
    generation: reader.uint(INTEGER_MAX),
    capabilities: reader.uint(U32),
  };
}

function writeRange(writer: MessagePackWriter, bytes: Uint8Array, start: number, end: number): void {
  writer.binHeader(end - start);
  writer.raw(bytes, start, end);
}
