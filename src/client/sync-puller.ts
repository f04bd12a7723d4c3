/**
 * Pulls pages one after the other: at most one SYNC is under way, and the next one starts only when the application has
 * taken the last page, because a pull acknowledges everything before it. That is also the back-pressure.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import { fullJitterMs } from './reconnect-policy.ts';

export interface SyncPullerOwner {
  /** Connected, and nothing is left for the application to take. */
  mayPull(): boolean;
  /** Sends SYNC; answers its requestId. */
  pull(): number;
}

const REPLY_TIMEOUT_MS = 15_000;
const RETRY_BASE_MS = 500;
const RETRY_CAP_MS = 30_000;

export class SyncPuller {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #owner: SyncPullerOwner;
  #phase: 'idle' | 'pulling' | 'resting' = 'idle';
  #wanted = false;
  #requestId = 0;
  #timer: TimerHandle | undefined;
  #failures = 0;

  constructor(clock: Clock, random: Random, owner: SyncPullerOwner) {
    this.#clock = clock;
    this.#random = random;
    this.#owner = owner;
  }

  /** There is, or may be, something to pull. */
  want(): void {
    this.#wanted = true;
    this.pump();
  }

  /** To be called when the owner's `mayPull` may have become true. */
  pump(): void {
    if (!this.#wanted || this.#phase !== 'idle' || !this.#owner.mayPull()) return;
    this.#wanted = false;
    this.#phase = 'pulling';
    this.#requestId = this.#owner.pull();
    const requestId = this.#requestId;
    this.#timer = this.#clock.setTimer(() => this.refused(requestId, 0), REPLY_TIMEOUT_MS);
  }

  /** True when this answers the pull that is under way; it is over then. */
  answered(requestId: number): boolean {
    if (!this.#settle(requestId)) return false;
    this.#phase = 'idle';
    this.#failures = 0;
    return true;
  }

  /** As `answered`, and the same pull is tried again later. */
  refused(requestId: number, retryAfterMs: number): boolean {
    if (!this.#settle(requestId)) return false;
    this.#phase = 'resting';
    this.#wanted = true;
    const delayMs = retryAfterMs || fullJitterMs(this.#random, this.#failures, RETRY_BASE_MS, RETRY_CAP_MS);
    this.#failures += 1;
    this.#timer = this.#clock.setTimer(() => {
      this.#phase = 'idle';
      this.pump();
    }, delayMs);
    return true;
  }

  /** Forgets everything: the connection has ended, or the timeline starts anew. */
  reset(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#phase = 'idle';
    this.#requestId = 0;
    this.#wanted = false;
    this.#failures = 0;
  }

  #settle(requestId: number): boolean {
    if (this.#phase !== 'pulling' || requestId !== this.#requestId) return false;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#requestId = 0;
    return true;
  }
}
