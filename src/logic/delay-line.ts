/**
 * Hands each item on a fixed time after it came, in order. One timer for all of them.
 *
 *   add ──► [ oldest … newest ] ──delayMs──► release
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';

interface Delayed<Item> {
  readonly item: Item;
  readonly dueMs: number;
}

export class DelayLine<Item> {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #release: (item: Item) => void;
  /** A Set keeps the order and forgets its oldest member at no cost. */
  readonly #waiting: Set<Delayed<Item>> = new Set();
  #timer: TimerHandle | undefined;

  /** @param delayMs 0: items are handed on at once */
  constructor(clock: Clock, delayMs: number, release: (item: Item) => void) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#release = release;
  }

  add(item: Item): void {
    if (this.#delayMs === 0) {
      this.#release(item);
      return;
    }
    this.#waiting.add({ item, dueMs: this.#clock.monotonicMs() + this.#delayMs });
    this.#timer ??= this.#clock.setTimer(this.#due, this.#delayMs);
  }

  /** Hands everything on now. */
  flush(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#releaseUntil(Number.POSITIVE_INFINITY);
  }

  readonly #due = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    const nextMs = this.#releaseUntil(nowMs);
    if (nextMs !== undefined) this.#timer ??= this.#clock.setTimer(this.#due, nextMs - nowMs);
  };

  /** When the first one that stays is due. */
  #releaseUntil(untilMs: number): number | undefined {
    for (const delayed of this.#waiting) {
      if (delayed.dueMs > untilMs) return delayed.dueMs;
      this.#waiting.delete(delayed);
      this.#release(delayed.item);
    }
    return undefined;
  }
}
