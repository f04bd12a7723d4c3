/**
 * The pause after a commit of several operations, in which further ones gather.
 *
 * A commit costs about 350 µs of CPU whatever is in it (two turns of the thread pool, the device). At 10,000 messages a
 * second and without a pause that is most of what a message costs. Who sends one message at a time never waits: a commit
 * of one operation begins no pause.
 */
import type { Clock } from '../../clock/clock.ts';

export class CommitInterval {
  /** True while operations should gather. */
  isOpen = false;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #onPassed: () => void;

  /** @param intervalMs 0 for no pause */
  constructor(clock: Clock, intervalMs: number, onPassed: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#onPassed = onPassed;
  }

  /** A commit of so many operations is on its way. */
  begin(operations: number): void {
    if (this.#intervalMs === 0 || operations <= 1 || this.isOpen) return;
    this.isOpen = true;
    this.#clock.setTimer(this.#pass, this.#intervalMs);
  }

  readonly #pass = (): void => {
    this.isOpen = false;
    this.#onPassed();
  };
}
