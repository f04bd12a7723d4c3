/**
 * Which messages were stored within the window, by key; exact, in memory, never on disk except as the log.
 *
 *   key0's top bits ─► shard ─► open addressing, linear probing, 6 signed words a row:
 *   ▕ key0 ▏ key1 ▏ key2 ▏ bodyHash ▏ messageId low ▏ messageId high (21) + bucket (8) ▏
 *
 * A row carries the number of the time bucket (an eighth of the window) in which its message was stored, modulo 255.
 * Rows of buckets that have left the window answer no lookup, count as free, and go when their shard is rebuilt: at
 * its next growth, or by `sweep`, one shard at a time. Growth moves one shard (a 1,024th), so no pause is long.
 *
 * Cost: one probe sequence, usually one cache line, per lookup; 24 bytes a row at a load of 3/8 to 3/4, so 32–64.
 */
import { CLOCK_ERROR_MS_MAX } from '../dedupe-rules.ts';

const SHARD_BITS = 10;
const SHARDS = 2 ** SHARD_BITS;
const ROW_WORDS = 6;
const ROWS_MIN = 16;
const BUCKETS_PER_WINDOW = 8;
/** Bucket tags 1–255 go round; 0 marks a place that was never used or was given back. */
const TAGS = 255;
const HIGH_BITS = 21;
const HIGH_MASK = 2 ** HIGH_BITS - 1;
/** Given back by `remove`: not live, but a probe must go on behind it. */
const REMOVED = 0;

const EMPTY: Int32Array = new Int32Array(0);

export class DedupeTable {
  readonly #shards: Int32Array[] = Array.from({ length: SHARDS }, () => EMPTY);
  /** Places in use per shard, dead rows included. */
  readonly #used = new Uint32Array(SHARDS);
  readonly #bucketMs: number;
  readonly #bucketsLive: number;
  #bucketNow = 0;
  /** `#bucketNow` as a tag, and what `tagOf` answered last: bucket arithmetic is too dear for every row. */
  #tagNow = 1;
  #tagTimeMs = -1;
  #tag = 0;
  #sweepAt = 0;
  /** Where the last `find` ended, for the `insert` that follows it. */
  #foundShard = -1;
  #foundAt = 0;
  #foundKey0 = 0;
  #foundKey1 = 0;
  #foundKey2 = 0;
  /** Of the row that `find` found. */
  bodyHash = 0;
  messageId = 0;

  constructor(windowMs: number) {
    this.#bucketMs = Math.ceil(windowMs / BUCKETS_PER_WINDOW);
    this.#bucketsLive = BUCKETS_PER_WINDOW + Math.ceil(CLOCK_ERROR_MS_MAX / this.#bucketMs);
  }

