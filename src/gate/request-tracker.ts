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

class RequestRing {
  readonly ids: Uint32Array;
  readonly tags: Uint32Array;
  readonly sends: Uint8Array;
  /** Where they went. */
  readonly partitions: Uint16Array;
  head = 0;
  count = 0;

  constructor(capacity: number) {
    this.ids = new Uint32Array(capacity);
    this.tags = new Uint32Array(capacity);
    this.sends = new Uint8Array(capacity);
    this.partitions = new Uint16Array(capacity);
  }

  copy(from: number, to: number): void {
    this.ids[to] = this.ids[from] as number;
    this.tags[to] = this.tags[from] as number;
    this.sends[to] = this.sends[from] as number;
    this.partitions[to] = this.partitions[from] as number;
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
  readonly #capacity: number;
  readonly #rings: (RequestRing | undefined)[] = [];
  readonly #pool: RequestRing[] = [];
  /** Held connections and the targets that have been restarted since. */
  readonly #holds: Map<number, Set<string>> = new Map();
  #lastTag = NO_TAG;

  /** @param requestsMax in flight per connection */
  constructor(requestsMax: number) {
    this.#capacity = requestsMax;
  }

  /** The tag under which the request travels; `NO_TAG` when the connection has too many in flight already. */
  begin(slot: number, requestId: number, isSend: boolean, partition: number): number {
    let ring = this.#rings[slot];
    if (ring === undefined) {
      ring = this.#pool.pop() ?? new RequestRing(this.#capacity);
      while (this.#rings.length <= slot) this.#rings.push(undefined);
      this.#rings[slot] = ring;
    }
    if (ring.count === this.#capacity) return NO_TAG;
    const at = (ring.head + ring.count) % this.#capacity;
    this.#lastTag = (this.#lastTag + 1) >>> 0 || 1;
    ring.ids[at] = requestId;
    ring.tags[at] = this.#lastTag;
    ring.sends[at] = isSend ? 1 : 0;
    ring.partitions[at] = partition;
    ring.count++;
    return this.#lastTag;
  }

  /** Whether the request in flight under `tag` is a SEND. */
  isSend(slot: number, tag: number): boolean {
    const ring = this.#rings[slot];
    const offset = ring === undefined ? NO_REQUEST : this.#find(ring, tag);
    return ring !== undefined && offset >= 0 && ring.sends[(ring.head + offset) % this.#capacity] === 1;
  }

  /** Forgets an answered request, mostly the oldest. Answers its requestId, or `NO_REQUEST`. */
  end(slot: number, tag: number): number {
    const ring = this.#rings[slot];
    if (ring === undefined) return NO_REQUEST;
    let offset = this.#find(ring, tag);
    if (offset < 0) return NO_REQUEST;
    const requestId = ring.ids[(ring.head + offset) % this.#capacity] as number;
    for (; offset > 0; offset--) {
      ring.copy((ring.head + offset - 1) % this.#capacity, (ring.head + offset) % this.#capacity);
    }
    ring.head = (ring.head + 1) % this.#capacity;
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
      const at = (ring.head + i) % this.#capacity;
      if (!isGone(ring.partitions[at] as number)) ring.copy(at, (ring.head + kept++) % this.#capacity);
      else gone.push({ requestId: ring.ids[at] as number, isSend: ring.sends[at] === 1 });
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
    return this.end(slot, ring.tags[ring.head] as number);
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

  #find(ring: RequestRing, tag: number): number {
    for (let offset = 0; offset < ring.count; offset++) {
      if (ring.tags[(ring.head + offset) % this.#capacity] === tag) return offset;
    }
    return NO_REQUEST;
  }

  #recycle(slot: number, ring: RequestRing): void {
    ring.head = 0;
    ring.count = 0;
    this.#rings[slot] = undefined;
    if (this.#pool.length < POOLED_RINGS_MAX) this.#pool.push(ring);
  }
}
