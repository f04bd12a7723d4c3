/**
 * Collects acknowledgements: one flush within 50 ms of the first message taken, or as soon as half of the server's
 * window has been taken, so that a busy stream never waits for a timer.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';

const DELAY_MS_MAX = 50;

export class AckBatcher {
  readonly #clock: Clock;
  readonly #flush: () => void;
  #windowMessages = 1;
  #windowBytes = 1;
  #messages = 0;
  #bytes = 0;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, flush: () => void) {
    this.#clock = clock;
    this.#flush = flush;
  }

  /** The window that the server has announced for this connection. */
  setWindow(messages: number, bytes: number): void {
    this.#windowMessages = messages;
    this.#windowBytes = bytes;
  }

  /** One more message of `bytes` may be acknowledged. */
  note(bytes: number): void {
    this.#messages += 1;
    this.#bytes += bytes;
    if (this.#messages * 2 >= this.#windowMessages || this.#bytes * 2 >= this.#windowBytes) this.flushNow();
    else this.#timer ??= this.#clock.setTimer(() => this.flushNow(), DELAY_MS_MAX);
  }

  flushNow(): void {
    this.clear();
    this.#flush();
  }

  /** Forgets what was noted: it has been acknowledged otherwise, or cannot be any more. */
  clear(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#messages = 0;
    this.#bytes = 0;
  }
}
