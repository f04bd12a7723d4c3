/**
 * Who gets a connection (T9). Checked in this order, so that one address cannot use up what belongs to all:
 *
 *   stopping             → SHUTDOWN
 *   too many from here   → RATE_LIMITED       per address: connections, and connections per second
 *   too many strangers   → BUSY               at random from `preLoginDropFrom` on, always at `preLoginMax`
 *   accepting too fast   → BUSY               a rate with a burst for the whole worker
 *   no slot left         → CONNECTIONS_MAX
 *
 *   share dropped  100 % ┤            ┌────
 *                        │        ╱
 *      preLoginDropPercent┤   ┌
 *                     0 %└───┴─────────┴────  connections before login
 *                          From       Max
 */

import type { Random } from '../clock/random.ts';
import { RateMeter } from '../clock/rate-meter.ts';
import type { Stream } from '../net/transport.ts';
import { CloseReason } from '../protocol/index.ts';
import { type AddressLimitOptions, AddressLimits } from './address-limits.ts';
import type { GateCounters } from './gate-counters.ts';

export interface AdmissionLimits extends AddressLimitOptions {
  /** 0: no limit. */
  readonly acceptsPerSecondMax: number;
  readonly acceptsBurst: number;
  /** 0: never. */
  readonly preLoginDropFrom: number;
  readonly preLoginDropPercent: number;
  /** 0: no limit. */
  readonly preLoginMax: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #random: Random;
  readonly #counters: GateCounters;
  /** Undefined when no limit per address holds: addresses are not even read then. */
  readonly #addresses: AddressLimits | undefined;
  readonly #accepts: RateMeter | undefined;
  #acceptsDueMs = 0;

  constructor(limits: AdmissionLimits, random: Random, counters: GateCounters) {
    this.#limits = limits;
    this.#random = random;
    this.#counters = counters;
    const perAddress = limits.addressConnectionsMax > 0 || limits.addressConnectsPerSecondMax > 0;
    this.#addresses = perAddress ? new AddressLimits(limits) : undefined;
    const { acceptsPerSecondMax, acceptsBurst } = limits;
    this.#accepts = acceptsPerSecondMax > 0 ? new RateMeter(acceptsPerSecondMax, acceptsBurst) : undefined;
  }

  /** The reason to refuse a new connection, or 0. @param preLogin connections that have not logged in */
  refusal(stream: Stream, preLogin: number, nowMs: number): CloseReason | 0 {
    if (this.#addresses?.admit(stream.remoteAddress, nowMs) === false) {
      this.#counters.refusedAddress++;
      return CloseReason.RateLimited;
    }
    if (this.#dropsStranger(preLogin)) {
      this.#counters.refusedPreLogin++;
      return CloseReason.Busy;
    }
    if (!this.#acceptsNow(nowMs)) {
      this.#counters.refusedRate++;
      return CloseReason.Busy;
    }
    return 0;
  }

  entered(slot: number, stream: Stream): void {
    this.#addresses?.entered(slot, stream.remoteAddress);
  }

  left(slot: number): void {
    this.#addresses?.left(slot);
  }

  sweep(nowMs: number): void {
    this.#addresses?.sweep(nowMs);
  }

  #dropsStranger(preLogin: number): boolean {
    const { preLoginDropFrom: from, preLoginMax: max, preLoginDropPercent } = this.#limits;
    if (max > 0 && preLogin >= max) return true;
    if (from === 0 || preLogin < from) return false;
    const share = preLoginDropPercent / 100;
    const depth = max > from ? (preLogin - from) / (max - from) : 0;
    return this.#random.fraction() < share + (1 - share) * depth;
  }

  #acceptsNow(nowMs: number): boolean {
    if (this.#accepts === undefined) return true;
    const dueMs = this.#accepts.counted(this.#acceptsDueMs, 1, nowMs);
    if (this.#accepts.excessMs(dueMs, nowMs) > 0) return false;
    this.#acceptsDueMs = dueMs;
    return true;
  }
}
