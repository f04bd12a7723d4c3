/**
 * Time and timers as arguments.
 *
 * Everything that waits or measures takes a `Clock`, so that a simulator can run gates, logics, stores and clients in
 * one process on its own time. This file is the only owner of `Date.now`, `performance.now`, `setTimeout`,
 * `setInterval` and `setImmediate`; a lint rule keeps it so.
 */

/** A pending timer; opaque to everyone but the clock that made it. */
export type TimerHandle = unknown;

export interface Clock {
  /** Monotonic milliseconds with fractions; for time-outs and latencies. Never goes back. */
  monotonicMs(): number;
  /** Unix time in whole milliseconds; for ids, tokens and people. May jump. */
  wallMs(): number;
  /** Runs `task` once, `delayMs` from now. */
  setTimer(task: () => void, delayMs: number): TimerHandle;
  /** Forgets a timer; harmless when it has fired already. */
  clearTimer(timer: TimerHandle): void;
  /** Runs `task` after the events that are being handled now: the end of this tick. */
  defer(task: () => void): void;
}

/** Resolves after `delayMs`. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, delayMs);
  });
}

/** The machine's own time. Timers do not keep the process alive by themselves when `unref` is asked for. */
export class SystemClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  setTimer(task: () => void, delayMs: number): TimerHandle {
    return setTimeout(task, delayMs);
  }

  clearTimer(timer: TimerHandle): void {
    clearTimeout(timer as NodeJS.Timeout);
  }

  defer(task: () => void): void {
    setImmediate(task);
  }
}
