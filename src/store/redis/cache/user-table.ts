/**
 * All cached users of a logic, at most so many. Who has not been asked for since the hand passed goes first (CLOCK):
 *
 *   a read sets `isUsed`: one store · the hand clears it, and takes the place of the first that it finds cleared
 *
 * One claim can pass every user once; then as many follow that pass one each.
 */
import type { CachedUser } from './cached-user.ts';

export class UserTable {
  readonly #usersMax: number;
  readonly #evicted: () => void;
  readonly #users: (CachedUser | undefined)[] = [];
  #free: number[] = [];
  #hand = 0;

  constructor(usersMax: number, evicted: () => void) {
    this.#usersMax = usersMax;
    this.#evicted = evicted;
  }

  get size(): number {
    return this.#users.length - this.#free.length;
  }

  at(place: number): CachedUser | undefined {
    return this.#users[place];
  }

  add(user: CachedUser): void {
    user.place = this.#claim();
    this.#users[user.place] = user;
    user.siblings.set(user.uid, user);
  }

  remove(user: CachedUser): void {
    this.#users[user.place] = undefined;
    this.#free.push(user.place);
    user.siblings.delete(user.uid);
  }

  #claim(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#users.length < this.#usersMax) return this.#users.push(undefined) - 1;
    for (;;) {
      const user = this.#users[this.#hand]!;
      this.#hand = (this.#hand + 1) % this.#users.length;
      if (user.isUsed) user.isUsed = false;
      else {
        user.siblings.delete(user.uid);
        this.#evicted();
        return user.place;
      }
    }
  }
}
