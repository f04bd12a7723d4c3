/**
 * Time that moves only when a test says so.
 *
 * The order is fixed: timers fire by due time, equal ones in the order they were set; deferred tasks run in the order
 * they came in, after the timer (or the call of the test) that asked for them, as at the end of a tick. A task deferred
 * by a deferred task belongs to the next tick, which follows at once and at the same time.
 */
import type { Clock, TimerHandle } from '../../src/clock/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/** More ticks at one instant than this are a loop that never ends. */
const TICKS_PER_INSTANT_MAX = 100_000;

export class ManualClock implements Clock {
  #nowMs = 0;
  /** Unix time at monotonic 0; a test may move it to make the wall clock jump. */
  wallStartMs: number;
  /** Sorted by due time, then by order. */
  readonly #timers: Timer[] = [];
  #deferred: (() => void)[] = [];
  #nextOrder = 0;

  constructor(wallStartMs = 1_700_000_000_000) {
    this.wallStartMs = wallStartMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.wallStartMs + Math.floor(this.#nowMs);
  }

  setTimer(task: () => void, delayMs: number): TimerHandle {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#nextOrder++, task };
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return timer;
  }

  clearTimer(timer: TimerHandle): void {
    const index = this.#timers.indexOf(timer as Timer);
    if (index >= 0) this.#timers.splice(index, 1);
  }

  defer(task: () => void): void {
    this.#deferred.push(task);
  }

  /** Timers that have not fired yet. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Tasks waiting for the end of the tick. */
  get pendingDeferred(): number {
    return this.#deferred.length;
  }

  /** Ends ticks until nothing is deferred any more. Answers how many tasks ran. */
  runDeferred(): number {
    let ran = 0;
    for (let tick = 0; this.#deferred.length > 0; tick += 1) {
      if (tick >= TICKS_PER_INSTANT_MAX) throw new Error('deferred tasks never come to an end');
      const tasks = this.#deferred;
      this.#deferred = [];
      for (const task of tasks) task();
      ran += tasks.length;
    }
    return ran;
  }

  /** Ends the present tick, then moves time by `ms`, firing every timer at its due time, each in a tick of its own. */
  advance(ms: number): void {
    const targetMs = this.#nowMs + ms;
    this.runDeferred();
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || next.dueMs > targetMs) break;
      this.#timers.shift();
      this.#nowMs = next.dueMs;
      next.task();
      this.runDeferred();
    }
    this.#nowMs = targetMs;
  }

  /**
   * `advance` for code that awaits between ticks: lets promises settle before the first step and after each one.
   * `stepMs` bounds how far time moves between two chances for promises to run.
   */
  async advanceAsync(ms: number, stepMs = 1): Promise<void> {
    let leftMs = ms;
    await this.settle();
    while (leftMs > 0) {
      const step = Math.min(stepMs, leftMs);
      this.advance(step);
      leftMs -= step;
      await this.settle();
    }
  }

  /** Runs promise callbacks and deferred tasks until both are quiet, without moving time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 8; ) {
      await Promise.resolve();
      quiet = this.runDeferred() > 0 ? 0 : quiet + 1;
    }
  }

  #placeOf(timer: Timer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#timers[middle] as Timer).dueMs <= timer.dueMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
