/**
 * What one connection has been sent, what it has acknowledged, and what may still go out.
 *
 *        acked            pushed            head
 *   ───────●────────────────●─────────────────●──────►  seq of the user's timeline
 *          └── in flight ───┘└── to be pulled ─┘
 *
 * A MESSAGE is pushed only when it is exactly the next one (pushed + 1), the window has room (messages and bytes) and
 * the socket keeps up. Otherwise the connection degrades: one NOTIFY{head}, coalesced until the client pulls; SYNC pages
 * then move `pushed`, and pushing goes on by itself once the client has caught up. Nothing is buffered for a slow client:
 * the timeline keeps it all.
 *
 * Acknowledgements move `acked`. When the oldest push stays unacknowledged for `ackTimeoutMs`, the owner's logic is asked
 * once to push everything after `acked` again; the second time the connection ends with ACK_TIMEOUT.
 */
import { CloseReason, Command, writeNotify, writeResync } from '../protocol/index.ts';
import type { TimingWheel } from '../wheel/timing-wheel.ts';
import { ConnectionFlag, type ConnectionTable } from './connection-table.ts';
import type { Connections } from './connections.ts';
import { InFlightSizes } from './in-flight-sizes.ts';

export interface WindowLimits {
  readonly windowMessages: number;
  readonly windowBytes: number;
  readonly ackTimeoutMs: number;
  /** Unsent bytes from which a connection gets notifications instead of messages. */
  readonly outboxSoftBytes: number;
}

export class DeliveryWindow {
  /** Some cursor has moved since the owner set it back: who looks for them need not look otherwise. */
  cursorsMoved = false;
  readonly #connections: Connections;
  readonly #table: ConnectionTable;
  readonly #limits: WindowLimits;
  readonly #ackWheel: TimingWheel;
  readonly #sizes: InFlightSizes;
  /** Own copies that the client holds although what comes before them is not pushed yet: the highest, by slot. */
  readonly #heldAhead: Map<number, number> = new Map();

  constructor(connections: Connections, ackWheel: TimingWheel, limits: WindowLimits) {
    this.#connections = connections;
    this.#table = connections.table;
    this.#ackWheel = ackWheel;
    this.#limits = limits;
    this.#sizes = new InFlightSizes(limits.windowMessages);
    connections.onClosing((slot) => {
      this.#sizes.forget(slot);
      this.#heldAhead.delete(slot);
      this.#ackWheel.cancel(slot);
    });
  }

  /** A login or a RESYNC: the connection stands at `seq` in `epoch`, with nothing in flight. */
  restart(slot: number, epoch: number, seq: number, head: number): void {
    const table = this.#table;
    table.epoch[slot] = epoch;
    table.ackedSeq[slot] = seq;
    table.pushedSeq[slot] = seq;
    table.headSeq[slot] = head;
    this.#clearFlags(slot, ConnectionFlag.Notified | ConnectionFlag.Repushed);
    this.#sizes.forget(slot);
    this.#heldAhead.delete(slot);
    this.#ackWheel.cancel(slot);
  }

