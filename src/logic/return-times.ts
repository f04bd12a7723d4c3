/**
 * When refused logins come back: behind those that wait, one after the other at the rate at which logins are served.
 *
 *   now ────── waiting ÷ rate ──────┬──┬──┬──┬──▶  each refused login gets the next place, 1 ÷ rate after the last one
 *
 * Nobody waits for longer than `queueMsMax`, so the queue is never longer than that.
 * So a storm returns as fast as it can be served, and not in one piece. A blind wait of 5 to 30 s, for comparison, keeps
 * some out for half a minute when 20,000 come at once and all others are in after two seconds.
 *
 * The rate is what was served in the last half second in which logins had to wait, before the first one it is assumed;
 * it falls by a fifth at once, because half a second in which a machine did something else says little.
 */
import type { Random } from '../clock/random.ts';

const WINDOW_MS = 500;
const RATE_ASSUMED_PER_MS = 5;
/** A server that serves nothing now will not do so for ever. */
const RATE_MIN_PER_MS = 0.02;
const WAIT_MS_MIN = 1000;
const WAIT_MS_MAX = 30_000;
/** A wait differs by up to this part from what it should be, both ways: on the whole as many return as can be served. */
const JITTER = 0.25;
const FALL = 0.8;

export class ReturnTimes {
  readonly #random: Random;
  readonly #queueMsMax: number;
  #ratePerMs = RATE_ASSUMED_PER_MS;
  /** −1 while nobody waits: what is served then says nothing about what could be. */
  #windowStartMs = -1;
  #served = 0;
  #lastPlaceMs = 0;

  constructor(random: Random, queueMsMax: number) {
    this.#random = random;
    this.#queueMsMax = queueMsMax;
  }

  /** A login has been dealt with. @param waiting how many wait for their turn */
  served(waiting: number, nowMs: number): void {
    if (waiting === 0) {
      this.#windowStartMs = -1;
      return;
    }
    this.#roll(nowMs);
    this.#served++;
  }

  /** For how long a login that is refused now should stay away. @param waiting how many wait for their turn */
  waitMs(waiting: number, nowMs: number): number {
    if (waiting > 0) this.#roll(nowMs);
    const latestMs = nowMs + WAIT_MS_MAX / (1 + JITTER);
    const firstMs = Math.min(latestMs, nowMs + Math.min(this.#queueMsMax, waiting / this.#ratePerMs));
    const placeMs = Math.max(this.#lastPlaceMs, firstMs) + 1 / this.#ratePerMs;
    // When all places within reach are given away, they are given away once more.
    this.#lastPlaceMs = placeMs <= latestMs ? placeMs : firstMs;
    const waitMs = Math.max(WAIT_MS_MIN, this.#lastPlaceMs - nowMs);
    return Math.round(waitMs * (1 + JITTER * (2 * this.#random.fraction() - 1)));
  }

  #roll(nowMs: number): void {
    if (this.#windowStartMs < 0) {
      this.#windowStartMs = nowMs;
      this.#served = 0;
    }
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#ratePerMs = Math.max(RATE_MIN_PER_MS, FALL * this.#ratePerMs, this.#served / elapsedMs);
    this.#windowStartMs = nowMs;
    this.#served = 0;
  }
}
