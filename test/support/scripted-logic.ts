/**
 * The logic's end of the trunk, as a test wants it: keeps every frame that gates send, accepts logins unless told
 * otherwise, and says what the test says. Seqs and epochs mean what the test makes of them.
 */
import type { Clock } from '../../src/clock/clock.ts';
import type { Address, Transport } from '../../src/net/transport.ts';
import {
  Command,
  type ConnectBody,
  Durability,
  type ErrorCode,
  type MessagePackWriter,
  readConnect,
  writeErrorBody,
  writeMessageBody,
  writeSendackBody,
  writeSyncackBody,
} from '../../src/protocol/index.ts';
import { writeEndGuest } from '../../src/trunk/guest-frames.ts';
import { dispatchToLogic, type LogicFrameHandler } from '../../src/trunk/trunk-dispatch.ts';
import {
  beginBody,
  beginPush,
  beginReply,
  endBody,
  writeEndSession,
  writeLoginAccepted,
  writeLoginRefused,
  writeMulticast,
  writePosition,
  writeTrunkResync,
} from '../../src/trunk/trunk-frames.ts';
import type { TrunkLink } from '../../src/trunk/trunk-link.ts';
import {
  type LoginAcceptedFrame,
  type RegisterFrame,
  type SessionIdentity,
  TRUNK_VERSION,
  TrunkCommand,
} from '../../src/trunk/trunk-protocol.ts';
import { TrunkServer, type TrunkServerOwner } from '../../src/trunk/trunk-server.ts';
import { PARTITIONS, tellOwned } from './owned.ts';

const ALL_PARTITIONS: readonly number[] = Array.from({ length: PARTITIONS }, (_, partition) => partition);
export const TRUNK_ADDRESS: Address = { path: '/logic' };
export const TRUNK_TIMES = { heartbeatMs: 2000, heartbeatMisses: 3 };
export const EPOCH = 7;

/** The connection that a frame is about. */
export interface Session {
  readonly link: TrunkLink;
  readonly slot: number;
  readonly serial: number;
}

export interface LoginRecord extends Session {
  readonly address: string;
  readonly connect: ConnectBody | undefined;
}

export interface ForwardRecord extends Session {
  readonly command: number;
  readonly requestId: number;
  readonly body: Buffer;
}

export interface PositionRecord extends Session {
  readonly epoch: number;
  readonly seq: number;
}

export interface ClosedRecord extends PositionRecord {
  readonly reason: number;
}

/** What a reply means for the window. */
export interface ReplyPosition {
  readonly epoch: number;
  readonly ackedSeq: number;
  readonly pushedSeq: number;
}

const NO_POSITION: ReplyPosition = { epoch: 0, ackedSeq: 0, pushedSeq: 0 };
const MESSAGE_ID_FIRST = 1000;

export class ScriptedLogic implements TrunkServerOwner, LogicFrameHandler<TrunkLink> {
  readonly logins: LoginRecord[] = [];
  readonly forwards: ForwardRecord[] = [];
  readonly cursors: PositionRecord[] = [];
  readonly repushes: PositionRecord[] = [];
  readonly closed: ClosedRecord[] = [];
  readonly registers: (Session & RegisterFrame)[] = [];
  /** Links that came up, oldest first. */
  readonly links: TrunkLink[] = [];
  /** What logins are accepted with; false leaves them to the test. */
  accepting: Partial<LoginAcceptedFrame> | false = {};
  /** What it says it owns. */
  owned: readonly number[] = ALL_PARTITIONS;
  ownerEpoch = 1;
  readonly guests: (Session & SessionIdentity)[] = [];
  /** Forwards that came for a session of another owner; they are among `forwards`. */
  guestForwards = 0;
  /** Answers every SEND with SENDACK. */
  acknowledging = false;
  readonly #server: TrunkServer;

