/**
 * The gate's side of the trunk: logins and requests out; answers, pushes and endings in.
 *
 *   commands of a session ─► owner of its user's partition          (home; knows the session)
 *   commands to a target  ─► owner of the target's partition        (as a guest there, unless it is the home)
 *
 * The gate never re-sends; what follows when an owner goes or changes stands in `registrar.ts`. Only the home speaks about
 * a session: what a past owner still says is dropped.
 */
import type { Random } from '../clock/random.ts';
import {
  type CloseReason,
  Command,
  ErrorCode,
  readConnect,
  readError,
  TARGET_COMMANDS,
  writeKick,
} from '../protocol/index.ts';
import { dispatchToGate, type GateFrameHandler } from '../trunk/gate-dispatch.ts';
import { writeForwardFor } from '../trunk/guest-frames.ts';
import { LogicLinks, type LogicLinksOptions, type LogicLinksOwner } from '../trunk/logic-links.ts';
import { writeForward, writeLogin, writePosition } from '../trunk/trunk-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import { HOME_FRAMES, type LoginAcceptedFrame, TrunkCommand } from '../trunk/trunk-protocol.ts';
import { type AnnouncedLimits, writeWelcome } from './announced-limits.ts';
import { capabilitiesOf, flagsOf } from './capability-flags.ts';
import { ConnectionFlag, ConnectionState, type ConnectionTable } from './connection-table.ts';
import type { Connections } from './connections.ts';
import type { DeliveryWindow } from './delivery-window.ts';
import type { ProtocolErrors } from './protocol-errors.ts';
import { Registrar } from './registrar.ts';
import { NO_REQUEST, type RequestTracker } from './request-tracker.ts';
import { awayMs, registeringMs } from './retry-waits.ts';
import { SessionPartitions } from './session-partitions.ts';

/** No partition: the request cannot go anywhere now. */
export const NOWHERE = -1;
/** After these a SEND was not stored and may be repeated: what follows it must wait. */
const HOLDING_ERRORS: ReadonlySet<number> = new Set([ErrorCode.Busy, ErrorCode.StoreUnavailable, ErrorCode.RetryLater]);

export class LogicSide implements LogicLinksOwner, GateFrameHandler {
  readonly links: LogicLinks;
  readonly #connections: Connections;
  readonly #table: ConnectionTable;
  readonly #window: DeliveryWindow;
  readonly #requests: RequestTracker;
  readonly #errors: ProtocolErrors;
  readonly #random: Random;
  readonly #announced: AnnouncedLimits;
  /** Whether remote addresses are read for logins (they cost memory). */
  readonly #tellAddress: boolean;
  readonly #partitions: SessionPartitions = new SessionPartitions();
  readonly #registrar: Registrar;

