/** Keeps an attack from filling the log (T18): at most so many lines in a while, then a count of what was left out. */
import type { Clock } from '../clock/clock.ts';

const SECOND_MS = 1000;

export class LogSampler {
  readonly #clock: Clock;
  readonly #linesMax: number;
  readonly #periodMs: number;
  #periodStartMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #suppressed = 0;

  constructor(clock: Clock, linesMax: number, periodMs: number = SECOND_MS) {
    this.#clock = clock;
    this.#linesMax = linesMax;
    this.#periodMs = periodMs;
  }

  /** Undefined: leave this line out. Otherwise write it, with the number of lines left out since the last one. */
  admit(): { readonly suppressed: number } | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#periodStartMs >= this.#periodMs) {
      this.#periodStartMs = nowMs;
      this.#lines = 0;
    }
    if (this.#lines >= this.#linesMax) {
      this.#suppressed++;
      return undefined;
    }
    this.#lines++;
    const admitted = { suppressed: this.#suppressed };
    this.#suppressed = 0;
    return admitted;
  }
}
