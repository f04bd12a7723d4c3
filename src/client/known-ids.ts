/** The last `capacity` ids that were added, for telling a repetition: 4096 message ids take about 200 KB. */
export class KnownIds<Id extends string | number> {
  readonly #capacity: number;
  /** A set keeps the order of insertion: its first element is the oldest. */
  readonly #ids = new Set<Id>();

  constructor(capacity: number, ids: Iterable<Id> = []) {
    this.#capacity = capacity;
    for (const id of ids) this.add(id);
  }

  has(id: Id): boolean {
    return this.#ids.has(id);
  }

  add(id: Id): void {
    this.#ids.delete(id);
    this.#ids.add(id);
    if (this.#ids.size <= this.#capacity) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  /** Oldest first. */
  list(): Id[] {
    return [...this.#ids];
  }
}
