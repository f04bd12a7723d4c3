/**
 * Committed batches on their way to the sink: in order, and not before the senders' copies of a batch have their place, so
 * that the sending device learns its own seq. A copy that takes too long (its partition's server is away) is reported as
 * not known; it is made later all the same.
 */
import type { Clock, TimerHandle } from '../../clock/clock.ts';
import type { Operation } from '../store.ts';

export interface Report {
  readonly operations: readonly Operation[];
  copiesAwaited: number;
  readonly deadlineMs: number;
}

export class ReportQueue {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #send: (operations: readonly Operation[]) => void;
  readonly #waiting: Report[] = [];
  #timer: TimerHandle;
  #hasTimer = false;

  constructor(clock: Clock, copyWaitMs: number, send: (operations: readonly Operation[]) => void) {
    this.#clock = clock;
    this.#waitMs = copyWaitMs;
    this.#send = send;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(operations: readonly Operation[]): Report {
    const report = { operations, copiesAwaited: 0, deadlineMs: this.#clock.monotonicMs() + this.#waitMs };
    this.#waiting.push(report);
    return report;
  }

  flush(): void {
    while (this.#waiting.length > 0) {
      const { operations, copiesAwaited, deadlineMs } = this.#waiting[0]!;
      if (copiesAwaited > 0 && this.#clock.monotonicMs() < deadlineMs) {
        this.#flushLater();
        return;
      }
      this.#waiting.shift();
      if (operations.length > 0) this.#send(operations);
    }
  }

  isReported(report: Report): boolean {
    return !this.#waiting.includes(report);
  }

  #flushLater(): void {
    if (this.#hasTimer) return;
    this.#hasTimer = true;
    this.#timer = this.#clock.setTimer(() => {
      this.#hasTimer = false;
      this.flush();
    }, this.#waitMs);
  }

  /** Reports everything now. */
  close(): void {
    this.#clock.clearTimer(this.#timer);
    for (const report of this.#waiting) report.copiesAwaited = 0;
    this.flush();
  }
}
