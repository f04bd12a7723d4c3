/**
 * Senders whose sessions another logic owns, while they send to targets of this one.
 *
 * A guest is a session that is in no registry: nothing is pushed to it and nothing about it is stored. It exists so that
 * its commands, their answers and its holds have somebody to belong to, and so that its identity is read once and not with
 * every message. Its gate vouches for it.
 *
 *   recent ──every 30 s──► fading ──30 s later, unless it has sent again──► gone
 *
 * A guest that goes takes its holds along. That loses no order: its gate holds the connection as well, and what was under
 * way when the refusal left has arrived long before.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import { Session } from '../session/session.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import type { SessionIdentity } from '../trunk/trunk-protocol.ts';
import type { HoldSet } from './hold-set.ts';
import type { LiveSession } from './session-lifecycle.ts';

export const GUEST_IDLE_MS = 30_000;
/** Of all sessions, a guest's is in no partition of this logic. */
export const NO_PARTITION = -1;

type ByConnection = Map<TrunkLink, Map<number, LiveSession>>;

export class Guests {
  readonly #clock: Clock;
  readonly #holds: HoldSet<LiveSession>;
  #recent: ByConnection = new Map();
  #fading: ByConnection = new Map();
  #size = 0;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, holds: HoldSet<LiveSession>) {
    this.#clock = clock;
    this.#holds = holds;
  }

  get size(): number {
    return this.#size;
  }

  /** The guest of this connection. */
  find(link: TrunkLink, slot: number, serial: number): LiveSession | undefined {
    const recent = this.#recent.get(link)?.get(slot);
    if (recent !== undefined) return recent.serial === serial ? recent : undefined;
    const faded = this.#fading.get(link)?.get(slot);
    if (faded === undefined || faded.serial !== serial) return undefined;
    this.#fading.get(link)?.delete(slot);
    this.#put(faded);
    return faded;
  }

  admit(link: TrunkLink, slot: number, serial: number, identity: SessionIdentity): void {
    for (const guests of [this.#recent, this.#fading]) {
      const before = guests.get(link)?.get(slot);
      if (before !== undefined) this.#forget(guests, before);
    }
    this.#put(new Session(identity, { link, slot, serial }, NO_PARTITION, 0, 0, 0));
    this.#size++;
    this.#timer ??= this.#clock.setTimer(this.#fade, GUEST_IDLE_MS);
  }

  linkDown(link: TrunkLink): void {
    for (const guests of [this.#recent, this.#fading]) {
      for (const guest of guests.get(link)?.values() ?? []) this.#forget(guests, guest);
      guests.delete(link);
    }
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  readonly #fade = (): void => {
    for (const guests of this.#fading.values()) for (const guest of guests.values()) this.#forget(this.#fading, guest);
    this.#fading = this.#recent;
    this.#recent = new Map();
    this.#timer = this.#size > 0 ? this.#clock.setTimer(this.#fade, GUEST_IDLE_MS) : undefined;
  };

  #put(guest: LiveSession): void {
    let slots = this.#recent.get(guest.link);
    if (slots === undefined) {
      slots = new Map();
      this.#recent.set(guest.link, slots);
    }
    slots.set(guest.slot, guest);
  }

  #forget(guests: ByConnection, guest: LiveSession): void {
    guests.get(guest.link)?.delete(guest.slot);
    this.#holds.free(guest);
    this.#size--;
  }
}
