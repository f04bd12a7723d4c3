/**
 * Looks ahead over the operations of a commit: users and dedupe keys of all its appends are computed first, and the row of
 * each key is touched, so that the misses of the dedupe table, which is far larger than any cache, overlap instead of
 * following one another. Saves about a tenth of a microsecond an append.
 */
import { type Operation, OperationType } from '../store.ts';
import { computeKey, type DedupeKey } from './dedupe-key.ts';
import type { EngineState } from './engine-state.ts';

const ROW = 5;
const UNKNOWN = -1;

export class PreparedKeys {
  readonly #state: EngineState;
  readonly #key: DedupeKey;
  /** By operation: target, sender, the three words of the key. */
  #rows: Int32Array = new Int32Array(0);
  /** What the touches read: a sum that nobody needs keeps them from being optimised away. */
  #touched = 0;

  constructor(state: EngineState, key: DedupeKey) {
    this.#state = state;
    this.#key = key;
  }

  prepare(operations: readonly Operation[], from: number, to: number): void {
    if (this.#rows.length < (to - from) * ROW) this.#rows = new Int32Array((to - from) * ROW);
    const rows = this.#rows;
    const { directory, dedupe } = this.#state;
    const key = this.#key;
    for (let i = from; i < to; i++) {
      const operation = operations[i]!;
      const row = (i - from) * ROW;
      rows[row] = UNKNOWN;
      if (operation.type !== OperationType.Append) continue;
      const target = directory.find(operation.app, operation.target);
      const sender = operation.sender === operation.target ? target : directory.find(operation.app, operation.sender);
      if (target < 0 || sender < 0) continue;
      computeKey(key, target, sender, operation);
      rows[row] = target;
      rows[row + 1] = sender;
      rows[row + 2] = key.key0;
      rows[row + 3] = key.key1;
      rows[row + 4] = key.key2;
    }
    let touched = 0;
    for (let i = 0; i < to - from; i++) {
      const row = i * ROW;
      if (rows[row] !== UNKNOWN) touched ^= dedupe.touch(rows[row + 2]!);
    }
    this.#touched = touched;
  }

  get touched(): number {
    return this.#touched;
  }

  /** The target's number, or -1 when the append was not prepared: one of its users is new. */
  target(place: number): number {
    return this.#rows[place * ROW]!;
  }

  sender(place: number): number {
    return this.#rows[place * ROW + 1]!;
  }

  /** Makes the key of this place the current one. */
  use(place: number): void {
    const row = place * ROW;
    this.#key.key0 = this.#rows[row + 2]!;
    this.#key.key1 = this.#rows[row + 3]!;
    this.#key.key2 = this.#rows[row + 4]!;
  }
}
