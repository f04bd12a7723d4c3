/**
 * The gate's side of the trunk: logins and requests out; answers, pushes and endings in.
 *
 * The gate never re-sends. When the link breaks, every request in flight is answered RETRY_LATER (its outcome is
 * unknown), logins are refused for now, and the connections stay. When a logic is back, all sessions are registered with
 * it again, a chunk per tick; each is then told its head, and a push that was lost in between shows as NOTIFY.
 */
import type { Clock } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import type { Logger } from '../log/logger.ts';
import { Capability, CloseReason, Command, ErrorCode, readError, writeError, writeKick } from '../protocol/index.ts';
import { dispatchToGate, type GateFrameHandler } from '../trunk/gate-dispatch.ts';
import type { TrunkDialer, TrunkDialerOwner } from '../trunk/trunk-dialer.ts';
import { writeClosed, writeForward, writeLogin, writePosition, writeRegister } from '../trunk/trunk-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import { type LoginAcceptedFrame, TrunkCommand } from '../trunk/trunk-protocol.ts';
import { type AnnouncedLimits, writeWelcome } from './announced-limits.ts';
import { ConnectionFlag, ConnectionState, type ConnectionTable } from './connection-table.ts';
import type { Connections } from './connections.ts';
import type { DeliveryWindow } from './delivery-window.ts';
import type { ProtocolErrors } from './protocol-errors.ts';
import type { RequestTracker } from './request-tracker.ts';

/** Sessions registered per tick after a logic has come back. */
const REGISTER_CHUNK = 2000;
const RETRY_AFTER_MS = 500;
const RETRY_SPREAD_MS = 1500;

export class LogicSide implements TrunkDialerOwner, GateFrameHandler {
  /** Set once by the composition: the dialer needs its owner first. */
  dialer: TrunkDialer | undefined;
  readonly #connections: Connections;
  readonly #table: ConnectionTable;
  readonly #window: DeliveryWindow;
  readonly #requests: RequestTracker;
  readonly #errors: ProtocolErrors;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #announced: AnnouncedLimits;
  readonly #log: Logger;
  /** Whether remote addresses are read for logins (they cost memory). */
  readonly #tellAddress: boolean;

