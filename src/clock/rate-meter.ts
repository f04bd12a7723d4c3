/**
 * Rates with a burst, as one number each: the time at which everything counted so far would have been due at an even
 * pace (the generic cell rate algorithm, ITU-T I.371). An idle peer's number lies in the past and means nothing.
 *
 *   count 1 ──► due = max(due, now) + 1000 / perSecond        above the rate while due − now > burst × 1000 / perSecond
 */
/** Sums of fractions are a little off; this much is no excess. */
const ROUNDING_MS = 1e-6;

export class RateMeter {
  readonly #intervalMs: number;
  readonly #toleranceMs: number;

  constructor(perSecond: number, burst: number) {
    this.#intervalMs = 1000 / perSecond;
    this.#toleranceMs = burst * this.#intervalMs;
  }

  /** What `dueMs` becomes when `amount` is counted. */
  counted(dueMs: number, amount: number, nowMs: number): number {
    return Math.max(dueMs, nowMs) + amount * this.#intervalMs;
  }

  /** For how long the peer must be silent to be within its rate again; 0 when it is. */
  excessMs(dueMs: number, nowMs: number): number {
    const excessMs = dueMs - nowMs - this.#toleranceMs;
    return excessMs > ROUNDING_MS ? excessMs : 0;
  }

  /** For how long the peer must be silent until half of its burst is free again. */
  recoveryMs(dueMs: number, nowMs: number): number {
    return Math.max(0, dueMs - nowMs - this.#toleranceMs / 2);
  }
}