  constructor(
    transport: Transport,
    clock: Clock,
    bootId = 'logic1',
    address: Address = TRUNK_ADDRESS,
    partitions: number = PARTITIONS,
  ) {
    const welcome = { version: TRUNK_VERSION, bootId, partitions, durability: Durability.Disk };
    this.#server = new TrunkServer({ transport, clock, addresses: [address], times: TRUNK_TIMES, welcome }, this);
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** The session of the last login. */
  get lastLogin(): LoginRecord {
    return this.logins.at(-1) as LoginRecord;
  }

  get lastForward(): ForwardRecord {
    return this.forwards.at(-1) as ForwardRecord;
  }

  accept(login: LoginRecord, overrides: Partial<LoginAcceptedFrame> = {}): void {
    const { app = '', uid = '', deviceType = '', deviceId = '', capabilities = 0 } = login.connect ?? {};
    const identity = { app, uid, deviceType, deviceId, capabilities, generation: 1 };
    const position = { epoch: EPOCH, head: 0, floor: 1, cursor: 0, startSeq: 0 };
    const frame = {
      ...identity,
      ...position,
      ticket: '',
      resync: false,
      loggedInAtS: 5,
      sessionExpiresAtMs: 0,
      ...overrides,
    };
    writeLoginAccepted(login.link.writer, login.slot, login.serial, frame);
    login.link.touch();
  }

  refuse(login: LoginRecord, reason: number, retryAfterMs = 0, detail = ''): void {
    writeLoginRefused(login.link.writer, login.slot, login.serial, reason, retryAfterMs, detail);
    login.link.touch();
  }

  /** Answers with any command and a body written by `write`. */
  reply(
    to: ForwardRecord,
    command: number,
    write: (writer: MessagePackWriter) => void,
    position: ReplyPosition = NO_POSITION,
  ): void {
    const { writer } = to.link;
    const { epoch, ackedSeq, pushedSeq } = position;
    const frame = beginReply(writer, to.slot, to.serial, command, to.requestId, epoch, ackedSeq, pushedSeq);
    const body = beginBody(writer);
    write(writer);
    endBody(writer, frame, body);
    to.link.touch();
  }

  sendack(to: ForwardRecord, ownSeq = 0, ownEpoch: number = EPOCH): void {
    const body = { messageId: MESSAGE_ID_FIRST, serverTimeMs: 1, dup: false, durability: Durability.Disk, replicas: 0 };
    const position = ownSeq === 0 ? NO_POSITION : { epoch: ownEpoch, ackedSeq: 0, pushedSeq: ownSeq };
    this.reply(to, Command.Sendack, (writer) => writeSendackBody(writer, { ...body, ownEpoch, ownSeq }), position);
  }

  error(to: ForwardRecord, code: ErrorCode): void {
    this.reply(to, Command.Error, (writer) => writeErrorBody(writer, { code, retryAfterMs: 0, detail: '' }));
  }

  /** A page with the messages after `after` up to `last`. */
  page(to: ForwardRecord, after: number, last: number, payloadBytes = 1): void {
    const messages = Array.from({ length: last - after }, (_, index) => message(after + 1 + index, payloadBytes));
    const body = { epoch: EPOCH, head: last, floor: 1, messages };
    this.reply(to, Command.Syncack, (writer) => writeSyncackBody(writer, body), {
      epoch: EPOCH,
      ackedSeq: after,
      pushedSeq: last,
    });
  }

  push(to: Session, seq: number, payloadBytes = 1, epoch: number = EPOCH): void {
    const { writer } = to.link;
    const frame = beginPush(writer, to.slot, to.serial, epoch, seq);
    const body = beginBody(writer);
    writeMessageBody(writer, message(seq, payloadBytes, epoch));
    endBody(writer, frame, body);
    to.link.touch();
  }

  head(to: Session, head: number, epoch: number = EPOCH): void {
    writePosition(to.link.writer, TrunkCommand.Head, to.slot, to.serial, epoch, head);
    to.link.touch();
  }

  resync(to: Session, epoch: number, floor: number, head: number): void {
    writeTrunkResync(to.link.writer, to.slot, to.serial, epoch, floor, head);
    to.link.touch();
  }

  endGuest(to: Session, reason: number): void {
    writeEndGuest(to.link.writer, to.slot, to.serial, reason);
    to.link.touch();
  }

  endSession(to: Session, reason: number, kick = false, deviceType = ''): void {
    writeEndSession(to.link.writer, to.slot, to.serial, reason, kick, deviceType);
    to.link.touch();
  }

  multicast(to: readonly Session[], command: number, body: Uint8Array): void {
    const targets = Buffer.alloc(8 * to.length);
    for (const [index, { slot, serial }] of to.entries()) {
      targets.writeUInt32BE(slot, 8 * index);
      targets.writeUInt32BE(serial, 8 * index + 4);
    }
    const link = this.links.at(-1) as TrunkLink;
    writeMulticast(link.writer, command, targets, body);
    link.touch();
  }

  onLinkUp(link: TrunkLink): void {
    this.links.push(link);
    this.own(this.owned, this.ownerEpoch);
  }

  onLinkDown(): void {}

  /** From now on it owns these. */
  own(partitions: readonly number[], ownerEpoch = 1): void {
    this.owned = partitions;
    this.ownerEpoch = ownerEpoch;
    for (const link of this.links) if (!link.closed) tellOwned(link, partitions, ownerEpoch);
  }

  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    return dispatchToLogic(this, link, command, requestId, bytes, start, end);
  }