  constructor(
    connections: Connections,
    window: DeliveryWindow,
    requests: RequestTracker,
    errors: ProtocolErrors,
    random: Random,
    announced: AnnouncedLimits,
    tellAddress: boolean,
    log: Logger,
  ) {
    this.#connections = connections;
    this.#table = connections.table;
    this.#window = window;
    this.#requests = requests;
    this.#errors = errors;
    this.#clock = connections.clock;
    this.#random = random;
    this.#announced = announced;
    this.#tellAddress = tellAddress;
    this.#log = log;
    connections.onClosing((slot, reason) => this.#sessionClosed(slot, reason));
  }

  get up(): boolean {
    return this.dialer?.link !== undefined;
  }

  /** A jittered wait for clients that come while no logic is there. */
  retryAfterMs(): number {
    return Math.round(RETRY_AFTER_MS + RETRY_SPREAD_MS * this.#random.fraction());
  }

  /** Passes a CONNECT on; false when no logic is there. */
  login(slot: number, bytes: Buffer, start: number, end: number): boolean {
    const link = this.dialer?.link;
    if (link === undefined) return false;
    const table = this.#table;
    const address = this.#tellAddress ? (table.streams[slot]?.remoteAddress ?? '') : '';
    writeLogin(link.writer, slot, table.serial[slot] as number, address, bytes, start, end);
    link.touch();
    table.flags[slot] = (table.flags[slot] as number) | ConnectionFlag.Registered;
    return true;
  }

  /** Whether the logic that is there knows the session. */
  canForward(slot: number): boolean {
    return this.up && ((this.#table.flags[slot] as number) & ConnectionFlag.Registered) !== 0;
  }

  forward(slot: number, command: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    const link = this.dialer?.link as TrunkLink;
    writeForward(link.writer, slot, this.#table.serial[slot] as number, command, requestId, bytes, start, end);
    link.touch();
  }

  /** Asks for everything after `after` once more. */
  repush(slot: number, after: number): boolean {
    if (!this.canForward(slot)) return false;
    this.#writePosition(TrunkCommand.Repush, slot, after);
    return true;
  }

  /** Reports the acknowledged seq of a connection whose cursor has moved since the last call. */
  reportCursor(slot: number): void {
    const flags = this.#table.flags[slot] as number;
    if ((flags & ConnectionFlag.CursorDirty) === 0 || !this.canForward(slot)) return;
    this.#table.flags[slot] = flags & ~ConnectionFlag.CursorDirty;
    this.#writePosition(TrunkCommand.Cursor, slot, this.#table.ackedSeq[slot] as number);
  }

  onUp(link: TrunkLink): void {
    this.#connections.counters.trunkUps++;
    this.#log.debug({ logic: link.peerBootId }, 'logic is there');
    this.#registerFrom(link, 0);
  }

  onFrame(_link: TrunkLink, command: number, slot: number, bytes: Buffer, start: number, end: number): boolean {
    return dispatchToGate(this, command, slot, bytes, start, end);
  }

  onDown(reason: string): void {
    this.#log.warn({ reason }, 'logic is away');
    const table = this.#table;
    table.forEach((slot) => {
      table.flags[slot] = (table.flags[slot] as number) & ~(ConnectionFlag.Registered | ConnectionFlag.Known);
      if (table.state[slot] === ConnectionState.LoggingIn) {
        this.#connections.close(slot, CloseReason.Unavailable, this.retryAfterMs());
      } else if (this.#requests.inFlight(slot) > 0) this.#abandon(slot);
    });
  }

  onLoginAccepted(slot: number, serial: number, frame: LoginAcceptedFrame): void {
    const table = this.#table;
    if (table.serial[slot] !== serial || table.state[slot] !== ConnectionState.LoggingIn) {
      this.#connections.counters.staleFrames++;
      return;
    }
    this.#connections.loggedIn(slot);
    table.identify(slot, frame.app, frame.uid, frame.deviceType, frame.deviceId);
    table.generation[slot] = frame.generation;
    table.loggedInAtS[slot] = frame.loggedInAtS;
    table.flags[slot] = ConnectionFlag.Registered | ConnectionFlag.Known | sendOnlyFlag(frame.capabilities);
    this.#window.restart(slot, frame.epoch, frame.startSeq, frame.head);
    const requestId = this.#requests.takeOldest(slot);
    writeWelcome(this.#connections.writer, requestId, frame, this.#announced, this.#clock.wallMs());
    this.#connections.send(slot);
    if (frame.resync) this.#window.resync(slot, frame.epoch, frame.floor, frame.head);
  }

  onLoginRefused(slot: number, serial: number, reason: number, retryAfterMs: number, detail: string): void {
    if (this.#table.serial[slot] !== serial || this.#table.state[slot] !== ConnectionState.LoggingIn) {
      this.#connections.counters.staleFrames++;
      return;
    }
    this.#connections.close(slot, reason as CloseReason, retryAfterMs, detail);
  }

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
  ): void {
    if (!this.#connections.isReady(slot, serial)) {
      this.#connections.counters.staleFrames++;
      return;
    }
    this.#requests.end(slot, requestId);
    if (!this.#connections.sendBody(slot, command, requestId, bytes, start, end)) return;
    if (epoch !== 0) this.#window.replied(slot, command, epoch, ackedSeq, pushedSeq, end - start);
    if (command === Command.Error) this.#errors.answered(slot, readError(bytes, start, end)?.code ?? 0);
  }

  onPush(slot: number, serial: number, epoch: number, seq: number, bytes: Buffer, start: number, end: number): void {
    if (this.#connections.isReady(slot, serial)) this.#window.push(slot, epoch, seq, bytes, start, end);
    else this.#connections.counters.staleFrames++;
  }

  onMulticast(command: number, targets: Buffer, bytes: Buffer, start: number, end: number): void {
    for (let at = 0; at + 8 <= targets.length; at += 8) {
      const slot = targets.readUInt32BE(at);
      if (this.#connections.isReady(slot, targets.readUInt32BE(at + 4))) {
        this.#connections.sendBody(slot, command, 0, bytes, start, end);
      } else this.#connections.counters.staleFrames++;
    }
  }

  onHead(slot: number, serial: number, epoch: number, head: number): void {
    if (this.#connections.isReady(slot, serial)) this.#window.head(slot, epoch, head);
    else this.#connections.counters.staleFrames++;
  }

  onEndSession(slot: number, serial: number, reason: number, kick: boolean, deviceType: string): void {
    if (!this.#table.isCurrent(slot, serial)) {
      this.#connections.counters.staleFrames++;
      return;
    }
    if (kick && this.#table.state[slot] === ConnectionState.Ready) {
      writeKick(this.#connections.writer, 0, { reason, deviceType });
      this.#connections.send(slot);
    }
    this.#connections.close(slot, reason as CloseReason);
  }

  #writePosition(command: typeof TrunkCommand.Repush | typeof TrunkCommand.Cursor, slot: number, seq: number): void {
    const link = this.dialer?.link as TrunkLink;
    const table = this.#table;
    writePosition(link.writer, command, slot, table.serial[slot] as number, table.epoch[slot] as number, seq);
    link.touch();
  }

  /** Everything in flight on the connection has an unknown outcome. */
  #abandon(slot: number): void {
    const retryAfterMs = this.retryAfterMs();
    let sends = 0;
    this.#requests.abandon(slot, (requestId, isSend) => {
      if (isSend) sends++;
      writeError(this.#connections.writer, requestId, { code: ErrorCode.RetryLater, retryAfterMs, detail: '' });
      if (this.#connections.send(slot)) this.#errors.answered(slot, ErrorCode.RetryLater);
    });
    if (sends > 0 && this.#table.state[slot] === ConnectionState.Ready) this.#requests.hold(slot);
  }

  #registerFrom(link: TrunkLink, from: number): void {
    if (link.closed) return;
    const table = this.#table;
    const register = (slot: number): void => this.#register(link, slot);
    const next = table.forEach(register, from, REGISTER_CHUNK);
    link.touch();
    if (next >= 0) this.#clock.defer(() => this.#registerFrom(link, next));
  }

  #register(link: TrunkLink, slot: number): void {
    const table = this.#table;
    const flags = table.flags[slot] as number;
    if (table.state[slot] !== ConnectionState.Ready || (flags & ConnectionFlag.Registered) !== 0) return;
    table.flags[slot] = flags | ConnectionFlag.Registered;
    writeRegister(link.writer, slot, table.serial[slot] as number, {
      ...table.identity(slot),
      generation: table.generation[slot] as number,
      capabilities: (flags & ConnectionFlag.SendOnly) !== 0 ? Capability.SendOnly : 0,
      epoch: table.epoch[slot] as number,
      ackedSeq: table.ackedSeq[slot] as number,
      loggedInAtS: table.loggedInAtS[slot] as number,
    });
  }

  #sessionClosed(slot: number, reason: CloseReason): void {
    this.#requests.forget(slot);
    const link = this.dialer?.link;
    const table = this.#table;
    if (link === undefined || ((table.flags[slot] as number) & ConnectionFlag.Registered) === 0) return;
    const epoch = table.epoch[slot] as number;
    writeClosed(link.writer, slot, table.serial[slot] as number, reason, epoch, table.ackedSeq[slot] as number);
    link.touch();
  }
}

function sendOnlyFlag(capabilities: number): number {
  return (capabilities & Capability.SendOnly) !== 0 ? ConnectionFlag.SendOnly : 0;
}
