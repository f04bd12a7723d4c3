import type { TrunkLink } from '../trunk/trunk-link.ts';
import type { LoginAttempt } from './login-attempt.ts';

/** The logins under way, by connection: a connection that closes meanwhile must not get a session. */
export class PendingLogins {
  readonly #links: Map<TrunkLink, Map<number, LoginAttempt>> = new Map();

  add(attempt: LoginAttempt): void {
    let slots = this.#links.get(attempt.link);
    if (slots === undefined) {
      slots = new Map();
      this.#links.set(attempt.link, slots);
    }
    const before = slots.get(attempt.slot);
    if (before !== undefined) before.abandoned = true;
    slots.set(attempt.slot, attempt);
  }

  /** The attempt is answered. */
  remove(attempt: LoginAttempt): void {
    const slots = this.#links.get(attempt.link);
    if (slots?.get(attempt.slot) === attempt) slots.delete(attempt.slot);
  }

  abandon(link: TrunkLink, slot: number, serial: number): void {
    const slots = this.#links.get(link);
    const attempt = slots?.get(slot);
    if (attempt?.serial !== serial) return;
    attempt.abandoned = true;
    slots?.delete(slot);
  }

  abandonLink(link: TrunkLink): void {
    for (const attempt of this.#links.get(link)?.values() ?? []) attempt.abandoned = true;
    this.#links.delete(link);
  }
}
