/**
 * Keeps a session alive beyond its age: a new token on the connection that stands, after about 80 % of the time.
 *
 *   CONNACK ──75–85 % of the time──▶ token ──REAUTH──▶ REAUTHACK ──75–85 %──▶ …
 *                                      ▲                  │ refused, or no token
 *                                      └──a quarter of what is left────┘      until the server ends the session
 *
 * Time is the server's at CONNACK plus what has passed since on the monotonic clock.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';

const SHARE_MIN = 0.75;
const SHARE_SPREAD = 0.1;
const RETRY_SHARE = 0.25;
/** Less than this before the end there is nothing left to try. */
const RETRY_MS_MIN = 5000;
/** What timers can count. */
const TIMER_MS_MAX = 0x7fff_ffff;

export interface ReauthenticationLink {
  /** Sends REAUTH; answers its requestId. */
  reauthenticate(token: string): number;
}

export class Reauthenticator {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #freshToken: () => Promise<string>;
  readonly #failed: (error: unknown) => void;
  #link: ReauthenticationLink | undefined;
  #serverTimeMs = 0;
  #serverTimeAtMs = 0;
  #expiresAtMs = 0;
  /** Of the REAUTH under way; 0 for none. */
  #requestId = 0;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, random: Random, freshToken: () => Promise<string>, failed: (error: unknown) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#freshToken = freshToken;
    this.#failed = failed;
  }

  online(link: ReauthenticationLink, connack: { serverTimeMs: number; sessionExpiresAtMs: number }): void {
    this.#link = link;
    this.#serverTimeMs = connack.serverTimeMs;
    this.#serverTimeAtMs = this.#clock.monotonicMs();
    this.#renewed(connack.sessionExpiresAtMs);
  }

  offline(): void {
    this.#link = undefined;
    this.#requestId = 0;
    this.#disarm();
  }

  onReauthack(requestId: number, sessionExpiresAtMs: number): void {
    if (requestId !== this.#requestId) return;
    this.#requestId = 0;
    this.#renewed(sessionExpiresAtMs);
  }

  /** True when the refused request was a REAUTH. */
  onError(requestId: number): boolean {
    if (requestId === 0 || requestId !== this.#requestId) return false;
    this.#requestId = 0;
    this.#retry();
    return true;
  }

  #renewed(expiresAtMs: number): void {
    this.#expiresAtMs = expiresAtMs;
    if (expiresAtMs === 0) this.#disarm();
    else this.#tryIn(this.#leftMs() * (SHARE_MIN + SHARE_SPREAD * this.#random.fraction()));
  }

  #retry(): void {
    const waitMs = Math.max(RETRY_MS_MIN, this.#leftMs() * RETRY_SHARE);
    if (waitMs < this.#leftMs()) this.#tryIn(waitMs);
  }

  #tryIn(waitMs: number): void {
    this.#disarm();
    this.#timer = this.#clock.setTimer(() => void this.#try(), Math.min(Math.max(0, waitMs), TIMER_MS_MAX));
  }

  async #try(): Promise<void> {
    this.#timer = undefined;
    const link = this.#link;
    try {
      const token = await this.#freshToken();
      if (link !== undefined && link === this.#link) this.#requestId = link.reauthenticate(token);
    } catch (error) {
      this.#failed(error);
      if (link !== undefined && link === this.#link) this.#retry();
    }
  }

  #leftMs(): number {
    return this.#expiresAtMs - this.#serverTimeMs - (this.#clock.monotonicMs() - this.#serverTimeAtMs);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
