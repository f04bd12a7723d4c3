/**
 * How often one address, and all of them together, may ask for something that needs no key. IPv4 addresses and IPv6 /64
 * blocks count as one each; exempt blocks (proxies, large NATs) count towards the whole only.
 *
 * Cost: one map entry per address, forgotten when its rate is at rest; with too many of them new ones count towards the
 * whole only.
 */
import { RateMeter } from '../clock/rate-meter.ts';
import { AddressBlock, accountOf } from '../net/address-block.ts';

export interface AddressRateOptions {
  /** 0: no limit. */
  readonly requestsPerSecondMax: number;
  /** 0: no limit. */
  readonly addressRequestsPerSecondMax: number;
  readonly addressExempt: readonly string[];
}

export const ADDRESSES_MAX = 10_000;

export class AddressRates {
  readonly #all: RateMeter | undefined;
  readonly #each: RateMeter | undefined;
  readonly #exempt: readonly AddressBlock[];
  readonly #dueMs: Map<string, number> = new Map();
  #allDueMs = 0;

  constructor({ requestsPerSecondMax: all, addressRequestsPerSecondMax: each, addressExempt }: AddressRateOptions) {
    this.#all = all === 0 ? undefined : new RateMeter(all, all);
    this.#each = each === 0 ? undefined : new RateMeter(each, each);
    this.#exempt = addressExempt.map((cidr) => new AddressBlock(cidr));
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#dueMs.size;
  }

  /** Counts one request; false when it must be refused. Refused ones do not count. */
  admit(address: string, nowMs: number): boolean {
    if (!this.#admitAddress(address, nowMs)) return false;
    if (this.#all === undefined) return true;
    const dueMs = this.#all.counted(this.#allDueMs, 1, nowMs);
    if (this.#all.excessMs(dueMs, nowMs) > 0) return false;
    this.#allDueMs = dueMs;
    return true;
  }

  #admitAddress(address: string, nowMs: number): boolean {
    if (this.#each === undefined || address === '' || this.#exempt.some((block) => block.has(address))) return true;
    const account = accountOf(address);
    const known = this.#dueMs.get(account);
    if (known === undefined && !this.#hasPlace(nowMs)) return true;
    const dueMs = this.#each.counted(known ?? 0, 1, nowMs);
    if (this.#each.excessMs(dueMs, nowMs) > 0) return false;
    this.#dueMs.set(account, dueMs);
    return true;
  }

  /** Full: forgets those at rest. */
  #hasPlace(nowMs: number): boolean {
    if (this.#dueMs.size < ADDRESSES_MAX) return true;
    for (const [account, dueMs] of this.#dueMs) if (dueMs <= nowMs) this.#dueMs.delete(account);
    return this.#dueMs.size < ADDRESSES_MAX;
  }
}
