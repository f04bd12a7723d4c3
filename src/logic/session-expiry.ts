/**
 * Ends sessions at their age: who has not authenticated again in time logs in again.
 *
 *   tick 7 ─► {session, session}      one set per tick of 5 s that has any; a session knows its tick
 *   tick 8 ─► {session}
 *   …          one timer, for the next tick, while there is any session with an age
 *
 * A session ends at most one tick late. Filing, moving and removing one costs O(1); no timer per session. A tick ends at
 * most 1,000 sessions per turn of the event loop and goes on in the next. The clock is monotonic: a step of the wall clock
 * ends nobody.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { LiveSession } from './session-lifecycle.ts';

export const EXPIRY_TICK_MS = 5000;
const PER_TURN_MAX = 1000;

export class SessionExpiry {
  readonly #clock: Clock;
  readonly #expired: (session: LiveSession) => void;
  readonly #ticks: Map<number, Set<LiveSession>> = new Map();
  /** The next tick to look at. */
  #tick: number;
  #timer: TimerHandle | undefined;

  /** `expired` ends the session, which removes it from here. */
  constructor(clock: Clock, expired: (session: LiveSession) => void) {
    this.#clock = clock;
    this.#expired = expired;
    this.#tick = this.#now();
  }

  /** Files the session under its time, unix seconds; 0 for never. */
  set(session: LiveSession, expiresAtS: number): void {
    this.remove(session);
    if (expiresAtS === 0) return;
    const leftMs = Math.max(0, expiresAtS * 1000 - this.#clock.wallMs());
    if (this.#ticks.size === 0) this.#tick = this.#now();
    const tick = Math.max(this.#tick, Math.ceil((this.#clock.monotonicMs() + leftMs) / EXPIRY_TICK_MS));
    session.expiryTick = tick;
    let sessions = this.#ticks.get(tick);
    if (sessions === undefined) {
      sessions = new Set();
      this.#ticks.set(tick, sessions);
    }
    sessions.add(session);
    this.#arm();
  }

  remove(session: LiveSession): void {
    if (session.expiryTick === 0) return;
    const sessions = this.#ticks.get(session.expiryTick);
    if (sessions?.delete(session) && sessions.size === 0) this.#ticks.delete(session.expiryTick);
    session.expiryTick = 0;
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#ticks.clear();
  }

  readonly #due = (): void => {
    this.#timer = undefined;
    let left = PER_TURN_MAX;
    while (this.#ticks.size > 0 && this.#tick <= this.#now()) {
      for (const session of this.#ticks.get(this.#tick) ?? []) {
        if (left-- === 0) {
          this.#timer = this.#clock.setTimer(this.#due, 0);
          return;
        }
        this.remove(session);
        this.#expired(session);
      }
      this.#tick++;
    }
    this.#arm();
  };

  #arm(): void {
    if (this.#timer !== undefined || this.#ticks.size === 0) return;
    const waitMs = Math.max(0, this.#tick * EXPIRY_TICK_MS - this.#clock.monotonicMs());
    this.#timer = this.#clock.setTimer(this.#due, waitMs);
  }

  #now(): number {
    return Math.floor(this.#clock.monotonicMs() / EXPIRY_TICK_MS);
  }
}