  constructor(
    connections: Connections,
    window: DeliveryWindow,
    requests: RequestTracker,
    errors: ProtocolErrors,
    announced: AnnouncedLimits,
    tellAddress: boolean,
    links: LogicLinksOptions,
  ) {
    this.links = new LogicLinks(links, this);
    this.#connections = connections;
    this.#table = connections.table;
    this.#window = window;
    this.#requests = requests;
    this.#errors = errors;
    this.#random = links.random;
    this.#announced = announced;
    this.#tellAddress = tellAddress;
    this.#registrar = new Registrar(connections, requests, errors, this.#partitions, this.links, () =>
      this.retryAfterMs(),
    );
  }

  /** Whether any logic is there. */
  get up(): boolean {
    return this.links.up;
  }

  /** A jittered wait for clients that come while no logic is there. */
  retryAfterMs(): number {
    return awayMs(this.#random);
  }

  /** When a client whose request can go nowhere now should come again: soon when its session is being registered. */
  comeAgainMs(slot: number): number {
    return this.#registrar.hurry(slot) ? registeringMs(this.#random) : this.retryAfterMs();
  }

  /** Passes a CONNECT on; false when its user has no owner now. */
  login(slot: number, bytes: Buffer, start: number, end: number): boolean {
    const table = this.#table;
    // A CONNECT that cannot be read has no user: any owner refuses it.
    const { app, uid } = readConnect(bytes, start, end) ?? { app: '', uid: '' };
    if (!this.up) return false;
    this.#partitions.identify(slot, app, uid, table.capacity);
    const link = this.#home(slot);
    if (link === undefined) return false;
    const address = this.#tellAddress ? (table.streams[slot]?.remoteAddress ?? '') : '';
    writeLogin(link.writer, slot, table.serial[slot] as number, address, bytes, start, end);
    link.touch();
    table.flags[slot] = (table.flags[slot] as number) | ConnectionFlag.Registered;
    return true;
  }

  /**
   * The partition that a request goes to; `NOWHERE` while there is no owner that would take it. Another than the home takes
   * a request only of a session that its home has confirmed.
   */
  destination(slot: number, command: number, bytes: Buffer, start: number, end: number): number {
    const flags = this.#table.flags[slot] as number;
    if ((flags & ConnectionFlag.Registered) === 0) return NOWHERE;
    const home = this.#partitions.homeOf(slot);
    if (command < TARGET_COMMANDS.first) return home;
    const target = this.#partitions.targetOf(slot, bytes, start, end);
    const { routes } = this.links;
    const link = routes.linkOf(target);
    if (link === routes.linkOf(home)) return target;
    return link === undefined || (flags & ConnectionFlag.Known) === 0 ? NOWHERE : target;
  }

  /** @param partition what `destination` has answered just now */
  forward(
    slot: number,
    partition: number,
    command: number,
    tag: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const link = this.links.routes.linkOf(partition) as TrunkLink;
    const table = this.#table;
    const serial = table.serial[slot] as number;
    if (link === this.#home(slot)) writeForward(link.writer, slot, serial, command, tag, bytes, start, end);
    else {
      const capabilities = capabilitiesOf(table.flags[slot] as number);
      const identity = table.identityText(slot);
      const generation = table.generation[slot] as number;
      const { writer } = link;
      writeForwardFor(writer, slot, serial, identity, generation, capabilities, command, tag, bytes, start, end);
      this.#connections.counters.guestForwards++;
    }
    link.touch();
  }

  /** Asks for everything after `after` once more. */
  repush(slot: number, after: number): boolean {
    if (!this.#isRegistered(slot)) return false;
    this.#writePosition(TrunkCommand.Repush, slot, after);
    return true;
  }

  /** Reports the acknowledged seq of a connection whose cursor has moved since the last call. False: not now. */
  reportCursor(slot: number): boolean {
    const flags = this.#table.flags[slot] as number;
    if ((flags & ConnectionFlag.CursorDirty) === 0) return true;
    if (!this.#isRegistered(slot)) return false;
    this.#table.flags[slot] = flags & ~ConnectionFlag.CursorDirty;
    this.#writePosition(TrunkCommand.Cursor, slot, this.#table.ackedSeq[slot] as number);
    return true;
  }

  onPartitions(count: number): void {
    this.#registrar.repartition(count);
  }

  onRoutesChanged(partitions: readonly number[]): void {
    this.#registrar.routesChanged(partitions);
  }

  onFrame(link: TrunkLink, command: number, slot: number, bytes: Buffer, start: number, end: number): boolean {
    if (HOME_FRAMES[command] === 1 && link !== this.#home(slot)) {
      this.#connections.counters.staleFrames++;
      return true;
    }
    return dispatchToGate(this, command, slot, bytes, start, end);
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
    table.flags[slot] = ConnectionFlag.Registered | ConnectionFlag.Known | flagsOf(frame.capabilities);
    this.#window.restart(slot, frame.epoch, frame.startSeq, frame.head);
    const requestId = this.#requests.takeOldest(slot);
    writeWelcome(this.#connections.writer, requestId, frame, this.#announced, this.#connections.clock.wallMs());
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
    tag: number,
    epoch: number,
    ackedSeq: number,
    pushedSeq: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (!this.#isLive(slot, serial)) return;
    const code = command === Command.Error ? (readError(bytes, start, end)?.code ?? 0) : 0;
    if (code !== 0 && HOLDING_ERRORS.has(code) && this.#requests.isSend(slot, tag)) this.#requests.hold(slot);
    const requestId = this.#requests.end(slot, tag);
    if (requestId === NO_REQUEST) {
      this.#connections.counters.staleFrames++;
      return;
    }
    if (!this.#connections.sendBody(slot, command, requestId, bytes, start, end)) return;
    if (epoch !== 0) this.#window.replied(slot, command, epoch, ackedSeq, pushedSeq, end - start);
    if (command === Command.Error) this.#errors.answered(slot, code);
  }

  onPush(slot: number, serial: number, epoch: number, seq: number, bytes: Buffer, start: number, end: number): void {
    if (this.#isLive(slot, serial)) this.#window.push(slot, epoch, seq, bytes, start, end);
  }

  onMulticast(command: number, targets: Buffer, bytes: Buffer, start: number, end: number): void {
    this.#connections.sendBodyToAll(targets, command, bytes, start, end);
  }

  onHead(slot: number, serial: number, epoch: number, head: number): void {
    if (this.#isLive(slot, serial)) this.#head(slot, epoch, head);
  }

  onResync(slot: number, serial: number, epoch: number, floor: number, head: number): void {
    if (!this.#isLive(slot, serial)) return;
    if (this.#table.epoch[slot] === epoch) this.#head(slot, epoch, head);
    else this.#window.resync(slot, epoch, floor, head);
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

  onEndGuest(slot: number, serial: number, reason: number): void {
    if (this.#isLive(slot, serial)) this.#connections.close(slot, reason as CloseReason);
  }

  /** False, and counted, when the frame is about a connection that has gone. */
  #isLive(slot: number, serial: number): boolean {
    if (this.#connections.isReady(slot, serial)) return true;
    this.#connections.counters.staleFrames++;
    return false;
  }

  #head(slot: number, epoch: number, head: number): void {
    this.#registrar.answered(slot);
    this.#window.head(slot, epoch, head);
  }

  #writePosition(command: typeof TrunkCommand.Repush | typeof TrunkCommand.Cursor, slot: number, seq: number): void {
    const link = this.#home(slot) as TrunkLink;
    const table = this.#table;
    writePosition(link.writer, command, slot, table.serial[slot] as number, table.epoch[slot] as number, seq);
    link.touch();
  }

  #home(slot: number): TrunkLink | undefined {
    return this.links.routes.linkOf(this.#partitions.homeOf(slot));
  }

  /** Whether the owner of the session's user knows it. */
  #isRegistered(slot: number): boolean {
    return ((this.#table.flags[slot] as number) & ConnectionFlag.Registered) !== 0;
  }
}
