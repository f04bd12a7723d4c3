/**
 * Where this device is in its timeline. Pure: numbers in, verdicts out.
 *
 *   seq:      1  2  3  4  5  6  7  8  9
 *             ✓  ✓  ▢  o  ▢  o  .  o  .        ✓ taken   ▢ pending   o own copy, held without payload   . unknown
 *                ↑           ↑     ↑
 *              taken      received  held ahead
 *
 * `received` is the largest seq up to which everything is held; `taken` the largest up to which the application has
 * taken everything, and the only one that may be acknowledged or stored. Own copies count as taken by themselves.
 * Messages are taken in the order in which they were accepted, so `taken` follows from the oldest pending one.
 */

/** What to do with an offered seq: hand it on, count it as one's own, drop it, or pull what lies before it. */
export type Offer = 'deliver' | 'own' | 'duplicate' | 'gap';

export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/** Own copies held beyond a hole; what is dropped beyond this comes again with the next pull. */
const HELD_AHEAD_MAX = 1024;

export class ReceiveCursor {
  #epoch = 0;
  #received = 0;
  readonly #pending: number[] = [];
  /** Sorted, all above `#received` + 1. */
  readonly #heldAhead: number[] = [];

  /** 0 while nothing is known. */
  get epoch(): number {
    return this.#epoch;
  }

  get received(): number {
    return this.#received;
  }

  get taken(): number {
    return this.#takenBefore(0);
  }

  /** What `taken` will be once the oldest pending message has been taken. */
  get takenNext(): number {
    return this.#takenBefore(1);
  }

  /** The oldest pending seq; 0 when the application has taken everything. */
  get oldestPending(): number {
    return this.#pending[0] ?? 0;
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** Starts anew after `seq` of `epoch`; everything pending or held is forgotten. */
  reset(epoch: number, seq: number): void {
    this.#epoch = epoch;
    this.#received = seq;
    this.#pending.length = 0;
    this.#heldAhead.length = 0;
  }

  /** A message with this seq has come; `own` when this device sent it. */
  offer(seq: number, own: boolean): Offer {
    if (seq <= this.#received || this.#heldAhead.includes(seq)) return 'duplicate';
    if (seq !== this.#received + 1) return 'gap';
    this.#received = seq;
    if (!own) this.#pending.push(seq);
    this.#fold();
    return own ? 'own' : 'deliver';
  }

  /** The server has stored this device's own message at `seq`: held without payload. */
  holdOwn(seq: number): void {
    if (seq <= this.#received || this.#heldAhead.includes(seq)) return;
    const place = this.#heldAhead.findIndex((held) => held > seq);
    this.#heldAhead.splice(place < 0 ? this.#heldAhead.length : place, 0, seq);
    if (this.#heldAhead.length > HELD_AHEAD_MAX) this.#heldAhead.pop();
    this.#fold();
  }

  /** The application has taken `seq`, which must be the oldest pending one. */
  take(seq: number): void {
    if (this.#pending[0] !== seq) throw new Error(`seq ${seq} is taken out of order`);
    this.#pending.shift();
  }

  /** Everything up to `seq` is gone on the server. Answers what is lost by it. */
  skipTo(seq: number): SeqRange | undefined {
    if (seq <= this.#received) return undefined;
    const lost = { from: this.#received + 1, to: seq };
    this.#received = seq;
    this.#fold();
    return lost;
  }

  #takenBefore(index: number): number {
    const oldest = this.#pending[index];
    return oldest === undefined ? this.#received : oldest - 1;
  }

  #fold(): void {
    const held = this.#heldAhead;
    while (held[0] !== undefined && held[0] <= this.#received + 1) {
      this.#received = Math.max(this.#received, held[0]);
      held.shift();
    }
  }
}
