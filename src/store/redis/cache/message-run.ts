/** Messages of one timeline that lie in the ring, one seq after the other, by their positions. */
import type { Seq } from '../../../model/ids.ts';

/** Places in front that are given back together. */
const LEFT_PLACES_MAX = 64;

export class MessageRun {
  #positions: number[] = [];
  /** The first that is still there. */
  #from = 0;
  #first = 1;

  get size(): number {
    return this.#positions.length - this.#from;
  }

  /** The seq that would continue it. */
  get next(): number {
    return this.#first + this.size;
  }

  positionOf(seq: number): number | undefined {
    return seq < this.#first ? undefined : this.#positions[this.#from + seq - this.#first];
  }

  /** `seq` continues the run, or begins another one. */
  add(seq: Seq, position: number): void {
    if (seq !== this.next) this.clear();
    if (this.size === 0) this.#first = seq;
    this.#positions.push(position);
  }

  /** The record at `position` goes; false when the run does not begin with it. */
  dropFirst(position: number): boolean {
    if (this.#positions[this.#from] !== position) return false;
    this.#from++;
    this.#first++;
    if (this.#from > LEFT_PLACES_MAX && this.#from > this.size) {
      this.#positions.splice(0, this.#from);
      this.#from = 0;
    }
    return true;
  }

  clear(): void {
    this.#positions = [];
    this.#from = 0;
  }
}
