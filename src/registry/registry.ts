/**
 * What gates and logics tell about themselves. An entry lives for a lease from its last announcement; whoever reads the
 * list learns how much of the lease is left, by the clock of the registry alone, so that machines' clocks do not matter.
 *
 *   gate ──announce──► registry ◄──list── api, for clients          logic ──announce──► registry ◄──list── gates, apis
 */
export interface RegistryEntry {
  /** For people: `gate 1`. */
  readonly name: string;
  /** Of one start of one process. */
  readonly bootId: string;
  /** `host:port` as others dial it. */
  readonly address: string;
}

export interface GateEntry extends RegistryEntry {
  /** The apps that this gate is for; empty: all. */
  readonly apps: readonly string[];
  readonly connections: number;
  readonly connectionsMax: number;
  /** On its way out: serves who is there and is offered to nobody. */
  readonly draining: boolean;
}

/** Its name is its own for good: the next start under it takes the entry over. */
export type LogicEntry = RegistryEntry;

export interface Listed<Entry extends RegistryEntry> {
  readonly entry: Entry;
  /** Of its lease, when the registry answered. */
  readonly leftMs: number;
}

/** The entries of one kind. Every call rejects when its outcome is not known; all of them may be repeated. */
export interface Registry<Entry extends RegistryEntry> {
  announce(entry: Entry, leaseMs: number): Promise<void>;
  /** Only if it is this boot's. */
  withdraw(entry: Entry): Promise<void>;
  /** All whose lease has not ended, in no order. */
  list(): Promise<Listed<Entry>[]>;
}
