/**
 * Lets a process handle the events of several milliseconds in one go: after one has come it sleeps, on purpose, before the
 * loop looks for more.
 *
 *   events   ·  ··    ·   · ·        ·  ·      without: the process is woken eight times
 *   looks    ·└─────┘ ·└─────┘       ·└─────┘  with: six times or fewer, each event at most one interval later
 *
 * Waking a process that was not running costs far more than an event where dozens of processes share a few cores. It sleeps
 * only while events come densely: the first one after a pause of two intervals is not followed by a sleep, nor is a turn of
 * the loop that took as long by itself.
 */
import type { Clock } from './clock.ts';

const DENSE_INTERVALS = 2;
const cell = new Int32Array(new SharedArrayBuffer(4));

/** Stops the whole thread. */
function sleepSync(ms: number): void {
  Atomics.wait(cell, 0, 0, ms);
}

export class LoopPacer {
  /** Sleeps so far. */
  sleeps = 0;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #sleep: (ms: number) => void;
  /** Sends what would otherwise leave after the sleep. */
  #flush: () => void = () => {};
  #touchedMs = Number.NEGATIVE_INFINITY;
  #isDense = false;
  #isTouched = false;

  constructor(clock: Clock, intervalMs: number, sleep: (ms: number) => void = sleepSync) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#sleep = sleep;
  }

  /** What is done before every sleep. */
  beforeSleep(flush: () => void): void {
    this.#flush = flush;
  }

  /** An event has come. */
  touched(): void {
    if (this.#isTouched) return;
    this.#isTouched = true;
    const nowMs = this.#clock.monotonicMs();
    this.#isDense = nowMs - this.#touchedMs < (1 + DENSE_INTERVALS) * this.#intervalMs;
    this.#touchedMs = nowMs;
    this.#clock.defer(this.#turn);
  }

  /** At the end of the tick, before the loop looks for more. */
  readonly #turn = (): void => {
    this.#isTouched = false;
    if (!this.#isDense) return;
    this.#flush();
    const leftMs = this.#intervalMs - (this.#clock.monotonicMs() - this.#touchedMs);
    if (leftMs <= 0) return;
    this.sleeps++;
    this.#sleep(leftMs);
  };
}
