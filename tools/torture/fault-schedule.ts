/** Which faults there are, and in which order a seed brings them. */
import type { SeededRandom } from '../../test/support/seeded-random.ts';

/** Faults of the system's processes; what each must leave alone is checked with it (`SystemFaults`). */
export const SYSTEM_FAULTS = [
  'logic-kill',
  'logic-freeze',
  'logic-pause',
  'gate-kill',
  'gate-freeze',
  'gate-pause',
  'gate-crash-loop',
  'api-kill',
  'api-freeze',
  'primary-kill',
  'primary-pause',
  'rolling-restart',
] as const;
export type SystemFault = (typeof SYSTEM_FAULTS)[number];

/** Faults of clients and their connections; they come beside the others. */
export const CLIENT_FAULTS = [
  'client-kill',
  'latency',
  'one-byte',
  'half-close',
  'reset',
  'black-hole',
  'cut',
] as const;
export type ClientFault = (typeof CLIENT_FAULTS)[number];

/** Faults of Redis, where the system keeps its messages there. */
export const REDIS_FAULTS = ['redis-kill', 'redis-failover', 'redis-pause', 'redis-flush'] as const;
export type RedisFault = (typeof REDIS_FAULTS)[number];

/** Faults of logics beside the system's own (`peer-logics.ts`). */
export const PEER_FAULTS = ['peer-kill', 'peer-die', 'peer-freeze', 'peer-restart', 'peer-deaf', 'peer-cut'] as const;
export type PeerFault = (typeof PEER_FAULTS)[number];

export type FaultName = SystemFault | ClientFault | RedisFault | PeerFault;

export function isRedisFault(name: FaultName): name is RedisFault {
  return (REDIS_FAULTS as readonly string[]).includes(name);
}

export function isPeerFault(name: FaultName): name is PeerFault {
  return (PEER_FAULTS as readonly string[]).includes(name);
}

export function isFaultName(name: string): name is FaultName {
  return ([...SYSTEM_FAULTS, ...CLIENT_FAULTS, ...REDIS_FAULTS, ...PEER_FAULTS] as readonly string[]).includes(name);
}

/** Every fault once in some order, then every one again: a short run has all kinds, and a long one many of each. */
export class FaultRounds<Name extends string> {
  readonly #names: readonly Name[];
  readonly #random: SeededRandom;
  #left: Name[] = [];
  #rounds = 0;

  constructor(names: readonly Name[], random: SeededRandom) {
    this.#names = names;
    this.#random = random;
  }

  /** Every fault has been given out once. */
  get isFirstOver(): boolean {
    return this.#rounds > 1 || (this.#rounds === 1 && this.#left.length === 0);
  }

  /** Undefined when there are no faults at all. */
  next(): Name | undefined {
    if (this.#left.length === 0) {
      this.#left = [...this.#names];
      this.#rounds += 1;
    }
    return this.#left.splice(this.#random.below(this.#left.length), 1)[0];
  }
}
