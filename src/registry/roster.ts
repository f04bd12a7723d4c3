/**
 * The entries of one kind, read again and again at a steady pace.
 *
 *   listed   what the registry said last; stays when it cannot be asked
 *   live     those of them whose lease has not ended since: never a dead one, also while the registry is away
 *
 * A lease is counted from before the question was sent, so that it ends here no later than there.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Registry, RegistryEntry } from './registry.ts';

export interface RosterOptions<Entry extends RegistryEntry> {
  readonly clock: Clock;
  readonly registry: Registry<Entry>;
  readonly refreshMs: number;
  /** The registry can be asked, or has not become so in good time. */
  readonly opened?: Promise<void>;
}

interface Member<Entry> {
  readonly entry: Entry;
  readonly leaseEndMs: number;
}

export class Roster<Entry extends RegistryEntry> {
  reads = 0;
  failures = 0;
  readonly #options: RosterOptions<Entry>;
  #members: readonly Member<Entry>[] = [];
  #listed: readonly Entry[] = [];
  #live: readonly Entry[] = [];
  /** When the first of `#live` ends. */
  #liveUntilMs = Number.POSITIVE_INFINITY;
  #onRead: () => void = () => {};
  #timer: TimerHandle;
  #isStopped = false;

  constructor(options: RosterOptions<Entry>) {
    this.#options = options;
  }

  get listed(): readonly Entry[] {
    return this.#listed;
  }

  /** Sorted by boot id. The same array as long as the same entries say the same. */
  get live(): readonly Entry[] {
    if (this.#options.clock.monotonicMs() >= this.#liveUntilMs) this.#expire();
    return this.#live;
  }

  /** Reads for the first time, and again every `refreshMs`. Resolves after the first try. `onRead`: after every one. */
  async start(onRead: () => void = () => {}): Promise<void> {
    this.#onRead = onRead;
    await this.#options.opened;
    if (!this.#isStopped) await this.#read();
  }

  stop(): void {
    this.#isStopped = true;
    this.#options.clock.clearTimer(this.#timer);
  }

  async #read(): Promise<void> {
    const { clock, registry, refreshMs } = this.#options;
    const askedMs = clock.monotonicMs();
    try {
      const listed = await registry.list();
      this.reads++;
      if (this.#isStopped) return;
      this.#take(listed.map(({ entry, leftMs }) => ({ entry, leaseEndMs: askedMs + leftMs })));
    } catch {
      this.failures++;
    }
    if (this.#isStopped) return;
    this.#timer = clock.setTimer(() => void this.#read(), refreshMs);
    this.#onRead();
  }

  #take(members: Member<Entry>[]): void {
    members.sort((a, b) => (a.entry.bootId < b.entry.bootId ? -1 : 1));
    this.#members = members;
    const listed = members.map(({ entry }) => entry);
    if (textOf(listed) !== textOf(this.#listed)) this.#listed = listed;
    this.#expire();
  }

  #expire(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const alive = this.#members.filter(({ leaseEndMs }) => leaseEndMs > nowMs);
    this.#liveUntilMs = Math.min(...alive.map(({ leaseEndMs }) => leaseEndMs));
    const live = alive.map(({ entry }) => entry);
    if (textOf(live) !== textOf(this.#live)) this.#live = live;
  }
}

function textOf(entries: readonly RegistryEntry[]): string {
  return JSON.stringify(entries);
}
