/**
 * Keeps every session registered with the owner of its user's partition.
 *
 *   a route changes ─┬─► sessions of the partition: not registered any more, everything in flight RETRY_LATER
 *                    ├─► requests to targets in the partition: RETRY_LATER
 *                    └─► sessions whose partition has an owner: Register, at most `WINDOW` ahead of the answers
 *
 * The window is there for what clients send meanwhile: it would queue behind all sessions of all gates. A session whose
 * client asks for something goes first. One pass over the table for a change, however many partitions it concerns. Nothing is sent twice from here: the client
 * decides, and is held until it does.
 */
import { CloseReason, ErrorCode, writeError } from '../protocol/index.ts';
import type { LogicLinks } from '../trunk/logic-links.ts';
import { writeClosed, writeRegister } from '../trunk/trunk-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import { capabilitiesOf } from './capability-flags.ts';
import { ConnectionFlag, ConnectionState, type ConnectionTable } from './connection-table.ts';
import type { Connections } from './connections.ts';
import type { ProtocolErrors } from './protocol-errors.ts';
import type { RequestTracker } from './request-tracker.ts';
import type { SessionPartitions } from './session-partitions.ts';

/** Sessions of this gate that owners may have before they have answered; there may be dozens of gates. */
const WINDOW = 200;
const NONE = -1;
const everything = (): boolean => true;

export class Registrar {
  readonly #connections: Connections;
  readonly #table: ConnectionTable;
  readonly #requests: RequestTracker;
  readonly #errors: ProtocolErrors;
  readonly #partitions: SessionPartitions;
  readonly #links: LogicLinks;
  readonly #retryAfterMs: () => number;
  /** Registered and not answered yet. */
  #unanswered = 0;
  /** Slot from which on sessions are still to be registered; NONE when all are. */
  #next: number = NONE;
  #again = false;

  constructor(
    connections: Connections,
    requests: RequestTracker,
    errors: ProtocolErrors,
    partitions: SessionPartitions,
    links: LogicLinks,
    retryAfterMs: () => number,
  ) {
    this.#connections = connections;
    this.#table = connections.table;
    this.#requests = requests;
    this.#errors = errors;
    this.#partitions = partitions;
    this.#links = links;
    this.#retryAfterMs = retryAfterMs;
    connections.onClosing((slot, reason) => this.#closed(slot, reason));
  }

  /** The store has another number of partitions. */
  repartition(count: number): void {
    const table = this.#table;
    this.#partitions.partitions = count;
    table.forEach((slot) => {
      if (table.state[slot] !== ConnectionState.Ready) return;
      const { app, uid } = table.identity(slot);
      this.#partitions.identify(slot, app, uid, table.capacity);
    });
  }

  routesChanged(changed: readonly number[]): void {
    const isChanged = new Uint8Array(this.#links.routes.partitions);
    for (const partition of changed) isChanged[partition] = 1;
    const isGone = (partition: number): boolean => isChanged[partition] === 1;
    const table = this.#table;
    table.forEach((slot) => {
      const hasMoved = isGone(this.#partitions.homeOf(slot));
      if (hasMoved) this.#unregister(slot);
      if (this.#requests.inFlight(slot) > 0) this.#abandon(slot, hasMoved ? everything : isGone);
    });
    if (this.#next === NONE) this.#next = 0;
    else this.#again = true;
    this.#goOn();
  }

  /** A client asks before its session is known: registers it out of turn. False when its user has no owner. */
  hurry(slot: number): boolean {
    this.#register(slot);
    return this.#isUnanswered(slot);
  }

  /** A session is about to be confirmed, or is not with that owner any more: the next ones may follow. */
  answered(slot: number): void {
    if (!this.#isUnanswered(slot)) return;
    this.#unanswered--;
    if (this.#next !== NONE && this.#unanswered <= WINDOW / 2) this.#goOn();
  }

  /** Tells the home, with the last that the device acknowledged. */
  #closed(slot: number, reason: CloseReason): void {
    this.#requests.forget(slot);
    this.answered(slot);
    const table = this.#table;
    const link = this.#links.routes.linkOf(this.#partitions.homeOf(slot));
    if (link === undefined || ((table.flags[slot] as number) & ConnectionFlag.Registered) === 0) return;
    const epoch = table.epoch[slot] as number;
    writeClosed(link.writer, slot, table.serial[slot] as number, reason, epoch, table.ackedSeq[slot] as number);
    link.touch();
  }

  #unregister(slot: number): void {
    const table = this.#table;
    if (this.#isUnanswered(slot)) this.#unanswered--;
    table.flags[slot] = (table.flags[slot] as number) & ~(ConnectionFlag.Registered | ConnectionFlag.Known);
    if (table.state[slot] === ConnectionState.LoggingIn) {
      this.#connections.close(slot, CloseReason.Unavailable, this.#retryAfterMs());
    }
  }

  /** What is in flight to these partitions has an unknown outcome. */
  #abandon(slot: number, isGone: (partition: number) => boolean): void {
    const retryAfterMs = this.#retryAfterMs();
    let sends = 0;
    this.#requests.abandon(slot, isGone, (requestId, isSend) => {
      if (isSend) sends++;
      writeError(this.#connections.writer, requestId, { code: ErrorCode.RetryLater, retryAfterMs, detail: '' });
      if (this.#connections.send(slot)) this.#errors.answered(slot, ErrorCode.RetryLater);
    });
    if (sends > 0 && this.#table.state[slot] === ConnectionState.Ready) this.#requests.hold(slot);
  }

  #goOn(): void {
    let next = this.#next;
    while (next !== NONE && this.#unanswered < WINDOW) {
      next = this.#table.forEach(this.#register, next, WINDOW - this.#unanswered);
      if (next !== NONE || !this.#again) continue;
      this.#again = false;
      next = 0;
    }
    this.#next = next;
  }

  #isUnanswered(slot: number): boolean {
    const flags = this.#table.flags[slot] as number;
    const isRegistered = (flags & (ConnectionFlag.Registered | ConnectionFlag.Known)) === ConnectionFlag.Registered;
    return isRegistered && this.#table.state[slot] === ConnectionState.Ready;
  }

  readonly #register = (slot: number): void => {
    const table = this.#table;
    const flags = table.flags[slot] as number;
    if (table.state[slot] !== ConnectionState.Ready || (flags & ConnectionFlag.Registered) !== 0) return;
    const link = this.#links.routes.linkOf(this.#partitions.homeOf(slot));
    if (link === undefined) return;
    table.flags[slot] = flags | ConnectionFlag.Registered;
    this.#unanswered++;
    this.#writeRegister(link, slot, flags);
    link.touch();
  };

  #writeRegister(link: TrunkLink, slot: number, flags: number): void {
    const table = this.#table;
    writeRegister(link.writer, slot, table.serial[slot] as number, {
      ...table.identity(slot),
      generation: table.generation[slot] as number,
      capabilities: capabilitiesOf(flags),
      epoch: table.epoch[slot] as number,
      ackedSeq: table.ackedSeq[slot] as number,
      loggedInAtS: table.loggedInAtS[slot] as number,
    });
  }
}
