/**
 * Requests that were forwarded to a logic and have no answer yet, and what follows when they will never get one.
 *
 * Each travels under a *tag* of this gate instead of the client's requestId. When it is given up, an answer that comes
 * late all the same finds no tag, whatever the client has begun under the same requestId since.
 *
 * When an owner is gone or another one takes its place, what was in flight to it has an unknown outcome: each request is
 * answered RETRY_LATER, and the connection is *held*: a later SEND would overtake the refused ones, so it is refused HELD until the client restarts
 * its target with the RESTART flag. A hold covers all targets of the connection, because remembering the target of every
 * forwarded SEND would cost more than the rare extra round trip; restarted targets are released one by one.
 *
 * Rings are pooled: a connection without requests owns none.
 */
const RELEASED_TARGETS_MAX = 1024;
const POOLED_RINGS_MAX = 1024;

/** Three numbers a request: its id, its tag, and where it went with a mark for a SEND. */
const NUMBERS = 3;
const TAG = 1;
const PLACE = 2;
const SEND_MARK = 0x10000;
const PARTITION_MASK = 0xffff;

/** One array, so that a request is found and forgotten on one line of the cache. */
class RequestRing {
  readonly numbers: Uint32Array;
  head = 0;
  count = 0;

  constructor(capacity: number) {
    this.numbers = new Uint32Array(NUMBERS * capacity);
  }

  copy(from: number, to: number): void {
    this.numbers.copyWithin(to, from, from + NUMBERS);
  }
}

/** No request has this tag. */
export const NO_TAG = 0;
/** Of a request that ends with its connection: logins. */
export const NO_PARTITION = 0xffff;
/** No requestId: the tag is not of a request in flight. */
export const NO_REQUEST = -1;

export const HoldState = { Free: 0, Held: 1, Overflow: 2 } as const;
export type HoldState = (typeof HoldState)[keyof typeof HoldState];

export class RequestTracker {
  readonly #requestsMax: number;
  /** Places of a ring, less one: a power of two of them. */
  readonly #mask: number;
  readonly #rings: (RequestRing | undefined)[] = [];
  readonly #pool: RequestRing[] = [];
  /** Held connections and the targets that have been restarted since. */
  readonly #holds: Map<number, Set<string>> = new Map();
  #lastTag = NO_TAG;

  /** @param requestsMax in flight per connection */
  constructor(requestsMax: number) {
    this.#requestsMax = requestsMax;
    this.#mask = 2 ** Math.ceil(Math.log2(requestsMax)) - 1;
  }

  /** The tag under which the request travels; `NO_TAG` when the connection has too many in flight already. */
  begin(slot: number, requestId: number, isSend: boolean, partition: number): number {
    let ring = this.#rings[slot];
    if (ring === undefined) {
      ring = this.#pool.pop() ?? new RequestRing(this.#mask + 1);
      while (this.#rings.length <= slot) this.#rings.push(undefined);
      this.#rings[slot] = ring;
    }
    if (ring.count === this.#requestsMax) return NO_TAG;
    const at = this.#at(ring, ring.count);
    const tag = (this.#lastTag + 1) >>> 0 || 1;
    this.#lastTag = tag;
    const { numbers } = ring;
    numbers[at] = requestId;
    numbers[at + TAG] = tag;
    numbers[at + PLACE] = isSend ? partition | SEND_MARK : partition;
    ring.count++;
    return tag;
  }

  /** Whether the request in flight under `tag` is a SEND. */
  isSend(slot: number, tag: number): boolean {
    const ring = this.#rings[slot];
    const offset = ring === undefined ? NO_REQUEST : this.#find(ring, tag);
    return ring !== undefined && offset >= 0 && isSendPlace(ring.numbers[this.#at(ring, offset) + PLACE] as number);
  }

  /** Forgets an answered request, mostly the oldest. Answers its requestId, or `NO_REQUEST`. */
  end(slot: number, tag: number): number {
    const ring = this.#rings[slot];
    if (ring === undefined) return NO_REQUEST;
    let offset = this.#find(ring, tag);
    if (offset < 0) return NO_REQUEST;
    const requestId = ring.numbers[this.#at(ring, offset)] as number;
    for (; offset > 0; offset--) ring.copy(this.#at(ring, offset - 1), this.#at(ring, offset));
    ring.head = (ring.head + 1) & this.#mask;
    ring.count--;
    if (ring.count === 0) this.#recycle(slot, ring);
    return requestId;
  }

  inFlight(slot: number): number {
    return this.#rings[slot]?.count ?? 0;
  }

  /** Takes out what is in flight on a connection to these partitions, oldest first. */
  abandon(
    slot: number,
    isGone: (partition: number) => boolean,
    visit: (requestId: number, isSend: boolean) => void,
  ): void {
    const ring = this.#rings[slot];
    if (ring === undefined) return;
    const gone: { requestId: number; isSend: boolean }[] = [];
    let kept = 0;
    for (let i = 0; i < ring.count; i++) {
      const at = this.#at(ring, i);
      const place = ring.numbers[at + PLACE] as number;
      if (!isGone(place & PARTITION_MASK)) ring.copy(at, this.#at(ring, kept++));
      else gone.push({ requestId: ring.numbers[at] as number, isSend: isSendPlace(place) });
    }
    ring.count = kept;
    if (kept === 0) this.#recycle(slot, ring);
    // Taken out before: a visit may end the connection, which forgets what is in flight on it.
    for (const { requestId, isSend } of gone) visit(requestId, isSend);
  }

  /** Takes out the oldest request in flight; 0 when there is none. */
  takeOldest(slot: number): number {
    const ring = this.#rings[slot];
    if (ring === undefined) return 0;
    return this.end(slot, ring.numbers[this.#at(ring, 0) + TAG] as number);
  }

  /** A SEND was refused by this gate: hold the connection. */
  hold(slot: number): void {
    this.#holds.set(slot, new Set());
  }

  get heldConnections(): number {
    return this.#holds.size;
  }

  isHeld(slot: number): boolean {
    return this.#holds.has(slot);
  }

  /** Whether a SEND to `target` must be refused; `restart` releases the target. */
  check(slot: number, target: string, restart: boolean): HoldState {
    const released = this.#holds.get(slot);
    if (released === undefined || released.has(target)) return HoldState.Free;
    if (!restart) return HoldState.Held;
    if (released.size >= RELEASED_TARGETS_MAX) return HoldState.Overflow;
    released.add(target);
    return HoldState.Free;
  }

  /** The connection has ended. */
  forget(slot: number): void {
    this.#holds.delete(slot);
    const ring = this.#rings[slot];
    if (ring !== undefined) this.#recycle(slot, ring);
  }

  /** Where the numbers of the `offset`-th oldest request begin. */
  #at(ring: RequestRing, offset: number): number {
    return NUMBERS * ((ring.head + offset) & this.#mask);
  }

  #find(ring: RequestRing, tag: number): number {
    const { numbers, count } = ring;
    for (let offset = 0; offset < count; offset++) if (numbers[this.#at(ring, offset) + TAG] === tag) return offset;
    return NO_REQUEST;
  }

  #recycle(slot: number, ring: RequestRing): void {
    ring.head = 0;
    ring.count = 0;
    this.#rings[slot] = undefined;
    if (this.#pool.length < POOLED_RINGS_MAX) this.#pool.push(ring);
  }
}

function isSendPlace(place: number): boolean {
  return (place & SEND_MARK) !== 0;
}
