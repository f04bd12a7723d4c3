/**
 * The pause after a commit of several operations, in which further ones gather.
 *
 * A commit costs about 350 µs of CPU whatever is in it (two turns of the thread pool, the device). At 10,000 messages a
 * second and without a pause that is most of what a message costs. Who sends one message at a time never waits: a commit
 * of one operation begins no pause.
 *
 *   operations per ms since the last commit     pause                ended early by
 *   below FLOOD_PER_MS                          intervalMs           EARLY_OPERATIONS operations
 *   from there on                               3 × intervalMs       a full commit
 *
 * In a flood everybody waits for the processor anyway, and a third of the commits leaves more of it: 0.5 µs a message.
 */
import type { Clock } from '../../clock/clock.ts';

/** So many operations waiting are worth a commit although another one is under way or has just been. */
export const EARLY_OPERATIONS = 256;
/** A commit of more would keep the disk waiting while it is encoded, and everybody else too. */
export const COMMIT_OPERATIONS_MAX = 1024;
const FLOOD_PER_MS = 96;
const FLOOD_INTERVALS = 3;

export class CommitInterval {
  /** True while operations should gather. */
  isOpen = false;
  /** As many end the pause. */
  enough: number = EARLY_OPERATIONS;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #onPassed: () => void;
  #begunMs = 0;

  /** @param intervalMs 0 for no pause */
  constructor(clock: Clock, intervalMs: number, onPassed: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#onPassed = onPassed;
  }

  /** A commit of so many operations is on its way. */
  begin(operations: number): void {
    if (this.#intervalMs === 0) return;
    const nowMs = this.#clock.monotonicMs();
    const isFlood = operations >= FLOOD_PER_MS * Math.max(1, nowMs - this.#begunMs);
    this.#begunMs = nowMs;
    if (operations <= 1 || this.isOpen) return;
    this.isOpen = true;
    this.enough = isFlood ? COMMIT_OPERATIONS_MAX : EARLY_OPERATIONS;
    this.#clock.setTimer(this.#pass, isFlood ? FLOOD_INTERVALS * this.#intervalMs : this.#intervalMs);
  }

  readonly #pass = (): void => {
    this.isOpen = false;
    this.#onPassed();
  };
}
