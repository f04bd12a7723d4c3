/**
 * Checks every delivery of one-way pairs: each pair numbers its messages 0, 1, 2 …, and they must come in that order,
 * each once. What arrives ahead leaves a hole that is filled later (reordered) or never (lost).
 */
export interface DeliveryFaults {
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
}

export class DeliveryCheck {
  /** Per pair: the next counter expected. */
  readonly #next: Uint32Array;
  readonly #holes: Map<number, Set<number>> = new Map();
  #duplicated = 0;
  #reordered = 0;

  constructor(pairs: number) {
    this.#next = new Uint32Array(pairs);
  }

  /** False for a repeat. */
  delivered(pair: number, counter: number): boolean {
    const expected = this.#next[pair] as number;
    if (counter === expected) {
      this.#next[pair] = expected + 1;
      return true;
    }
    return counter > expected ? this.#ahead(pair, expected, counter) : this.#late(pair, counter);
  }

  /** @param sent messages sent, by pair. */
  faults(sent: Uint32Array): DeliveryFaults {
    let lost = 0;
    for (let pair = 0; pair < sent.length; pair++) lost += (sent[pair] as number) - (this.#next[pair] as number);
    for (const holes of this.#holes.values()) lost += holes.size;
    return { lost, duplicated: this.#duplicated, reordered: this.#reordered };
  }

  #ahead(pair: number, expected: number, counter: number): boolean {
    let holes = this.#holes.get(pair);
    if (holes === undefined) {
      holes = new Set();
      this.#holes.set(pair, holes);
    }
    for (let missing = expected; missing < counter; missing++) holes.add(missing);
    this.#next[pair] = counter + 1;
    return true;
  }

  #late(pair: number, counter: number): boolean {
    if (this.#holes.get(pair)?.delete(counter) === true) {
      this.#reordered++;
      return true;
    }
    this.#duplicated++;
    return false;
  }
}
