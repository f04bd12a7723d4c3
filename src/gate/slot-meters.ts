import { RateMeter } from '../clock/rate-meter.ts';

/** One meter per slot: 8 bytes each. */
export class SlotMeters {
  readonly #meter: RateMeter;
  #dueMs: Float64Array<ArrayBuffer> = new Float64Array(1024);

  constructor(perSecond: number, burst: number) {
    this.#meter = new RateMeter(perSecond, burst);
  }

  /** Counts `amount`; answers the excess. */
  count(slot: number, amount: number, nowMs: number): number {
    if (slot >= this.#dueMs.length) this.#grow(slot);
    this.#dueMs[slot] = this.#meter.counted(this.#dueMs[slot] as number, amount, nowMs);
    return this.#meter.excessMs(this.#dueMs[slot] as number, nowMs);
  }

  recoveryMs(slot: number, nowMs: number): number {
    return this.#meter.recoveryMs(this.#dueMs[slot] ?? 0, nowMs);
  }

  /** The slot belongs to nobody any more. */
  forget(slot: number): void {
    if (slot < this.#dueMs.length) this.#dueMs[slot] = 0;
  }

  #grow(slot: number): void {
    const grown = new Float64Array(Math.max(slot + 1, 2 * this.#dueMs.length));
    grown.set(this.#dueMs);
    this.#dueMs = grown;
  }
}
