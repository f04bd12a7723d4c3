/**
 * How many connections one address may hold and open (T9). IPv4 addresses and IPv6 /64 blocks have an account each;
 * exempt blocks (load balancers, large NATs) have none.
 *
 * Cost: one map entry per address with connections, one reference per connection, and the socket's address, which is
 * read once per accept. Nothing of this exists when both limits are 0.
 */
import { RateMeter } from '../clock/rate-meter.ts';
import { AddressBlock, accountOf } from '../net/address-block.ts';

export interface AddressLimitOptions {
  /** 0: no limit. */
  readonly addressConnectionsMax: number;
  /** 0: no limit. */
  readonly addressConnectsPerSecondMax: number;
  /** Blocks without limits. */
  readonly addressExempt: readonly string[];
}

class Account {
  readonly name: string;
  connections = 0;
  dueMs = 0;

  constructor(name: string) {
    this.name = name;
  }
}

export class AddressLimits {
  readonly #connectionsMax: number;
  readonly #meter: RateMeter | undefined;
  readonly #exempt: readonly AddressBlock[];
  readonly #accounts: Map<string, Account> = new Map();
  /** By slot. */
  readonly #holders: (Account | undefined)[] = [];

  constructor(options: AddressLimitOptions) {
    const { addressConnectionsMax, addressConnectsPerSecondMax: perSecond } = options;
    this.#connectionsMax = addressConnectionsMax === 0 ? Number.POSITIVE_INFINITY : addressConnectionsMax;
    this.#meter = perSecond === 0 ? undefined : new RateMeter(perSecond, perSecond);
    this.#exempt = options.addressExempt.map((cidr) => new AddressBlock(cidr));
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#accounts.size;
  }

  /** Counts one attempt; false when it must be refused. */
  admit(address: string, nowMs: number): boolean {
    const account = this.#accountOf(address);
    if (account === undefined) return true;
    if (this.#meter !== undefined) {
      const dueMs = this.#meter.counted(account.dueMs, 1, nowMs);
      // Refused attempts are not counted: who goes on knocking is let in at the allowed rate.
      if (this.#meter.excessMs(dueMs, nowMs) > 0) return false;
      account.dueMs = dueMs;
    }
    return account.connections < this.#connectionsMax;
  }

  /** An admitted connection has got its slot. */
  entered(slot: number, address: string): void {
    const account = this.#accountOf(address);
    if (account === undefined) return;
    account.connections++;
    while (this.#holders.length <= slot) this.#holders.push(undefined);
    this.#holders[slot] = account;
  }

  /** The connection has ended. Harmless for one that has no account. */
  left(slot: number): void {
    const account = this.#holders[slot];
    if (account === undefined) return;
    this.#holders[slot] = undefined;
    account.connections--;
  }

  /** Forgets addresses without connections whose rate is at rest. */
  sweep(nowMs: number): void {
    for (const account of this.#accounts.values()) {
      if (account.connections === 0 && account.dueMs <= nowMs) this.#accounts.delete(account.name);
    }
  }

  #accountOf(address: string): Account | undefined {
    // A socket that has gone already has no address.
    if (address === '' || this.#exempt.some((block) => block.has(address))) return undefined;
    const name = accountOf(address);
    let account = this.#accounts.get(name);
    if (account === undefined) {
      account = new Account(name);
      this.#accounts.set(name, account);
    }
    return account;
  }
}
