/** When an ended process is started again, and when to stop trying. */

/** Waits before the 1st, 2nd … restart in a row. */
export const BACKOFF_MS: readonly number[] = [10, 1000, 2000, 4000, 8000, 16_000, 30_000];
/** A process that lived this long has nothing to do with the last restarts. */
export const STABLE_MS = 60_000;
export const RESTARTS_MAX = 10;
export const RESTARTS_WINDOW_MS = 60_000;

/** The growing wait of one process. */
export class RestartBackoff {
  #inARow = 0;

  /** The wait before the restart of a process that lived for `livedMs`. */
  next(livedMs: number): number {
    if (livedMs >= STABLE_MS) this.#inARow = 0;
    const step = Math.min(this.#inARow++, BACKOFF_MS.length - 1);
    return BACKOFF_MS[step] as number;
  }
}

/** Restarts of all processes together: more than `RESTARTS_MAX` in a window means that nothing gets better. */
export class RestartBudget {
  #atMs: number[] = [];

  /** False when this restart is one too many. */
  take(nowMs: number): boolean {
    this.#atMs = this.#atMs.filter((atMs) => nowMs - atMs < RESTARTS_WINDOW_MS);
    this.#atMs.push(nowMs);
    return this.#atMs.length <= RESTARTS_MAX;
  }
}
