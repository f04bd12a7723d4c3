/**
 * Everything in a gate worker that happens because time passes, driven by one timer.
 *
 *   life wheel   one entry per connection: login deadline from accept; then idle (1.5 × heartbeat since the last inbound
 *                byte, re-filed lazily: a received chunk costs one store); then the linger of a closing connection
 *   ack wheel    connections with pushes in flight
 *   partial      unfinished frames, oldest first: FRAME_TIMEOUT, and MEMORY_PRESSURE when they hold too much together
 *   slow         connections above the soft mark must show progress
 *   pauses       connections that sent too fast are read from again
 *   cursors      acknowledged seqs go to the logic, coalesced, every CURSOR_EVERY ticks
 *
 * Each part does a bounded amount of work per tick.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import { CloseReason, type PartialFrame } from '../protocol/index.ts';
import type { TimingWheel } from '../wheel/timing-wheel.ts';
import { ConnectionState, type ConnectionTable } from './connection-table.ts';
import type { Connections } from './connections.ts';
import type { DeliveryWindow } from './delivery-window.ts';
import type { LogicSide } from './logic-side.ts';
import type { ReadPauses } from './read-pauses.ts';

export const TICK_MS = 100;
const WHEEL_BUDGET = 20_000;
const CURSOR_EVERY = 2;
const LINGER_MS = 2000;
/** The client announces life every heartbeat; the server waits half as long again. */
const IDLE_FACTOR = 1.5;

export interface DeadlineLimits {
  readonly loginTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly ackTimeoutMs: number;
  readonly frameTimeoutMs: number;
  readonly partialFrameBytesMax: number;
}

interface UnfinishedFrame {
  frame: PartialFrame;
  sinceMs: number;
  bytes: number;
}

export class Deadlines {
  readonly #connections: Connections;
  readonly #table: ConnectionTable;
  readonly #clock: Clock;
  readonly #lifeWheel: TimingWheel;
  readonly #ackWheel: TimingWheel;
  readonly #window: DeliveryWindow;
  readonly #logic: LogicSide;
  readonly #pauses: ReadPauses;
  readonly #limits: DeadlineLimits;
  /** Unfinished frames, in the order in which they were begun. */
  readonly #unfinished: Map<number, UnfinishedFrame> = new Map();
  #unfinishedBytes = 0;
  readonly #tasks: { readonly ticks: number; readonly task: (nowMs: number) => void }[] = [];
  #timer: TimerHandle | undefined;
  #ticks = 0;
  #cursorFrom = 0;

  constructor(
    connections: Connections,
    lifeWheel: TimingWheel,
    ackWheel: TimingWheel,
    window: DeliveryWindow,
    logic: LogicSide,
    pauses: ReadPauses,
    limits: DeadlineLimits,
  ) {
    this.#connections = connections;
    this.#table = connections.table;
    this.#clock = connections.clock;
    this.#lifeWheel = lifeWheel;
    this.#ackWheel = ackWheel;
    this.#window = window;
    this.#logic = logic;
    this.#pauses = pauses;
    this.#limits = limits;
    connections.onClosing((slot) => {
      this.#setUnfinished(slot, undefined);
      this.#lifeWheel.schedule(slot, this.#clock.monotonicMs() + LINGER_MS);
    });
  }

  get unfinishedFrames(): number {
    return this.#unfinished.size;
  }

  /** Does `task` every `ticks` ticks. */
  every(ticks: number, task: (nowMs: number) => void): void {
    this.#tasks.push({ ticks, task });
  }

  start(): void {
    this.#timer = this.#clock.setTimer(this.#tick, TICK_MS);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  accepted(slot: number, nowMs: number): void {
    this.#lifeWheel.schedule(slot, nowMs + this.#limits.loginTimeoutMs);
  }

  /** The connection's slot is free. */
  released(slot: number): void {
    this.#lifeWheel.cancel(slot);
    this.#ackWheel.cancel(slot);
  }

  partial(slot: number): PartialFrame | undefined {
    return this.#unfinished.get(slot)?.frame;
  }

