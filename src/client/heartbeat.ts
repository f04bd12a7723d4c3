/**
 * Keeps one connection alive and notices when it is not. Beats every announced interval ± 20 %, the first after a random
 * part of it, so that clients that came together do not stay in step. Only inbound frames are signs of life; `sign` costs
 * one store, because the watchdog looks at the clock when it wakes and sleeps on for what is left.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';

const JITTER = 0.2;
const SILENCE_FACTOR = 1.5;

export class Heartbeat {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #beat: () => void;
  readonly #lost: () => void;
  #intervalMs = 0;
  #lastSignMs = 0;
  #beatTimer: TimerHandle | undefined;
  #watchTimer: TimerHandle | undefined;

  constructor(clock: Clock, random: Random, beat: () => void, lost: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#beat = beat;
    this.#lost = lost;
  }

  start(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.sign();
    this.#beatIn(intervalMs * this.#random.fraction());
    this.#watchIn(intervalMs * SILENCE_FACTOR);
  }

  /** A frame has come in. */
  sign(): void {
    this.#lastSignMs = this.#clock.monotonicMs();
  }

  stop(): void {
    if (this.#beatTimer !== undefined) this.#clock.clearTimer(this.#beatTimer);
    if (this.#watchTimer !== undefined) this.#clock.clearTimer(this.#watchTimer);
    this.#beatTimer = undefined;
    this.#watchTimer = undefined;
  }

  #beatIn(delayMs: number): void {
    this.#beatTimer = this.#clock.setTimer(() => {
      this.#beatIn(this.#intervalMs * (1 - JITTER + 2 * JITTER * this.#random.fraction()));
      this.#beat();
    }, delayMs);
  }

  #watchIn(delayMs: number): void {
    this.#watchTimer = this.#clock.setTimer(() => {
      const leftMs = this.#lastSignMs + this.#intervalMs * SILENCE_FACTOR - this.#clock.monotonicMs();
      if (leftMs > 0) return this.#watchIn(leftMs);
      this.stop();
      this.#lost();
    }, delayMs);
  }
}
