/**
 * Device cursors: acknowledgements come often, writes are rare.
 *
 *   Cursor, SYNC, login ──► session.ackedSeq, newest only ──every flushMs──► CursorOperation per moved session
 *   the session closes  ─────────────────────────────────────at once──────► CursorOperation
 *
 * An acknowledgement that is lost with the process costs a repeated delivery to a device that keeps no state of its
 * own, never a message. One timer, armed only while something has moved.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { AppId, DeviceId, Epoch, PartitionNumber, Seq, Uid } from '../model/ids.ts';
import { type CursorOperation, OperationType, type Store } from '../store/store.ts';
import type { LogicCounters } from './logic-counters.ts';
import type { LiveSession } from './session-lifecycle.ts';

class SessionCursor implements CursorOperation {
  readonly type: typeof OperationType.Cursor = OperationType.Cursor;
  readonly app: AppId;
  readonly uid: Uid;
  readonly deviceId: DeviceId;
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly context: LiveSession;

  constructor(session: LiveSession) {
    this.app = session.app;
    this.uid = session.uid;
    this.deviceId = session.deviceId;
    this.epoch = session.epoch;
    this.seq = session.ackedSeq;
    this.context = session;
  }
}

export class Cursors {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #flushMs: number;
  readonly #counters: LogicCounters;
  #moved: Set<LiveSession> = new Set();
  #timer: TimerHandle | undefined;

  constructor(store: Store, clock: Clock, flushMs: number, counters: LogicCounters) {
    this.#store = store;
    this.#clock = clock;
    this.#flushMs = flushMs;
    this.#counters = counters;
  }

  /** The device holds everything ≤ seq. Never moves back within an epoch; an older epoch is ignored. */
  acknowledge(session: LiveSession, epoch: number, seq: number): void {
    if (session.sendOnly || epoch < session.epoch) return;
    if (epoch === session.epoch && seq <= session.ackedSeq) return;
    session.epoch = epoch as Epoch;
    session.ackedSeq = seq as Seq;
    this.#move(session);
  }

  /**
   * As `acknowledge`, from a gate that has not told it before. The session may have registered with the same place just
   * now, which nobody has written then.
   */
  report(session: LiveSession, epoch: number, seq: number): void {
    if (epoch === session.epoch && seq === session.ackedSeq && seq > 0 && !session.sendOnly) this.#move(session);
    else this.acknowledge(session, epoch, seq);
  }

  /** The session ends: its cursor is written now, if it has moved. */
  flushOne(session: LiveSession): void {
    if (this.#moved.delete(session)) this.#submit(session);
  }

  /** @param partition these alone, for its owner changes */
  flush(partition?: PartitionNumber): void {
    if (partition !== undefined) {
      for (const session of this.#moved) if (session.partition === partition) this.flushOne(session);
      return;
    }
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    const moved = this.#moved;
    this.#moved = new Set();
    for (const session of moved) this.#submit(session);
  }

  /** Not written: comes along with the next flush while the session lives. */
  refused(operation: CursorOperation): void {
    const session = operation.context as LiveSession;
    if (!session.ended) this.#move(session);
  }

  #move(session: LiveSession): void {
    this.#moved.add(session);
    this.#timer ??= this.#clock.setTimer(this.#flushDue, this.#flushMs);
  }

  readonly #flushDue = (): void => {
    this.#timer = undefined;
    this.flush();
  };

  #submit(session: LiveSession): void {
    this.#counters.cursorsOut++;
    this.#store.submit(new SessionCursor(session));
  }
}
