/**
 * Connections that are not read from for a while because they sent too fast. What they send waits in their own system.
 *
 * The client is not to blame for what it cannot be heard saying: idle and ack deadlines stand still while a pause lasts.
 */
import type { Connections } from './connections.ts';

interface Pause {
  readonly sinceMs: number;
  untilMs: number;
}

export class ReadPauses {
  readonly #connections: Connections;
  readonly #pauses: Map<number, Pause> = new Map();
  /** Ended pauses that no ack deadline has been moved for yet. */
  readonly #unclaimedMs: Map<number, number> = new Map();

  constructor(connections: Connections) {
    this.#connections = connections;
    connections.onClosing((slot) => {
      this.#pauses.delete(slot);
      this.#unclaimedMs.delete(slot);
    });
  }

  /** Connections that are not read from now. */
  get size(): number {
    return this.#pauses.size;
  }

  has(slot: number): boolean {
    return this.#pauses.has(slot);
  }

  /** Stops reading for `ms`; a pause that lasts already is only made longer. */
  pause(slot: number, ms: number): void {
    const nowMs = this.#connections.clock.monotonicMs();
    const pause = this.#pauses.get(slot);
    if (pause !== undefined) {
      pause.untilMs = Math.max(pause.untilMs, nowMs + ms);
      return;
    }
    this.#pauses.set(slot, { sinceMs: nowMs, untilMs: nowMs + ms });
    this.#connections.counters.readPauses++;
    this.#connections.table.streams[slot]?.pause();
  }

  /** Reads again from connections whose pause is over. */
  resumeDue(nowMs: number): void {
    for (const [slot, pause] of this.#pauses) {
      if (pause.untilMs > nowMs) continue;
      this.#pauses.delete(slot);
      const pausedMs = nowMs - pause.sinceMs;
      const { lastSeenMs, streams } = this.#connections.table;
      lastSeenMs[slot] = (lastSeenMs[slot] as number) + pausedMs;
      this.#unclaimedMs.set(slot, (this.#unclaimedMs.get(slot) ?? 0) + pausedMs);
      streams[slot]?.resume();
    }
  }

  /** By how much a deadline that has passed now must move, for pauses since the last one that did. */
  takePausedMs(slot: number, nowMs: number): number {
    const pause = this.#pauses.get(slot);
    if (pause !== undefined) return Math.max(1, pause.untilMs - nowMs);
    const pausedMs = this.#unclaimedMs.get(slot) ?? 0;
    if (pausedMs > 0) this.#unclaimedMs.delete(slot);
    return pausedMs;
  }
}
