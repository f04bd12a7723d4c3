/**
 * Requests that were forwarded to a logic and have no answer yet, and what follows when they will never get one.
 *
 * When the trunk breaks, everything in flight has an unknown outcome: each request is answered RETRY_LATER, and the
 * connection is *held*: a later SEND would overtake the refused ones, so it is refused HELD until the client restarts
 * its target with the RESTART flag. A hold covers all targets of the connection, because remembering the target of every
 * forwarded SEND would cost more than the rare extra round trip; restarted targets are released one by one.
 *
 * Rings are pooled: a connection without requests owns none.
 */
const RELEASED_TARGETS_MAX = 1024;
const POOLED_RINGS_MAX = 1024;

class RequestRing {
  readonly ids: Uint32Array;
  readonly sends: Uint8Array;
  head = 0;
  count = 0;

  constructor(capacity: number) {
    this.ids = new Uint32Array(capacity);
    this.sends = new Uint8Array(capacity);
  }
}

export const HoldState = { Free: 0, Held: 1, Overflow: 2 } as const;
export type HoldState = (typeof HoldState)[keyof typeof HoldState];

export class RequestTracker {
  readonly #capacity: number;
  readonly #rings: (RequestRing | undefined)[] = [];
  readonly #pool: RequestRing[] = [];
  /** Held connections and the targets that have been restarted since. */
  readonly #holds: Map<number, Set<string>> = new Map();

  /** @param requestsMax in flight per connection */
  constructor(requestsMax: number) {
    this.#capacity = requestsMax;
  }

  /** False when the connection has too many in flight already. */
  begin(slot: number, requestId: number, isSend: boolean): boolean {
    let ring = this.#rings[slot];
    if (ring === undefined) {
      ring = this.#pool.pop() ?? new RequestRing(this.#capacity);
      while (this.#rings.length <= slot) this.#rings.push(undefined);
      this.#rings[slot] = ring;
    }
    if (ring.count === this.#capacity) return false;
    const at = (ring.head + ring.count) % this.#capacity;
    ring.ids[at] = requestId;
    ring.sends[at] = isSend ? 1 : 0;
    ring.count++;
    return true;
  }

  /** Forgets an answered request; mostly the oldest. */
  end(slot: number, requestId: number): void {
    const ring = this.#rings[slot];
    if (ring === undefined) return;
    let offset = 0;
    while (offset < ring.count && ring.ids[(ring.head + offset) % this.#capacity] !== requestId) offset++;
    if (offset === ring.count) return;
    for (; offset > 0; offset--) {
      const to = (ring.head + offset) % this.#capacity;
      const from = (ring.head + offset - 1) % this.#capacity;
      ring.ids[to] = ring.ids[from] as number;
      ring.sends[to] = ring.sends[from] as number;
    }
    ring.head = (ring.head + 1) % this.#capacity;
    ring.count--;
    if (ring.count === 0) this.#recycle(slot, ring);
  }

  inFlight(slot: number): number {
    return this.#rings[slot]?.count ?? 0;
  }

  /** Takes out everything in flight on a connection, oldest first. */
  abandon(slot: number, visit: (requestId: number, isSend: boolean) => void): void {
    const ring = this.#rings[slot];
    if (ring === undefined) return;
    // Taken out first: a visit may end the connection, which forgets what is in flight on it.
    this.#rings[slot] = undefined;
    for (let i = 0; i < ring.count; i++) {
      const at = (ring.head + i) % this.#capacity;
      visit(ring.ids[at] as number, ring.sends[at] === 1);
    }
    this.#recycle(slot, ring);
  }

  /** Takes out the oldest request in flight; 0 when there is none. */
  takeOldest(slot: number): number {
    const ring = this.#rings[slot];
    if (ring === undefined) return 0;
    const requestId = ring.ids[ring.head] as number;
    this.end(slot, requestId);
    return requestId;
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

  #recycle(slot: number, ring: RequestRing): void {
    ring.head = 0;
    ring.count = 0;
    this.#rings[slot] = undefined;
    if (this.#pool.length < POOLED_RINGS_MAX) this.#pool.push(ring);
  }
}
