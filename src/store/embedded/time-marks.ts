/**
 * Which part of the log is older than a given time, to the minute: retention by age needs no time per message.
 *
 *   (t0, p0) ─ records written within a minute of t0 ─ (t1, p1) ─ … of t1 ─ (t2, p2) ─ … ─ end of the log
 *
 * At most one mark a minute with traffic, 16 bytes each: 8 MB for a year. Times in it never go back, whatever the wall
 * clock does, so a clock that is wrong by an hour makes retention wrong by an hour at most.
 */
const MARK_INTERVAL_MS = 60_000;

export class TimeMarks {
  readonly #times: number[] = [];
  readonly #positions: number[] = [];

  /** A record is about to be written at `position`. */
  note(wallMs: number, position: number): void {
    const last = this.#times.at(-1);
    if (last !== undefined && wallMs - last < MARK_INTERVAL_MS) return;
    this.#times.push(wallMs);
    this.#positions.push(position);
  }

  /** Everything before the answered position was written before `timeMs`. */
  positionBefore(timeMs: number): number {
    let low = 0;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#times[middle]! + MARK_INTERVAL_MS <= timeMs) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    return this.#positions[low] ?? Number.POSITIVE_INFINITY;
  }

  /** Forgets marks that no segment needs any more. */
  dropBefore(position: number): void {
    let count = 0;
    while (count + 1 < this.#positions.length && this.#positions[count + 1]! <= position) count++;
    this.#times.splice(0, count);
    this.#positions.splice(0, count);
  }
}
