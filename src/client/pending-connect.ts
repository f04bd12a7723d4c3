/** A `connect()` that waits for its login, or for the end of its time. */
import type { Clock, TimerHandle } from '../clock/clock.ts';

export class PendingConnect {
  readonly promise: Promise<void>;
  readonly #clock: Clock;
  readonly #timer: TimerHandle;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  /** @param timeoutMs undefined: as long as it takes */
  constructor(clock: Clock, timeoutMs: number | undefined, onLate: () => void) {
    this.#clock = clock;
    this.promise = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = timeoutMs === undefined ? undefined : clock.setTimer(onLate, timeoutMs);
  }

  /** @param error undefined: logged in */
  settle(error: Error | undefined): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    if (error === undefined) this.#resolve();
    else this.#reject(error);
  }
}
