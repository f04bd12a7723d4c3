/** How late this process's own timers are: a generator that lags measures itself. */
import type { Clock, TimerHandle } from '../../src/clock/clock.ts';

const INTERVAL_MS = 25;

export class LagMeter {
  /** The worst since `reset`. */
  maxMs = 0;
  readonly #clock: Clock;
  #expectedMs = 0;
  #timer: TimerHandle;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#arm();
  }

  reset(): void {
    this.maxMs = 0;
  }

  stop(): void {
    this.#clock.clearTimer(this.#timer);
  }

  #arm(): void {
    this.#expectedMs = this.#clock.monotonicMs() + INTERVAL_MS;
    this.#timer = this.#clock.setTimer(() => {
      this.maxMs = Math.max(this.maxMs, this.#clock.monotonicMs() - this.#expectedMs);
      this.#arm();
    }, INTERVAL_MS);
  }
}
