/**
 * How often one may fail to log in (T7), and how often come back after a connection that broke (T10). Asked before a
 * credential is looked at, so that whoever is refused costs no signature check.
 *
 *   CONNECT ──► refusedForMs > 0 ──► CLOSE RATE_LIMITED{retryAfterMs}
 *           └─► credential bad ────► failed ──► CLOSE CREDENTIAL_INVALID, `failureDelayMs` later
 *           └─► logged in … the session ends ──► ended
 *
 * A user's failures are counted per address: whoever fails under another's name locks out nobody but himself. They do
 * not count where the address is exempt (load balancers, large NATs) or unknown, because everybody shares it there. A
 * ticket that nobody knows counts for user and address, not for the address as a whole: after a restore all clients of
 * an office may hold one. IPv6 addresses are counted by their /64. A limit of 0 is none. A user without failures costs
 * nothing.
 */
import type { Clock } from '../clock/clock.ts';
import { AddressBlock, accountOf } from '../net/address-block.ts';
import { CloseReason } from '../protocol/index.ts';
import { PenaltyBox } from './penalty-box.ts';

/** Named like the keys of the section `limits` of the configuration. */
export interface LoginLimitOptions {
  readonly userLoginFailuresMax: number;
  readonly userLoginFailuresWindowMs: number;
  readonly addressLoginFailuresMax: number;
  readonly addressLoginFailuresWindowMs: number;
  readonly addressBanMs: number;
  readonly addressExempt: readonly string[];
  readonly loginFailureDelayMs: number;
  readonly userLoginsPerMinuteMax: number;
  readonly userLoginBanMs: number;
}

const MINUTE_MS = 60_000;
const SHORT_LIFE_MS = 5000;

/** Ends that are not the client's doing, however soon they come. */
const ENDED_BY_SERVER: ReadonlySet<number> = new Set([
  CloseReason.Shutdown,
  CloseReason.InternalError,
  CloseReason.Busy,
  CloseReason.Unavailable,
  CloseReason.MemoryPressure,
]);

/** Ends that belong to a normal life, unless they come within seconds. */
const ENDED_BY_POLICY: ReadonlySet<number> = new Set([
  CloseReason.Superseded,
  CloseReason.Replaced,
  CloseReason.Kicked,
  CloseReason.CredentialExpired,
  CloseReason.CredentialRevoked,
]);

export class LoginLimits {
  readonly #clock: Clock;
  readonly #exempt: readonly AddressBlock[];
  readonly #userFailures: PenaltyBox;
  readonly #addressFailures: PenaltyBox;
  readonly #returns: PenaltyBox;
  /** How long the answer to a failed login is held back. */
  readonly failureDelayMs: number;

  constructor(clock: Clock, options: LoginLimitOptions) {
    this.#clock = clock;
    this.#exempt = options.addressExempt.map((cidr) => new AddressBlock(cidr));
    this.failureDelayMs = options.loginFailureDelayMs;
    this.#userFailures = new PenaltyBox({
      max: options.userLoginFailuresMax,
      windowMs: options.userLoginFailuresWindowMs,
    });
    this.#addressFailures = new PenaltyBox({
      max: options.addressLoginFailuresMax,
      windowMs: options.addressLoginFailuresWindowMs,
      banMs: options.addressBanMs,
    });
    this.#returns = new PenaltyBox({
      max: options.userLoginsPerMinuteMax,
      windowMs: MINUTE_MS,
      banMs: options.userLoginBanMs,
    });
  }

  /** For how long a login must be refused RATE_LIMITED; 0 when it may be tried. @param address '' when unknown */
  refusedForMs(app: string, uid: string, address: string): number {
    const nowMs = this.#clock.monotonicMs();
    const user = userKey(app, uid);
    const returnsMs = this.#returns.refusedForMs(user, nowMs);
    if (!this.#counts(address)) return returnsMs;
    const account = accountOf(address);
    return Math.max(
      returnsMs,
      this.#userFailures.refusedForMs(`${user}\0${account}`, nowMs),
      this.#addressFailures.refusedForMs(account, nowMs),
    );
  }

  /** The credential was neither genuine nor known. */
  failed(app: string, uid: string, address: string, wasTicket: boolean): void {
    if (!this.#counts(address)) return;
    const nowMs = this.#clock.monotonicMs();
    const account = accountOf(address);
    this.#userFailures.count(`${userKey(app, uid)}\0${account}`, nowMs);
    if (!wasTicket) this.#addressFailures.count(account, nowMs);
  }

  /**
   * A session has ended; true when its user's next login counts as a return. Not to be called for the sessions of a gate
   * that died: that is not their clients' doing.
   */
  ended(app: string, uid: string, reason: number, livedMs: number): boolean {
    const counts = countsAsReturn(reason, livedMs);
    if (counts) this.#returns.count(userKey(app, uid), this.#clock.monotonicMs());
    return counts;
  }

  #counts(address: string): boolean {
    return address !== '' && !this.#exempt.some((block) => block.has(address));
  }
}

/** True for abnormal ends, and for sessions that lived under 5 s without a DISCONNECT. */
export function countsAsReturn(reason: number, livedMs: number): boolean {
  if (reason === CloseReason.Normal || ENDED_BY_SERVER.has(reason)) return false;
  return livedMs < SHORT_LIFE_MS || !ENDED_BY_POLICY.has(reason);
}

function userKey(app: string, uid: string): string {
  return `${app}\0${uid}`;
}
