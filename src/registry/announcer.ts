/**
 * Keeps one entry announced: every third of its lease, and at once when something changed that others must know.
 *
 *   start ─► announce ─► … a third of the lease … ─► announce ─► …        changed ─► announce at once
 *
 * One call is under way at a time. What the registry cannot take now is announced again within a second; others miss
 * this process when that has failed for a whole lease, and find it again with the first call that succeeds.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import type { Registry, RegistryEntry } from './registry.ts';

export interface AnnouncerOptions<Entry extends RegistryEntry> {
  readonly clock: Clock;
  readonly random: Random;
  readonly registry: Registry<Entry>;
  readonly leaseMs: number;
  /** The entry as it is now; its name and boot id never change. */
  readonly describe: () => Entry;
}

const RETRY_MS = 1000;
/** The pace varies by so much of itself, so that processes started together do not announce together. */
const JITTER = 0.2;

export class Announcer<Entry extends RegistryEntry> {
  announcements = 0;
  failures = 0;
  readonly #options: AnnouncerOptions<Entry>;
  #timer: TimerHandle;
  #underWay: Promise<void> | undefined;
  #isChanged = false;
  #leaseEndMs = Number.NEGATIVE_INFINITY;
  #stopped: Promise<void> | undefined;

  constructor(options: AnnouncerOptions<Entry>) {
    this.#options = options;
  }

  /** Whether others see the entry, as far as is known here. */
  get isAnnounced(): boolean {
    return this.#options.clock.monotonicMs() < this.#leaseEndMs;
  }

  /** The first announcement, and the others after it. Resolves after the first try. */
  start(): Promise<void> {
    return this.changed();
  }

  /** Announces at once. Resolves when what `describe` says now has been tried. */
  changed(): Promise<void> {
    if (this.#stopped !== undefined) return this.#stopped;
    if (this.#underWay === undefined) this.#run();
    else this.#isChanged = true;
    return this.#underWay ?? Promise.resolve();
  }

  /** Announces nothing more and takes the entry out of the list, if the registry answers. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#leave();
    return this.#stopped;
  }

  #run(): void {
    this.#options.clock.clearTimer(this.#timer);
    this.#underWay = this.#announce().then((waitMs) => {
      this.#underWay = undefined;
      if (this.#stopped !== undefined) return;
      this.#timer = this.#options.clock.setTimer(() => this.#run(), waitMs);
    });
  }

  /** Until what was announced is what is. Resolves with the time until the next one. */
  async #announce(): Promise<number> {
    const { clock, random, registry, leaseMs, describe } = this.#options;
    const thirdMs = leaseMs / 3;
    do {
      this.#isChanged = false;
      const sentMs = clock.monotonicMs();
      try {
        await registry.announce(describe(), leaseMs);
        this.announcements++;
        this.#leaseEndMs = sentMs + leaseMs;
      } catch {
        this.failures++;
        return Math.min(thirdMs, RETRY_MS);
      }
    } while (this.#isChanged && this.#stopped === undefined);
    return thirdMs * (1 - JITTER * random.fraction());
  }

  async #leave(): Promise<void> {
    const { clock, registry, describe } = this.#options;
    clock.clearTimer(this.#timer);
    await this.#underWay;
    this.#leaseEndMs = Number.NEGATIVE_INFINITY;
    await registry.withdraw(describe()).catch(() => undefined);
  }
}
