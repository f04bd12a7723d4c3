/**
 * A hashed timing wheel over dense slot numbers: one deadline per slot, for login, idle and ack deadlines of very many
 * connections.
 *
 * What it is. Time is cut into ticks of `tickMs`. Tick t belongs to bucket t mod `buckets`; a bucket is a doubly linked
 * list of slots, its links held in typed arrays. A deadline further away than one turn simply shares the bucket of its
 * tick: when the wheel comes by, the stored deadline says "not yet" and the slot stays filed.
 *
 *            bucket   0      1      2      3          tickMs = 100, 4 buckets, one turn = 400 ms
 *                   ┌──────┬──────┬──────┬──────┐
 *                   │      │  7   │      │  4   │     slot 7 is due at tick 1, slot 4 at tick 3,
 *                   │      │  2   │      │      │     slot 2 at tick 5 (one turn later)
 *                   └──────┴──────┴──────┴──────┘
 *
 *   advance(100)  tick 1: slot 7 is due → onDue(7) answers 350 (lazy: frames came in) → filed at tick 4, bucket 0;
 *                         slot 2 has tick 5 > 1 → back to bucket 1
 *   advance(200)  tick 2: bucket 2 is empty
 *   advance(300)  tick 3: slot 4 is due → onDue(4) answers 0 → out of the wheel
 *   advance(399)  still tick 3: nothing (slot 7 asked for 350 and fires at 400: never early, at most one tick late)
 *   advance(500)  tick 4: slot 7 is due; tick 5: slot 2 is due
 *
 * Lazy re-filing. An owner that pushes a deadline back with every received frame only stores its own last-seen time:
 * the wheel is not touched. When the filed deadline passes, `onDue` compares and answers the later deadline. Only a
 * deadline that moves to an earlier time needs `schedule`.
 *
 * Cost. `schedule`, `cancel`: O(1). `advance`: at most `budget` slots looked at and two turns of bucket heads, however
 * far time has jumped. An idle slot costs one look per turn. 12 bytes per slot, 4 per bucket, no allocation except in
 * `grow`.
 *
 * Lateness. Never early. Late by less than one tick, plus the time between two calls of `advance`, plus what a spent
 * budget puts off: buckets are served in a fixed circular order and a half-served one goes first at the next call, so
 * with n slots filed every due slot is reached within 2n / budget + 2 further calls.
 *
 * Not done here: no timer, no clock (time comes in as monotonic ms), no order among slots of one advance. Ticks are
 * u32: deadlines beyond 2^32 ticks from the start (13 years at 100 ms) are cut to that horizon.
 */
export interface TimingWheelOptions {
  /** Slots 0 … capacity − 1 can be filed. */
  readonly capacity: number;
  /** Length of a tick: the worst lateness by itself. */
  readonly tickMs: number;
  /** Rounded up to a power of two. A turn (`buckets` × `tickMs`) near the usual deadline keeps looks rare. */
  readonly buckets: number;
  /** Monotonic time of tick 0. */
  readonly startMs: number;
}

/** Answers the slot's later deadline in monotonic ms, or 0 / −1 when it leaves the wheel. */
export type OnDue = (slot: number) => number;

const NIL = -1;
const TICK_MAX = 0xffff_ffff;

/** `prev` of the first slot of a list names the list itself: values from −2 down. */
const firstOf = (list: number): number => -2 - list;

export class TimingWheel {
  readonly tickMs: number;
  readonly #startMs: number;
  readonly #mask: number;
  /** First slot of each bucket; the last entry is the list being served. */
  readonly #heads: Int32Array;
  readonly #serving: number;
  #next: Int32Array;
  /** −1: not filed; ≥ 0: the slot before; ≤ −2: first of list −2 − prev. */
  #prev: Int32Array;
  #dueTick: Uint32Array;
  /** The tick whose bucket was taken up last. Lags behind the present after a spent budget. */
  #tick = 0;
  /** The present in ticks, as of the last `advance`. */
  #nowTick = 0;
  #size = 0;

