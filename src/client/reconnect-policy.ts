/**
 * When to try again after a connection has ended. Pure: full jitter over a doubling range, which is taken back only
 * after a connection has lasted, so that a server that accepts and drops does not see everybody every second.
 */
import type { Random } from '../clock/random.ts';
import { REAUTHENTICATE_REASONS, STOP_REASONS, WAIT_REASONS } from '../protocol/generated/protocol.ts';
import type { Backoff } from './storage.ts';

/** What the range of a close reason asks of a client. */
export type Reaction = 'reconnect' | 'wait' | 'reauthenticate' | 'stop';

const BACKOFF: Backoff = { baseMs: 1000, maxMs: 60_000 };
const STABLE_MS = 30_000;
const WAIT_MS_MIN = 1000;
/** 2^16 s is far beyond the cap. */
const ATTEMPTS_COUNTED_MAX = 16;

/** A reason outside every range counts as `reconnect`. */
export function reactionTo(reason: number): Reaction {
  if (within(reason, WAIT_REASONS)) return 'wait';
  if (within(reason, REAUTHENTICATE_REASONS)) return 'reauthenticate';
  if (within(reason, STOP_REASONS)) return 'stop';
  return 'reconnect';
}

/** A random time in [0, min(`capMs`, `baseMs` × 2^attempt)). */
export function fullJitterMs(random: Random, attempt: number, baseMs: number, capMs: number): number {
  return random.fraction() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, ATTEMPTS_COUNTED_MAX));
}

export class ReconnectPolicy {
  readonly #random: Random;
  #attempt = 0;
  #onlineSinceMs: number | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  online(nowMs: number): void {
    this.#onlineSinceMs = nowMs;
  }

  /** How long to wait after a connection (or an attempt at one) ended now. `retryAfterMs` is the server's wish. */
  delayMs(reaction: Reaction, retryAfterMs: number, nowMs: number, backoff: Backoff = BACKOFF): number {
    if (this.#onlineSinceMs !== undefined && nowMs - this.#onlineSinceMs >= STABLE_MS) this.#attempt = 0;
    this.#onlineSinceMs = undefined;
    const jitterMs = fullJitterMs(this.#random, this.#attempt, backoff.baseMs, backoff.maxMs);
    this.#attempt += 1;
    return jitterMs + Math.max(retryAfterMs, reaction === 'wait' ? WAIT_MS_MIN : 0);
  }
}

function within(reason: number, range: { readonly first: number; readonly last: number }): boolean {
  return reason >= range.first && reason <= range.last;
}
