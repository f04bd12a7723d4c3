/** A registry in memory on a test's clock, which can be made to fail or to keep its callers waiting. */
import type { Clock } from '../../src/clock/clock.ts';
import type { GateEntry, Listed, Registry, RegistryEntry } from '../../src/registry/registry.ts';

export function gateEntry(bootId: string, changes: Partial<GateEntry> = {}): GateEntry {
  const address = `${bootId}.example:7400`;
  return { name: bootId, bootId, address, apps: [], connections: 0, connectionsMax: 100, draining: false, ...changes };
}

export class ScriptedRegistry<Entry extends RegistryEntry> implements Registry<Entry> {
  calls = 0;
  isAway = false;
  /** When set, calls wait for it. */
  held: Promise<void> | undefined;
  readonly #clock: Clock;
  readonly #entries = new Map<string, { entry: Entry; endMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async announce(entry: Entry, leaseMs: number): Promise<void> {
    await this.#called();
    this.#entries.set(entry.bootId, { entry, endMs: this.#clock.monotonicMs() + leaseMs });
  }

  async withdraw({ bootId }: Entry): Promise<void> {
    await this.#called();
    this.#entries.delete(bootId);
  }

  async list(): Promise<Listed<Entry>[]> {
    await this.#called();
    return this.listed();
  }

  /** The list, without a call. */
  listed(): Listed<Entry>[] {
    const nowMs = this.#clock.monotonicMs();
    const all = [...this.#entries.values()].map(({ entry, endMs }) => ({ entry, leftMs: endMs - nowMs }));
    return all.filter(({ leftMs }) => leftMs > 0);
  }

  async #called(): Promise<void> {
    this.calls++;
    await this.held;
    if (this.isAway) throw new Error('the registry is away');
  }
}
