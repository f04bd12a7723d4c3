/**
 * How many bytes of unacknowledged pushes each connection has in flight: the byte half of the delivery window.
 *
 * A ring of (seq, bytes) per connection, taken from a pool at the first push and given back when all is acknowledged, so
 * that an idle connection owns none. The message half of the window needs no memory: seqs are contiguous.
 */
const POOLED_RINGS_MAX = 1024;

class SizeRing {
  readonly seqs: Float64Array;
  readonly sizes: Uint32Array;
  head = 0;
  count = 0;
  bytes = 0;

  constructor(capacity: number) {
    this.seqs = new Float64Array(capacity);
    this.sizes = new Uint32Array(capacity);
  }
}

export class InFlightSizes {
  readonly #capacity: number;
  readonly #rings: (SizeRing | undefined)[] = [];
  readonly #pool: SizeRing[] = [];

  /** @param entriesMax pushes in flight per connection */
  constructor(entriesMax: number) {
    this.#capacity = entriesMax;
  }

  bytes(slot: number): number {
    return this.#rings[slot]?.bytes ?? 0;
  }

  /** Everything up to `seq` has been sent with `bytes` more; folds into the newest entry when the ring is full. */
  add(slot: number, seq: number, bytes: number): void {
    let ring = this.#rings[slot];
    if (ring === undefined) {
      ring = this.#pool.pop() ?? new SizeRing(this.#capacity);
      while (this.#rings.length <= slot) this.#rings.push(undefined);
      this.#rings[slot] = ring;
    }
    const full = ring.count === this.#capacity;
    const at = (ring.head + ring.count - (full ? 1 : 0)) % this.#capacity;
    ring.seqs[at] = seq;
    ring.sizes[at] = full ? (ring.sizes[at] as number) + bytes : bytes;
    if (!full) ring.count++;
    ring.bytes += bytes;
  }

  /** Everything ≤ seq has been acknowledged. */
  release(slot: number, seq: number): void {
    const ring = this.#rings[slot];
    if (ring === undefined) return;
    while (ring.count > 0 && (ring.seqs[ring.head] as number) <= seq) {
      ring.bytes -= ring.sizes[ring.head] as number;
      ring.head = (ring.head + 1) % this.#capacity;
      ring.count--;
    }
    if (ring.count === 0) this.forget(slot);
  }

  forget(slot: number): void {
    const ring = this.#rings[slot];
    if (ring === undefined) return;
    ring.head = 0;
    ring.count = 0;
    ring.bytes = 0;
    this.#rings[slot] = undefined;
    if (this.#pool.length < POOLED_RINGS_MAX) this.#pool.push(ring);
  }
}
