/**
 * Moves floors: at once by count, as timelines grow, and by age a slice of users at a time. Never waits for cursors,
 * deletes nothing itself; a segment into which no place at or above a floor points is deleted by `SegmentReclaimer`.
 */
import type { AppId } from '../../model/ids.ts';
import type { RetentionPolicy } from '../store.ts';
import type { EngineState } from './engine-state.ts';

/** Users looked at per sweep: about a millisecond. A million users come round in under five minutes. */
const USERS_PER_SWEEP = 4096;
const DEDUPE_SHARDS_PER_SWEEP = 4;

export class TimelineRetention {
  readonly #state: EngineState;
  readonly #policyOf: (app: AppId) => RetentionPolicy;
  /** By app number; asked for again at every sweep, so that a change of configuration counts. */
  readonly #countMax: number[] = [];
  #sweepAt = 0;

  constructor(state: EngineState, policyOf: (app: AppId) => RetentionPolicy) {
    this.#state = state;
    this.#policyOf = policyOf;
  }

  limitCount(user: number): void {
    const { directory } = this.#state;
    const app = directory.appNumber(user);
    const countMax = this.#countMax[app] ?? this.#askCount(user, app);
    const floor = directory.visibleHead[user]! - countMax + 1;
    if (floor > directory.floor[user]!) this.#state.advanceFloor(user, floor);
  }

  /** Once at start, before anybody reads: floors stand where they stood, at least. */
  sweepAll(wallMs: number): void {
    const cutoffs = new Map<number, number>();
    for (let user = 0; user < this.#state.directory.count; user++) this.#limitAge(user, wallMs, cutoffs);
  }

  sweep(wallMs: number): void {
    const { directory, dedupe } = this.#state;
    this.#countMax.length = 0;
    dedupe.setTime(wallMs);
    dedupe.sweep(DEDUPE_SHARDS_PER_SWEEP);
    const cutoffs = new Map<number, number>();
    const users = Math.min(USERS_PER_SWEEP, directory.count);
    for (let i = 0; i < users; i++) {
      if (this.#sweepAt >= directory.count) this.#sweepAt = 0;
      this.#limitAge(this.#sweepAt++, wallMs, cutoffs);
    }
  }

  #limitAge(user: number, wallMs: number, cutoffs: Map<number, number>): void {
    const { directory, timelines, marks } = this.#state;
    const app = directory.appNumber(user);
    let cutoff = cutoffs.get(app);
    if (cutoff === undefined) {
      cutoff = marks.positionBefore(wallMs - this.#policyOf(directory.app(user)).ageMs);
      cutoffs.set(app, cutoff);
    }
    const head = directory.visibleHead[user]!;
    let floor = directory.floor[user]!;
    while (floor <= head && timelines.position(user, floor) < cutoff) floor++;
    if (floor > directory.floor[user]!) this.#state.advanceFloor(user, floor);
    if (head > 0) this.limitCount(user);
  }

  #askCount(user: number, app: number): number {
    const countMax = Math.max(1, this.#policyOf(this.#state.directory.app(user)).countMax);
    this.#countMax[app] = countMax;
    return countMax;
  }
}