  onLogin(
    link: TrunkLink,
    slot: number,
    serial: number,
    address: string,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const login = { link, slot, serial, address, connect: readConnect(bytes, start, end) };
    this.logins.push(login);
    if (this.accepting !== false) this.accept(login, this.accepting);
  }

  onForward(
    link: TrunkLink,
    slot: number,
    serial: number,
    command: number,
    requestId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const forward = { link, slot, serial, command, requestId, body: Buffer.from(bytes.subarray(start, end)) };
    this.forwards.push(forward);
    if (this.acknowledging && command === Command.Send) this.sendack(forward);
  }

  hasGuest(link: TrunkLink, slot: number, serial: number): boolean {
    return this.guests.some((guest) => guest.link === link && guest.slot === slot && guest.serial === serial);
  }

  onGuest(link: TrunkLink, slot: number, serial: number, identity: SessionIdentity): void {
    this.guests.push({ link, slot, serial, ...identity });
  }

  onForwardFor(
    link: TrunkLink,
    slot: number,
    serial: number,
    command: number,
    requestId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    this.guestForwards++;
    this.onForward(link, slot, serial, command, requestId, bytes, start, end);
  }

  onCursor(link: TrunkLink, slot: number, serial: number, epoch: number, seq: number): void {
    this.cursors.push({ link, slot, serial, epoch, seq });
  }

  onRepush(link: TrunkLink, slot: number, serial: number, epoch: number, seq: number): void {
    this.repushes.push({ link, slot, serial, epoch, seq });
  }

  onSessionClosed(link: TrunkLink, slot: number, serial: number, reason: number, epoch: number, seq: number): void {
    this.closed.push({ link, slot, serial, reason, epoch, seq });
  }

  onRegister(link: TrunkLink, slot: number, serial: number, frame: RegisterFrame): void {
    this.registers.push({ link, slot, serial, ...frame });
  }

  onApiPush(): void {}

  onApiKick(): void {}

  onApiSessions(): void {}
  onBackup(): void {}
}

function message(seq: number, payloadBytes: number, epoch: number = EPOCH): Parameters<typeof writeMessageBody>[1] {
  const ids = { epoch, seq, messageId: MESSAGE_ID_FIRST + seq, timeMs: 1, kind: 0 };
  return { ...ids, from: 'bob', to: 'alice', clientMsgId: '', payload: Buffer.alloc(payloadBytes) };
}
