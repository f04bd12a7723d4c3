/**
 * (app, uid) → user number: open addressing over the numbers alone; the texts stay where they are.
 *
 *   hash's top bits ─► shard ─► ▕ number + 1 ▏…     and beside it  ▕ 8 bits of the hash ▏…
 *
 * Linear probing; a text is compared only where the 8 bits agree. 7–13 bytes a user, where a Map of strings takes about
 * 60. Growth moves one shard (a 256th). The hash is keyed, so that nobody can choose names that collide.
 */
import type { Uid } from '../../model/ids.ts';
import { hashText } from './text-slab.ts';

const SHARD_BITS = 8;
const SHARDS = 2 ** SHARD_BITS;
const PLACES_MIN = 16;
/** Names fall into shards by chance. */
const SHARD_SLACK = 1.1;
const FREE = 0;
const REMOVED = 0xffffffff;

interface Shard {
  /** Number + 1, FREE or REMOVED. */
  numbers: Uint32Array;
  tags: Uint8Array;
  /** Places that are not FREE. */
  used: number;
}

export interface NamedUsers {
  appNumber(user: number): number;
  isUid(user: number, uid: Uid): boolean;
  /** As `hashText` of the uid. */
  uidHash(user: number, seed: number): number;
}

export class NameTable {
  readonly #users: NamedUsers;
  readonly #seed: number;
  readonly #shards: Shard[] = Array.from({ length: SHARDS }, () => newShard(PLACES_MIN));

  constructor(users: NamedUsers, seed: number) {
    this.#users = users;
    this.#seed = seed | 0;
  }

  /** The user's number, or -1. */
  find(app: number, uid: Uid): number {
    const hash = hashText(uid, seedOf(this.#seed, app));
    const { numbers, tags } = this.#shards[hash >>> (32 - SHARD_BITS)]!;
    const place = this.#placeOf(numbers, tags, hash, app, uid);
    return place < 0 ? -1 : numbers[place]! - 1;
  }

  /** Makes room for so many names in an empty table; without it every shard grows, and hashes its names again, step by step. */
  reserve(names: number): void {
    const perShard = Math.ceil((names / SHARDS) * SHARD_SLACK);
    const places = placesFor(perShard);
    for (let index = 0; index < SHARDS; index++) this.#shards[index] = newShard(places);
  }

  /** The user's name, which the directory knows already, must not be there yet. */
  add(user: number): void {
    const hash = this.#hashOf(user);
    const index = hash >>> (32 - SHARD_BITS);
    let shard = this.#shards[index]!;
    if ((shard.used + 1) * 4 > shard.numbers.length * 3) {
      shard = this.#rebuilt(shard);
      this.#shards[index] = shard;
    }
    insert(shard, hash, user + 1);
  }

  remove(app: number, uid: Uid): void {
    const hash = hashText(uid, seedOf(this.#seed, app));
    const { numbers, tags } = this.#shards[hash >>> (32 - SHARD_BITS)]!;
    const place = this.#placeOf(numbers, tags, hash, app, uid);
    if (place >= 0) numbers[place] = REMOVED;
  }

  #placeOf(numbers: Uint32Array, tags: Uint8Array, hash: number, app: number, uid: Uid): number {
    const mask = numbers.length - 1;
    const tag = tagOf(hash);
    for (let place = hash & mask; numbers[place] !== FREE; place = (place + 1) & mask) {
      if (tags[place] !== tag) continue;
      const number = numbers[place]!;
      if (number === REMOVED) continue;
      if (this.#users.isUid(number - 1, uid) && this.#users.appNumber(number - 1) === app) return place;
    }
    return -1;
  }

  #hashOf(user: number): number {
    return this.#users.uidHash(user, seedOf(this.#seed, this.#users.appNumber(user)));
  }

  #rebuilt(old: Shard): Shard {
    let live = 0;
    for (const number of old.numbers) if (number !== FREE && number !== REMOVED) live++;
    const shard = newShard(placesFor(live));
    for (const number of old.numbers) {
      if (number === FREE || number === REMOVED) continue;
      const user = number - 1;
      insert(shard, this.#hashOf(user), number);
    }
    return shard;
  }
}

/** Between a quarter and a half are taken then. */
function placesFor(names: number): number {
  let places = PLACES_MIN;
  while ((names + 1) * 2 > places) places *= 2;
  return places;
}

function newShard(places: number): Shard {
  return { numbers: new Uint32Array(places), tags: new Uint8Array(places), used: 0 };
}

function insert(shard: Shard, hash: number, number: number): void {
  const { numbers, tags } = shard;
  const mask = numbers.length - 1;
  let place = hash & mask;
  while (numbers[place] !== FREE) place = (place + 1) & mask;
  numbers[place] = number;
  tags[place] = tagOf(hash);
  shard.used++;
}

/** The bits between those that choose the place and those that choose the shard. */
function tagOf(hash: number): number {
  return (hash >>> (32 - SHARD_BITS - 8)) & 0xff;
}

function seedOf(seed: number, app: number): number {
  return Math.imul(seed ^ app, 0xcc9e2d51);
}
