/**
 * Where in the log each message of each timeline lies: per user one run of log positions, by seq.
 *
 *   user ─► extent ▕ p(first) p(first+1) … p(head) ▏ free ▏     8 bytes a message, room doubles when it is full
 *
 * Extents are cut from pages of 65,536 positions and come in powers of two; an extent that is outgrown goes to the
 * free list of its size. Larger ones are pages of their own. Cost per user 13 bytes plus the extent (16 bytes for up to
 * two messages, 8–16 a message beyond). A lookup is two array reads.
 */
import { grown } from './user-directory.ts';

const PAGE_BITS = 16;
const PAGE_SIZE = 2 ** PAGE_BITS;
const PAGE_MASK = PAGE_SIZE - 1;
const CAPACITY_MIN = 1024;

export class TimelineIndex {
  readonly #pages: Float64Array[] = [];
  readonly #freePages: number[] = [];
  readonly #freeExtents: number[][] = Array.from({ length: PAGE_BITS + 1 }, () => []);
  #openPage = -1;
  #openOffset = PAGE_SIZE;

  #extent: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** Size of the extent as a power of two; 0 when the user has none. */
  #sizeBits: Uint8Array = new Uint8Array(CAPACITY_MIN);
  /** The seq of the extent's first place, and how many places are used. */
  #firstSeq: Uint32Array = new Uint32Array(CAPACITY_MIN);
  #used: Uint32Array = new Uint32Array(CAPACITY_MIN);

  /** Bytes of the pages: the part that grows with the number of messages. */
  get bytes(): number {
    return this.#pages.reduce((sum, page) => sum + page.byteLength, 0);
  }

  /** Adds the position of `seq`. A seq that does not follow the last one starts the run anew. `floor`: see `trim`. */
  append(user: number, seq: number, position: number, floor: number): void {
    if (user >= this.#extent.length) this.#growTo(user);
    let used = this.#used[user]!;
    if (used === 0 || this.#firstSeq[user]! + used !== seq) {
      this.#firstSeq[user] = seq;
      used = 0;
    }
    if (used >= this.#room(user)) used = this.#makeRoom(user, used, floor);
    const extent = this.#extent[user]!;
    this.#pages[extent >>> PAGE_BITS]![(extent & PAGE_MASK) + used] = position;
    this.#used[user] = used + 1;
  }

  /** Takes back the newest position. */
  pop(user: number): void {
    this.#used[user]!--;
  }

  /** The position of `seq`, or -1 when it is not in the run. */
  position(user: number, seq: number): number {
    if (user >= this.#extent.length) return -1;
    const place = seq - this.#firstSeq[user]!;
    if (place < 0 || place >= this.#used[user]!) return -1;
    const extent = this.#extent[user]!;
    return this.#pages[extent >>> PAGE_BITS]![(extent & PAGE_MASK) + place]!;
  }

  /** Gives the extent back when nothing from `floor` on is left; otherwise places are reused when room is short. */
  trim(user: number, floor: number): void {
    if (user >= this.#extent.length || this.#sizeBits[user] === 0) return;
    if (floor < this.#firstSeq[user]! + this.#used[user]!) return;
    this.#free(this.#extent[user]!, this.#sizeBits[user]!);
    this.#sizeBits[user] = 0;
    this.#used[user] = 0;
  }

  #room(user: number): number {
    const bits = this.#sizeBits[user]!;
    return bits === 0 ? 0 : 1 << bits;
  }

  /** Moves the run to the front when at least half of it is below the floor, else into an extent twice the size. */
  #makeRoom(user: number, used: number, floor: number): number {
    const bits = this.#sizeBits[user]!;
    const dead = Math.min(Math.max(floor - this.#firstSeq[user]!, 0), used);
    const from = this.#extent[user]!;
    const kept = used - dead;
    let to = from;
    if (bits === 0 || dead * 2 < used) {
      to = this.#allocate(bits + 1);
      this.#sizeBits[user] = bits + 1;
      this.#extent[user] = to;
    }
    if (kept > 0) {
      const start = (from & PAGE_MASK) + dead;
      const run = this.#pages[from >>> PAGE_BITS]!.subarray(start, start + kept);
      this.#pages[to >>> PAGE_BITS]!.set(run, to & PAGE_MASK);
    }
    if (to !== from && bits > 0) this.#free(from, bits);
    this.#firstSeq[user]! += dead;
    this.#used[user] = kept;
    return kept;
  }

  #allocate(bits: number): number {
    if (bits > PAGE_BITS) return this.#newPage(2 ** bits) * PAGE_SIZE;
    const free = this.#freeExtents[bits]!.pop();
    if (free !== undefined) return free;
    const size = 2 ** bits;
    if (this.#openOffset + size > PAGE_SIZE) {
      this.#freeRestOfPage();
      this.#openPage = this.#newPage(PAGE_SIZE);
      this.#openOffset = 0;
    }
    const extent = this.#openPage * PAGE_SIZE + this.#openOffset;
    this.#openOffset += size;
    return extent;
  }

  #free(extent: number, bits: number): void {
    if (bits <= PAGE_BITS) {
      this.#freeExtents[bits]!.push(extent);
      return;
    }
    const page = extent >>> PAGE_BITS;
    this.#pages[page] = new Float64Array(0);
    this.#freePages.push(page);
  }

  #freeRestOfPage(): void {
    for (let bits = PAGE_BITS - 1; bits >= 1; bits--) {
      while (this.#openOffset + 2 ** bits <= PAGE_SIZE) {
        this.#freeExtents[bits]!.push(this.#openPage * PAGE_SIZE + this.#openOffset);
        this.#openOffset += 2 ** bits;
      }
    }
  }

  #newPage(size: number): number {
    const page = this.#freePages.pop() ?? this.#pages.length;
    this.#pages[page] = new Float64Array(size);
    return page;
  }

  #growTo(user: number): void {
    let capacity = this.#extent.length;
    while (capacity <= user) capacity *= 2;
    this.#extent = grown(this.#extent, new Uint32Array(capacity));
    this.#sizeBits = grown(this.#sizeBits, new Uint8Array(capacity));
    this.#firstSeq = grown(this.#firstSeq, new Uint32Array(capacity));
    this.#used = grown(this.#used, new Uint32Array(capacity));
  }
}
