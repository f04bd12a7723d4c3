/**
 * Keeps a sender's order to one target through refusals.
 *
 *   SEND 1 ──► refused, retryable          hold(session, target)
 *   SEND 2 ──► ERROR HELD                  although it could be stored: it must not overtake 1
 *   SEND 1 with RESTART ──► released       then 2, 3 … again, oldest first
 *
 * Costs nothing for sessions without refusals. Bounded: a session with too many held targets is ended, and its client
 * re-sends everything after the reconnect. Freed with the session.
 */

/** Targets that one session may have on hold. */
export const HELD_TARGETS_MAX = 64;

export class HoldSet<Key extends object> {
  readonly #held: Map<Key, Set<string>> = new Map();

  /** Sessions with anything on hold. */
  get size(): number {
    return this.#held.size;
  }

  has(session: Key, target: string): boolean {
    return this.#held.size > 0 && this.#held.get(session)?.has(target) === true;
  }

  /** False when the session has too many targets on hold already. */
  hold(session: Key, target: string): boolean {
    let targets = this.#held.get(session);
    if (targets === undefined) {
      targets = new Set();
      this.#held.set(session, targets);
    }
    if (targets.size >= HELD_TARGETS_MAX && !targets.has(target)) return false;
    targets.add(target);
    return true;
  }

  release(session: Key, target: string): void {
    const targets = this.#held.get(session);
    if (targets?.delete(target) && targets.size === 0) this.#held.delete(session);
  }

  free(session: Key): void {
    if (this.#held.size > 0) this.#held.delete(session);
  }
}