  /** Remembers the unfinished frame that the last chunk left behind, if any. */
  keepPartial(slot: number, frame: PartialFrame | undefined): void {
    if (frame === undefined && !this.#unfinished.has(slot)) return;
    this.#setUnfinished(slot, frame);
    while (this.#unfinishedBytes > this.#limits.partialFrameBytesMax) {
      const oldest = this.#unfinished.keys().next().value as number;
      this.#connections.close(oldest, CloseReason.MemoryPressure);
    }
  }

  readonly #tick = (): void => {
    this.#timer = this.#clock.setTimer(this.#tick, TICK_MS);
    this.#ticks++;
    const nowMs = this.#clock.monotonicMs();
    this.#lifeWheel.advance(nowMs, WHEEL_BUDGET, this.#lifeDue);
    this.#ackWheel.advance(nowMs, WHEEL_BUDGET, this.#ackDue);
    this.#checkUnfinished(nowMs);
    this.#connections.endSlowConsumers(nowMs);
    this.#pauses.resumeDue(nowMs);
    if (this.#ticks % CURSOR_EVERY === 0) this.#reportCursors();
    for (const { ticks, task } of this.#tasks) if (this.#ticks % ticks === 0) task(nowMs);
  };

  /** Answers the later deadline of a connection that is still well. */
  readonly #lifeDue = (slot: number): number => {
    const nowMs = this.#clock.monotonicMs();
    switch (this.#table.state[slot]) {
      case ConnectionState.Ready: {
        const deadline = (this.#table.lastSeenMs[slot] as number) + this.#limits.heartbeatMs * IDLE_FACTOR;
        if (deadline > nowMs) return deadline;
        if (this.#pauses.has(slot)) return nowMs + TICK_MS;
        this.#connections.close(slot, CloseReason.IdleTimeout);
        break;
      }
      case ConnectionState.Closing:
        this.#connections.abort(slot);
        return 0;
      default:
        this.#connections.close(slot, CloseReason.LoginTimeout);
    }
    return nowMs + LINGER_MS;
  };

  readonly #ackDue = (slot: number): number => {
    const nowMs = this.#clock.monotonicMs();
    const pausedMs = Math.min(this.#pauses.takePausedMs(slot, nowMs), this.#limits.ackTimeoutMs);
    return pausedMs > 0 ? nowMs + pausedMs : this.#window.ackOverdue(slot, nowMs, this.#repush);
  };

  readonly #reportCursor = (slot: number): void => {
    if (!this.#logic.reportCursor(slot)) this.#window.cursorsMoved = true;
  };
  readonly #repush = (slot: number, after: number): boolean => this.#logic.repush(slot, after);

  #setUnfinished(slot: number, frame: PartialFrame | undefined): void {
    const known = this.#unfinished.get(slot);
    if (known !== undefined) {
      this.#unfinishedBytes -= known.bytes;
      if (known.frame === frame) {
        known.bytes = frame.bytes.length;
        this.#unfinishedBytes += known.bytes;
        return;
      }
      this.#unfinished.delete(slot);
    }
    if (frame === undefined) return;
    const bytes = frame.bytes.length;
    this.#unfinished.set(slot, { frame, sinceMs: this.#clock.monotonicMs(), bytes });
    this.#unfinishedBytes += bytes;
  }

  #checkUnfinished(nowMs: number): void {
    for (const [slot, unfinished] of this.#unfinished) {
      if (nowMs - unfinished.sinceMs < this.#limits.frameTimeoutMs) return;
      const loggedIn = this.#table.state[slot] === ConnectionState.Ready;
      this.#connections.close(slot, loggedIn ? CloseReason.FrameTimeout : CloseReason.LoginTimeout);
    }
  }

  #reportCursors(): void {
    // A pass looks at every slot, which dozens of idle workers on a few cores would feel.
    if (this.#cursorFrom === 0 && !this.#window.cursorsMoved) return;
    if (this.#cursorFrom === 0) this.#window.cursorsMoved = false;
    const next = this.#table.forEach(this.#reportCursor, this.#cursorFrom, WHEEL_BUDGET);
    this.#cursorFrom = Math.max(0, next);
  }
}
