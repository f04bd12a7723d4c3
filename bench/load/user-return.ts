/**
 * Users who come back after their connections broke: when each is in again, how many tries it took, why tries failed.
 *
 *   stubborn   everybody at once, and again whenever the server allows it: a client that knows no jitter
 *   at-once    everybody at once; who fails goes on as the client library does
 *   jittered   as the client library does from the first try on
 *
 * The client library waits rand(0, min(60 s, 1 s × 2ⁿ)) after what the server asks for, and gives a try ten seconds.
 */

import { ReconnectPolicy, reactionTo } from '../../src/client/reconnect-policy.ts';
import { type Clock, delay } from '../../src/clock/clock.ts';
import type { Random } from '../../src/clock/random.ts';
import type { LoginOutcome, SluiceConnection } from './sluice-connection.ts';
import type { SluiceConnections } from './sluice-connections.ts';

export type ReturnStyle = 'stubborn' | 'at-once' | 'jittered';

export interface ReturnReport {
  /** When each user was back, in ms from the start, ascending. */
  readonly backMs: readonly number[];
  readonly attempts: number;
  /** Why attempts failed, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly missing: number;
}

/** As `loginTimeoutMs` of the client library. */
const ATTEMPT_MS_MAX = 10_000;
const ATTEMPT_SWEEP_MS = 250;
const STUBBORN_MS = 50;

interface Attempt {
  readonly user: SluiceConnection;
  /** Of this attempt: a later one has another. */
  readonly login: LoginOutcome | undefined;
  readonly untilMs: number;
}

export class UserReturn {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #connections: SluiceConnections;
  readonly #style: ReturnStyle;
  readonly #backMs: number[] = [];
  readonly #reasons: Record<string, number> = {};
  /** Attempts under way or over, in the order of their deadlines. */
  readonly #attempts: Attempt[] = [];
  #startMs = 0;
  #endMs = 0;
  #started = 0;

  constructor(clock: Clock, random: Random, connections: SluiceConnections, style: ReturnStyle) {
    this.#clock = clock;
    this.#random = random;
    this.#connections = connections;
    this.#style = style;
  }

  async run(users: readonly SluiceConnection[], deadlineMs: number): Promise<ReturnReport> {
    this.#startMs = this.#clock.monotonicMs();
    this.#endMs = this.#startMs + deadlineMs;
    this.#sweep();
    await Promise.all(users.map((user) => this.#bringBack(user)));
    this.#endMs = 0;
    return {
      backMs: this.#backMs.sort((a, b) => a - b),
      attempts: this.#started,
      reasons: this.#reasons,
      missing: users.length - this.#backMs.length,
    };
  }

  async #bringBack(user: SluiceConnection): Promise<void> {
    const policy = new ReconnectPolicy(this.#random);
    if (this.#style === 'jittered') await this.#wait(policy, user);
    while (this.#clock.monotonicMs() < this.#endMs) {
      const reason = await this.#tryLogin(user);
      if (reason === undefined) {
        this.#backMs.push(this.#clock.monotonicMs() - this.#startMs);
        return;
      }
      this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1;
      await this.#wait(policy, user);
    }
  }

  /** Why it failed; undefined when it did not. */
  async #tryLogin(user: SluiceConnection): Promise<string | undefined> {
    this.#started++;
    user.closeReason = 0;
    user.retryAfterMs = 0;
    const untilMs = this.#clock.monotonicMs() + ATTEMPT_MS_MAX;
    const loggedIn = this.#connections.connect(user);
    this.#attempts.push({ user, login: user.login, untilMs });
    try {
      await loggedIn;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #wait(policy: ReconnectPolicy, { closeReason, retryAfterMs }: SluiceConnection): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const politeMs = policy.delayMs(reactionTo(closeReason), retryAfterMs, nowMs);
    const waitMs = this.#style === 'stubborn' ? Math.max(STUBBORN_MS, retryAfterMs) : politeMs;
    return delay(this.#clock, Math.min(waitMs, Math.max(0, this.#endMs - nowMs)));
  }

  /** Ends attempts that take too long, and all of them at the end. */
  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    const over = nowMs >= this.#endMs;
    let ended = 0;
    while (ended < this.#attempts.length) {
      const attempt = this.#attempts[ended] as Attempt;
      if (!over && attempt.untilMs > nowMs) break;
      if (attempt.user.login === attempt.login) this.#connections.giveUp(attempt.user);
      ended++;
    }
    this.#attempts.splice(0, ended);
    if (!over) this.#clock.setTimer(() => this.#sweep(), ATTEMPT_SWEEP_MS);
  }
}