  get bytes(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.byteLength, 0);
  }

  /** Tells the table what time it is. A clock that went back makes nothing new expire. */
  setTime(wallMs: number): void {
    this.#bucketNow = Math.floor(wallMs / this.#bucketMs) | 0;
    this.#tagNow = (this.#bucketNow % TAGS) + 1;
  }

  /** Whether a message stored at `timeMs` still answers retries. */
  isWithinWindow(timeMs: number): boolean {
    return this.#bucketNow - Math.floor(timeMs / this.#bucketMs) <= this.#bucketsLive;
  }

  /**
   * Brings the row of a key that will be looked up soon into the cache. Lookups of random keys wait for memory one after
   * the other; touches in a row wait together.
   */
  touch(key0: number): number {
    const shard = this.#shards[key0 >>> (32 - SHARD_BITS)]!;
    return shard.length === 0 ? 0 : shard[homeOf(shard, key0)]!;
  }

  /** True when a live row has this key; then `bodyHash` and `messageId` are its. */
  find(key0: number, key1: number, key2: number): boolean {
    const number = key0 >>> (32 - SHARD_BITS);
    const shard = this.#shards[number]!;
    const at = probe(shard, key0, key1, key2);
    this.#foundShard = number;
    this.#foundAt = at;
    this.#foundKey0 = key0;
    this.#foundKey1 = key1;
    this.#foundKey2 = key2;
    if (at < 0 || !this.#isLive(shard[at + 5]!)) return false;
    this.bodyHash = shard[at + 3]!;
    this.messageId = (shard[at + 5]! & HIGH_MASK) * 2 ** 32 + (shard[at + 4]! >>> 0);
    return true;
  }

  /** Adds a row, or replaces a dead one with the same key. Cheapest right after the `find` of the key. */
  insert(key0: number, key1: number, key2: number, bodyHash: number, messageId: number, timeMs: number): void {
    const number = key0 >>> (32 - SHARD_BITS);
    const wasJustFound =
      this.#foundShard === number && this.#foundKey0 === key0 && this.#foundKey1 === key1 && this.#foundKey2 === key2;
    this.#foundShard = -1;
    let shard = this.#shards[number]!;
    let at = wasJustFound ? this.#foundAt : probe(shard, key0, key1, key2);
    if (at < 0) {
      if ((this.#used[number]! + 1) * ROW_WORDS * 4 > shard.length * 3) {
        shard = this.#rebuild(number);
        at = probe(shard, key0, key1, key2);
      }
      at = ~at;
      this.#used[number]!++;
      shard[at] = key0;
      shard[at + 1] = key1;
      shard[at + 2] = key2;
    }
    if (timeMs !== this.#tagTimeMs) {
      this.#tagTimeMs = timeMs;
      this.#tag = (((Math.floor(timeMs / this.#bucketMs) | 0) % TAGS) + 1) << HIGH_BITS;
    }
    const high = (messageId / 2 ** 32) | 0;
    shard[at + 3] = bodyHash;
    shard[at + 4] = (messageId - high * 2 ** 32) | 0;
    shard[at + 5] = this.#tag | high;
  }

  /** Takes back a row: its commit was refused. */
  remove(key0: number, key1: number, key2: number): void {
    const shard = this.#shards[key0 >>> (32 - SHARD_BITS)]!;
    const at = probe(shard, key0, key1, key2);
    this.#foundShard = -1;
    // The message id keeps its low bits, so that the place does not look unused to a probe.
    if (at >= 0) shard[at + 5] = REMOVED;
  }

  /** Frees the dead rows of `shards` shards; going on where the last call stopped. */
  sweep(shards: number): void {
    for (let i = 0; i < shards; i++) {
      if (this.#shards[this.#sweepAt]!.length > 0) this.#rebuild(this.#sweepAt);
      this.#sweepAt = (this.#sweepAt + 1) % SHARDS;
    }
  }

  #isLive(word5: number): boolean {
    const tag = word5 >>> HIGH_BITS;
    if (tag === REMOVED) return false;
    const difference = this.#tagNow - tag;
    const age = difference < 0 ? difference + TAGS : difference;
    // A message from the near future (the clock went back) counts as new.
    return age <= this.#bucketsLive || age > TAGS - this.#bucketsLive;
  }

  /** Copies the live rows into a shard in which they and one more fill at most three eighths to three quarters. */
  #rebuild(number: number): Int32Array {
    const old = this.#shards[number]!;
    let live = 0;
    for (let at = 0; at < old.length; at += ROW_WORDS) if (this.#isLive(old[at + 5]!)) live++;
    let rows = ROWS_MIN;
    while ((live + 1) * 2 > rows) rows *= 2;
    const shard = new Int32Array(rows * ROW_WORDS);
    for (let at = 0; at < old.length; at += ROW_WORDS) {
      if (!this.#isLive(old[at + 5]!)) continue;
      let to = homeOf(shard, old[at]!);
      // Every row that is there already has a tag.
      while (shard[to + 5] !== 0) to = to + ROW_WORDS === shard.length ? 0 : to + ROW_WORDS;
      shard[to] = old[at]!;
      shard[to + 1] = old[at + 1]!;
      shard[to + 2] = old[at + 2]!;
      shard[to + 3] = old[at + 3]!;
      shard[to + 4] = old[at + 4]!;
      shard[to + 5] = old[at + 5]!;
    }
    this.#shards[number] = shard;
    this.#used[number] = live;
    this.#foundShard = -1;
    return shard;
  }
}

function isUnused(shard: Int32Array, at: number): boolean {
  return shard[at + 5] === 0 && shard[at + 4] === 0 && shard[at] === 0 && shard[at + 1] === 0 && shard[at + 2] === 0;
}

/**
 * Where the key's row is, or `~place` of the free place where it would go. The number of rows is a power of two; the
 * shard took the top bits of key0, the place takes the low ones.
 */
function probe(shard: Int32Array, key0: number, key1: number, key2: number): number {
  const { length } = shard;
  if (length === 0) return -1;
  let at = homeOf(shard, key0);
  while (!isUnused(shard, at)) {
    if (shard[at] === key0 && shard[at + 1] === key1 && shard[at + 2] === key2) return at;
    at += ROW_WORDS;
    if (at === length) at = 0;
  }
  return ~at;
}

function homeOf(shard: Int32Array, key0: number): number {
  return (key0 & (((shard.length / ROW_WORDS) | 0) - 1)) * ROW_WORDS;
}
