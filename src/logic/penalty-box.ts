/**
 * Counts offences per key within a window that begins with the first one, and refuses the key for a while once there are
 * too many.
 *
 *      first                 max-th: refused until the window ends, or for `banMs`
 *   ─────●────●──●────●────────●═══════════════════╗───────►
 *        └──────────── windowMs ───────────────────┘
 *
 * At most `KEYS_MAX` keys are remembered; the one whose window began first is forgotten first, so that an attack with
 * ever new names takes no more memory.
 */
export interface PenaltyRule {
  /** 0: nothing is counted. */
  readonly max: number;
  readonly windowMs: number;
  /** Undefined: until the window ends. */
  readonly banMs?: number;
}

interface Offender {
  count: number;
  /** When this entry means nothing any more. */
  untilMs: number;
}

export const KEYS_MAX = 100_000;
/** Old entries looked at per offence: more than are added, so that expired ones do not pile up. */
const EXPIRED_LOOKS = 2;

export class PenaltyBox {
  readonly #rule: PenaltyRule;
  /** In the order in which their windows began. */
  readonly #offenders: Map<string, Offender> = new Map();

  constructor(rule: PenaltyRule) {
    this.#rule = rule;
  }

  get size(): number {
    return this.#offenders.size;
  }

  /** For how long the key is refused; 0 when it is not. */
  refusedForMs(key: string, nowMs: number): number {
    const offender = this.#offenders.get(key);
    if (offender === undefined || offender.count < this.#rule.max) return 0;
    return Math.max(0, offender.untilMs - nowMs);
  }

  count(key: string, nowMs: number): void {
    const { max, windowMs, banMs } = this.#rule;
    if (max === 0) return;
    this.#forgetExpired(nowMs);
    let offender = this.#offenders.get(key);
    if (offender === undefined || offender.untilMs <= nowMs) {
      offender = { count: 0, untilMs: nowMs + windowMs };
      this.#offenders.delete(key);
      this.#offenders.set(key, offender);
    }
    offender.count++;
    if (offender.count === max && banMs !== undefined) offender.untilMs = nowMs + banMs;
  }

  #forgetExpired(nowMs: number): void {
    let looks = 0;
    for (const [key, offender] of this.#offenders) {
      if (offender.untilMs > nowMs && this.#offenders.size < KEYS_MAX) return;
      this.#offenders.delete(key);
      if (++looks === EXPIRED_LOOKS) return;
    }
  }
}