  constructor(options: TimingWheelOptions) {
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(2, options.buckets)));
    if (!(options.tickMs > 0)) throw new RangeError('tickMs must be above 0');
    this.tickMs = options.tickMs;
    this.#startMs = options.startMs;
    this.#mask = buckets - 1;
    this.#serving = buckets;
    this.#heads = new Int32Array(buckets + 1).fill(NIL);
    this.#next = new Int32Array(options.capacity).fill(NIL);
    this.#prev = new Int32Array(options.capacity).fill(NIL);
    this.#dueTick = new Uint32Array(options.capacity);
  }

  get capacity(): number {
    return this.#next.length;
  }

  /** Slots filed now. */
  get size(): number {
    return this.#size;
  }

  /** True while a spent budget has left ticks or slots for the next `advance`. */
  get behind(): boolean {
    return this.#tick < this.#nowTick || this.#heads[this.#serving] !== NIL;
  }

  has(slot: number): boolean {
    return (this.#prev[slot] ?? NIL) !== NIL;
  }

  /** Files `slot`, or moves it when it is filed already. A deadline in the past is due at the next tick. */
  schedule(slot: number, deadlineMs: number): void {
    this.#assertSlot(slot);
    this.#file(slot, Math.max(this.#tickOf(deadlineMs), this.#tick + 1));
  }

  /** Takes `slot` out; harmless when it is not filed. */
  cancel(slot: number): void {
    this.#assertSlot(slot);
    if (this.#prev[slot] !== NIL) this.#unlink(slot);
  }

  /**
   * Calls `onDue` for slots whose deadline has passed, after looking at no more than `budget` slots. Answers how many
   * were due. `onDue` may schedule and cancel any slot; a slot is out of the wheel while its own `onDue` runs.
   */
  advance(nowMs: number, budget: number, onDue: OnDue): number {
    const nowTick = Math.min(TICK_MAX - 1, Math.floor((nowMs - this.#startMs) / this.tickMs));
    if (nowTick > this.#nowTick) this.#nowTick = nowTick;
    let left = budget;
    let due = 0;
    for (;;) {
      let slot = this.#heads[this.#serving] as number;
      while (slot !== NIL && left > 0) {
        left -= 1;
        if (this.#serve(slot, onDue)) due += 1;
        slot = this.#heads[this.#serving] as number;
      }
      if (slot !== NIL || this.#tick >= this.#nowTick) return due;
      this.#takeNextBucket();
    }
  }

  /** Makes room for slots up to `capacity` − 1; never shrinks. */
  grow(capacity: number): void {
    const old = this.capacity;
    if (capacity <= old) return;
    const next = new Int32Array(capacity).fill(NIL, old);
    const prev = new Int32Array(capacity).fill(NIL, old);
    const dueTick = new Uint32Array(capacity);
    next.set(this.#next);
    prev.set(this.#prev);
    dueTick.set(this.#dueTick);
    this.#next = next;
    this.#prev = prev;
    this.#dueTick = dueTick;
  }

  /** Fires or re-files the first slot of the serving list. */
  #serve(slot: number, onDue: OnDue): boolean {
    const dueTick = this.#dueTick[slot] as number;
    if (dueTick > this.#nowTick) {
      this.#file(slot, dueTick);
      return false;
    }
    this.#unlink(slot);
    const deadlineMs = onDue(slot);
    // Beyond the present, so that a slot is due at most once per call even when the answer is not later.
    if (deadlineMs > 0) this.#file(slot, Math.max(this.#tickOf(deadlineMs), this.#nowTick + 1));
    return true;
  }

  /** Moves on by one tick and takes its whole bucket over into the serving list. */
  #takeNextBucket(): void {
    const turn = this.#mask + 1;
    const behind = this.#nowTick - this.#tick;
    // Whole turns are skipped, never parts: the circular order of buckets is what keeps any of them from starving.
    if (behind > 2 * turn) this.#tick += (Math.floor((behind - 1) / turn) - 1) * turn;
    this.#tick += 1;
    const bucket = this.#tick & this.#mask;
    const first = this.#heads[bucket] as number;
    if (first === NIL) return;
    this.#heads[bucket] = NIL;
    this.#heads[this.#serving] = first;
    this.#prev[first] = firstOf(this.#serving);
  }

  /** The first tick that begins at or after the deadline. */
  #tickOf(deadlineMs: number): number {
    return Math.min(TICK_MAX, Math.ceil((deadlineMs - this.#startMs) / this.tickMs));
  }

  #file(slot: number, dueTick: number): void {
    if (this.#prev[slot] !== NIL) this.#unlink(slot);
    const bucket = dueTick & this.#mask;
    const first = this.#heads[bucket] as number;
    this.#dueTick[slot] = dueTick;
    this.#next[slot] = first;
    this.#prev[slot] = firstOf(bucket);
    if (first !== NIL) this.#prev[first] = slot;
    this.#heads[bucket] = slot;
    this.#size += 1;
  }

  #unlink(slot: number): void {
    const prev = this.#prev[slot] as number;
    const next = this.#next[slot] as number;
    if (prev >= 0) this.#next[prev] = next;
    else this.#heads[-2 - prev] = next;
    if (next !== NIL) this.#prev[next] = prev;
    this.#prev[slot] = NIL;
    this.#size -= 1;
  }

  #assertSlot(slot: number): void {
    if (!(slot >= 0 && slot < this.capacity)) throw new RangeError(`slot ${slot} is outside 0 … ${this.capacity - 1}`);
  }
}