  /** One committed message for the connection: push it, or tell the client to pull. */
  push(slot: number, epoch: number, seq: number, bytes: Buffer, start: number, end: number): void {
    const table = this.#table;
    if (epoch !== table.epoch[slot]) {
      // The client learns of the new epoch when it pulls.
      this.#notify(slot, epoch, seq);
      return;
    }
    if (seq > (table.headSeq[slot] as number)) table.headSeq[slot] = seq;
    const pushed = table.pushedSeq[slot] as number;
    if (seq <= pushed) {
      this.#repush(slot, seq, bytes, start, end);
      return;
    }
    if (seq !== pushed + 1 || !this.#hasRoom(slot, end - start)) {
      this.#notify(slot, epoch, table.headSeq[slot] as number);
      return;
    }
    if (!this.#connections.sendBody(slot, Command.Message, 0, bytes, start, end)) return;
    this.#connections.counters.pushes++;
    this.#sent(slot, seq, end - start);
  }

  /** What the head of the timeline is, as the owner says after it came back. A lost push shows here. */
  head(slot: number, epoch: number, head: number): void {
    const table = this.#table;
    this.#setFlag(slot, ConnectionFlag.Known);
    if (epoch !== table.epoch[slot]) {
      this.#notify(slot, epoch, head);
      return;
    }
    if (head > (table.headSeq[slot] as number)) table.headSeq[slot] = head;
    if (head > (table.pushedSeq[slot] as number)) this.#notify(slot, epoch, head);
  }

  /**
   * The client acknowledged everything ≤ seq. False: it acknowledged what it was never sent.
   */
  acknowledge(slot: number, epoch: number, seq: number): boolean {
    const table = this.#table;
    if (epoch !== table.epoch[slot]) return true;
    if (seq > (table.pushedSeq[slot] as number)) {
      if (seq > (this.#heldAhead.get(slot) ?? 0)) return false;
      table.pushedSeq[slot] = seq;
    }
    this.#acked(slot, seq);
    return true;
  }

  /** A pull is on its way: the client knows that there is more. */
  pulling(slot: number): void {
    this.#clearFlags(slot, ConnectionFlag.Notified);
  }

  /**
   * What a reply means for the window: a SYNC page of `bytes` was sent, its pull acknowledged everything ≤ ackedSeq; or
   * the sender's own copy is held by the client from now on (no bytes, nothing to acknowledge). A RESYNC of the epoch in
   * which the connection stands already changes nothing: the client may go on, or start again below what it was sent.
   */
  replied(slot: number, command: number, epoch: number, ackedSeq: number, pushedSeq: number, bytes: number): void {
    const table = this.#table;
    if (command === Command.Sendack && epoch !== table.epoch[slot]) return;
    if (epoch !== table.epoch[slot]) {
      this.restart(slot, epoch, pushedSeq, pushedSeq);
      return;
    }
    if (pushedSeq > (table.headSeq[slot] as number)) table.headSeq[slot] = pushedSeq;
    const pushed = table.pushedSeq[slot] as number;
    if (command === Command.Sendack) {
      this.#fold(slot, pushedSeq);
      return;
    }
    if (pushedSeq > pushed) this.#sent(slot, pushedSeq, bytes);
    else if (ackedSeq > pushed) table.pushedSeq[slot] = ackedSeq;
    this.#acked(slot, ackedSeq);
  }

  /**
   * The ack deadline of a connection has passed. Answers the next deadline, or 0 when there is none.
   * @param repush asks the owner to push everything after `acked` again
   */
  ackOverdue(slot: number, nowMs: number, repush: (slot: number, after: number) => boolean): number {
    const table = this.#table;
    const acked = table.ackedSeq[slot] as number;
    if (acked >= (table.pushedSeq[slot] as number)) return 0;
    if (this.#connections.queuedBytes(slot) > 0) {
      this.#connections.mustDrain(slot);
      return nowMs + this.#limits.ackTimeoutMs;
    }
    const flags = table.flags[slot] as number;
    if ((flags & ConnectionFlag.Repushed) !== 0) {
      this.#connections.close(slot, CloseReason.AckTimeout);
      return 0;
    }
    if (repush(slot, acked)) table.flags[slot] = flags | ConnectionFlag.Repushed;
    return nowMs + this.#limits.ackTimeoutMs;
  }

  /** Tells the client that the timeline has another epoch: everything from floor on must be pulled. */
  resync(slot: number, epoch: number, floor: number, head: number): void {
    this.restart(slot, epoch, floor - 1, head);
    writeResync(this.#connections.writer, 0, { epoch, floor, head });
    this.#connections.send(slot);
  }

  #repush(slot: number, seq: number, bytes: Buffer, start: number, end: number): void {
    const table = this.#table;
    if (seq <= (table.ackedSeq[slot] as number) || ((table.flags[slot] as number) & ConnectionFlag.Repushed) === 0)
      return;
    if (this.#connections.sendBody(slot, Command.Message, 0, bytes, start, end)) this.#connections.counters.repushes++;
  }

  /** The sender's own copy at `seq` needs no push: it counts as sent, and as acknowledged when all before it is. */
  #fold(slot: number, seq: number): void {
    const table = this.#table;
    if (seq !== (table.pushedSeq[slot] as number) + 1) {
      if (seq > Math.max(table.pushedSeq[slot] as number, this.#heldAhead.get(slot) ?? 0))
        this.#heldAhead.set(slot, seq);
      return;
    }
    const settled = table.ackedSeq[slot] === table.pushedSeq[slot];
    table.pushedSeq[slot] = seq;
    if (settled) {
      table.ackedSeq[slot] = seq;
      this.#moveCursor(slot);
    } else this.#sizes.add(slot, seq, 0);
  }

  #moveCursor(slot: number): void {
    this.#setFlag(slot, ConnectionFlag.CursorDirty);
    this.cursorsMoved = true;
  }

  #sent(slot: number, seq: number, bytes: number): void {
    const table = this.#table;
    if (table.ackedSeq[slot] === table.pushedSeq[slot]) {
      this.#ackWheel.schedule(slot, this.#connections.clock.monotonicMs() + this.#limits.ackTimeoutMs);
    }
    table.pushedSeq[slot] = seq;
    this.#sizes.add(slot, seq, bytes);
    if (this.#heldAhead.size > 0) this.#foldHeld(slot);
  }

  /** An own copy that came too early may be the next one now. */
  #foldHeld(slot: number): void {
    const ahead = this.#heldAhead.get(slot);
    const pushed = this.#table.pushedSeq[slot] as number;
    if (ahead === undefined || ahead > pushed + 1) return;
    this.#heldAhead.delete(slot);
    this.#fold(slot, ahead);
  }

  #acked(slot: number, seq: number): void {
    const table = this.#table;
    if (seq <= (table.ackedSeq[slot] as number)) return;
    this.#clearFlags(slot, ConnectionFlag.Repushed);
    this.#moveCursor(slot);
    this.#sizes.release(slot, seq);
    if (this.#sizes.bytes(slot) > 0) {
      table.ackedSeq[slot] = seq;
      this.#ackWheel.schedule(slot, this.#connections.clock.monotonicMs() + this.#limits.ackTimeoutMs);
      return;
    }
    // What is left, if anything, are the client's own copies: it holds them and does not acknowledge them apart.
    table.ackedSeq[slot] = Math.max(seq, table.pushedSeq[slot] as number);
    this.#sizes.forget(slot);
    this.#ackWheel.cancel(slot);
  }

  #hasRoom(slot: number, bytes: number): boolean {
    const table = this.#table;
    const inFlight = (table.pushedSeq[slot] as number) - (table.ackedSeq[slot] as number);
    if (inFlight === 0) return this.#connections.queuedBytes(slot) < this.#limits.outboxSoftBytes;
    return (
      inFlight < this.#limits.windowMessages &&
      this.#sizes.bytes(slot) + bytes <= this.#limits.windowBytes &&
      this.#connections.queuedBytes(slot) < this.#limits.outboxSoftBytes
    );
  }

  #notify(slot: number, epoch: number, head: number): void {
    const table = this.#table;
    if (((table.flags[slot] as number) & ConnectionFlag.Notified) !== 0) return;
    this.#setFlag(slot, ConnectionFlag.Notified);
    this.#connections.counters.notifies++;
    writeNotify(this.#connections.writer, 0, { epoch, head });
    this.#connections.send(slot);
  }

  #setFlag(slot: number, flag: number): void {
    this.#table.flags[slot] = (this.#table.flags[slot] as number) | flag;
  }

  #clearFlags(slot: number, flags: number): void {
    this.#table.flags[slot] = (this.#table.flags[slot] as number) & ~flags;
  }
}
