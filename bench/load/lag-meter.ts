/** How late this process's own timers are: a generator that lags measures itself. */
import type { Clock, TimerHandle } from '../../src/clock/clock.ts';

const INTERVAL_MS = 10;
/** One of dozens of processes that share a few cores: a hundred wake-ups a second of each would be a load of their own. */
const INTERVAL_SLOW_MS = 500;

export class LagMeter {
  /** The worst since `reset`. */
  maxMs = 0;
  readonly #clock: Clock;
  #expectedMs = 0;
  #intervalMs = INTERVAL_MS;
  #timer: TimerHandle;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#arm();
  }

  /** From now on it looks rarely. */
  slowDown(): void {
    this.#intervalMs = INTERVAL_SLOW_MS;
  }

  reset(): void {
    this.maxMs = 0;
  }

  stop(): void {
    this.#clock.clearTimer(this.#timer);
  }

  #arm(): void {
    this.#expectedMs = this.#clock.monotonicMs() + this.#intervalMs;
    this.#timer = this.#clock.setTimer(() => {
      this.maxMs = Math.max(this.maxMs, this.#clock.monotonicMs() - this.#expectedMs);
      this.#arm();
    }, this.#intervalMs);
  }
}
