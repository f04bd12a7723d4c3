/**
 * The connections of one gate worker, as columns indexed by slot.
 *
 * A slot is a small dense number: it names the connection to the wheel, the window, the trunk and (as `stream.slot`)
 * the transport. Per-connection state is one entry in each typed array, so that an idle connection is no object of ours
 * and gives the garbage collector nothing to walk but its stream and its identity.
 *
 *   by connection   slot ──▶ state, serial, lastSeenMs, … (every column), `streams[slot]`
 *   by user         hash(app, uid) ──▶ bucket ──▶ slot ⇄ slot ⇄ slot      a doubly linked chain per bucket
 *   in order        forEach(visit, from, budget): ascending slots, in portions, for paced closes and re-registration
 *
 * Cost: 75 bytes of columns a slot (state, flags, protocolErrors 1 each, serial, epoch, loggedInAtS 4 each, five doubles
 * 40, user chain and hash 12, bucket 4, free list 4), 16 for the two references, and one identity string per logged-in
 * connection (its four parts + 19 bytes). `acquire`, `release`, `transition` and `identify` are O(1); no look-up by user
 * builds a string.
 *
 * References grow stale: a slot is used again. Whoever keeps a slot beyond the present call keeps its `serial` with it
 * and compares (`isCurrent`). Columns are replaced when the table doubles: do not keep one across an `acquire`.
 */
import type { Stream } from '../net/transport.ts';

export const ConnectionState = {
  /** The slot is free. */
  Closed: 0,
  /** Accepted; nothing is known about the peer. */
  Fresh: 1,
  /** CONNECT is with logic. */
  LoggingIn: 2,
  /** Logged in. */
  Ready: 3,
  /** The reason is on its way; nothing else is written or read. */
  Closing: 4,
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** Bits of the `flags` column. */
export const ConnectionFlag = {
  /** A NOTIFY is out and nothing has been pushed since. */
  Notified: 1,
  /** The one re-push after a missed ack deadline has happened. */
  Repushed: 2,
  /** The head is confirmed by the present owner of the user's partition. */
  Known: 4,
  /** An acknowledged seq has not been reported to logic yet. */
  CursorDirty: 8,
  /** The owner of the user's partition knows this session. */
  Registered: 16,
  /** The client asked not to be pushed to. */
  SendOnly: 32,
} as const;

/** Legal transitions: bit `to` of entry `from`. Every state may close, because the peer may go at any time. */
const TRANSITIONS: readonly number[] = [
  1 << ConnectionState.Fresh,
  (1 << ConnectionState.LoggingIn) | (1 << ConnectionState.Closing) | (1 << ConnectionState.Closed),
  (1 << ConnectionState.Ready) | (1 << ConnectionState.Closing) | (1 << ConnectionState.Closed),
  (1 << ConnectionState.Closing) | (1 << ConnectionState.Closed),
  1 << ConnectionState.Closed,
];

export interface ConnectionTableOptions {
  /** `acquire` answers −1 beyond this many. */
  readonly connectionsMax: number;
  /** Slots at the start; doubled whenever they run out. */
  readonly initialCapacity?: number;
}

export interface ConnectionIdentity {
  readonly app: string;
  readonly uid: string;
  readonly deviceType: string;
  readonly deviceId: string;
}

const INITIAL_CAPACITY = 1024;
const NIL = -1;
const SEPARATOR = '\0';

export class ConnectionTable {
  state: Uint8Array = new Uint8Array(0);
  /** `ConnectionFlag` bits. */
  flags: Uint8Array = new Uint8Array(0);
  protocolErrors: Uint8Array = new Uint8Array(0);
  /** Counts the uses of a slot; from 1. */
  serial: Uint32Array = new Uint32Array(0);
  epoch: Uint32Array = new Uint32Array(0);
  /** Unix seconds; 0 before the login. */
  loggedInAtS: Uint32Array = new Uint32Array(0);
  lastSeenMs: Float64Array = new Float64Array(0);
  generation: Float64Array = new Float64Array(0);
  headSeq: Float64Array = new Float64Array(0);
  pushedSeq: Float64Array = new Float64Array(0);
  ackedSeq: Float64Array = new Float64Array(0);
  /** Set by the owner after `acquire`; undefined on a free slot. */
  readonly streams: (Stream | undefined)[] = [];
  /** `app\0uid\0deviceType\0deviceId` of logged-in connections. */
  readonly #identities: (string | undefined)[] = [];
  readonly #connectionsMax: number;
  #size = 0;
  #firstFree = NIL;
  #nextFree: Int32Array<ArrayBuffer> = new Int32Array(0);
  #userHash: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #nextOfUser: Int32Array<ArrayBuffer> = new Int32Array(0);
  /** ≥ 0: the slot before in the chain; below 0: first of bucket −1 − prev. */
  #prevOfUser: Int32Array<ArrayBuffer> = new Int32Array(0);
  /** First slot per bucket; a power of two, at least one per slot. */
  #buckets: Int32Array<ArrayBuffer> = new Int32Array(1).fill(NIL);

  constructor(options: ConnectionTableOptions) {
    this.#connectionsMax = options.connectionsMax;
    this.#growTo(Math.min(options.connectionsMax, Math.max(1, options.initialCapacity ?? INITIAL_CAPACITY)));
  }

  /** Slots in use. */
  get size(): number {
    return this.#size;
  }

  /** Slots that exist; all slots are below it. */
  get capacity(): number {
    return this.state.length;
  }

  /** A Fresh slot with zeroed columns and a new serial, or −1 when the table is full. */
  acquire(): number {
    if (this.#firstFree === NIL) {
      if (this.capacity >= this.#connectionsMax) return NIL;
      this.#growTo(Math.min(this.#connectionsMax, 2 * this.capacity));
    }
    const slot = this.#firstFree;
    this.#firstFree = this.#nextFree[slot] as number;
    this.#size += 1;
    this.serial[slot] = (this.serial[slot] as number) + 1;
    this.transition(slot, ConnectionState.Fresh);
    return slot;
  }

  /** Frees a slot in any state but Closed. References to it are stale from here on. */
  release(slot: number): void {
    this.transition(slot, ConnectionState.Closed);
    if (this.#identities[slot] !== undefined) this.#unlinkUser(slot);
    this.#identities[slot] = undefined;
    this.streams[slot] = undefined;
    this.#clear(slot);
    this.#nextFree[slot] = this.#firstFree;
    this.#firstFree = slot;
    this.#size -= 1;
  }

  /** Moves a connection to `to`; an illegal step is a defect of ours and throws. */
  transition(slot: number, to: ConnectionState): void {
    const from = this.state[slot];
    if (from === undefined || (((TRANSITIONS[from] as number) >>> to) & 1) === 0) {
      throw new Error(`connection ${slot}: illegal transition from state ${from} to ${to}`);
    }
    this.state[slot] = to;
  }

  /** True while `slot` is the connection it was when `serial` was read. */
  isCurrent(slot: number, serial: number): boolean {
    return this.serial[slot] === serial && this.state[slot] !== ConnectionState.Closed;
  }

  /** Names the user and device of a connection; from now on it is found by user. */
  identify(slot: number, app: string, uid: string, deviceType: string, deviceId: string): void {
    if (!this.#inUse(slot)) throw new Error(`connection ${slot} is not in use`);
    if (this.#identities[slot] !== undefined) this.#unlinkUser(slot);
    this.#identities[slot] = [app, uid, deviceType, deviceId].join(SEPARATOR);
    this.#userHash[slot] = hashOf(app, uid);
    this.#linkUser(slot);
  }

  /** Who is on a logged-in connection. */
  identity(slot: number): ConnectionIdentity {
    const [app = '', uid = '', deviceType = '', deviceId = ''] = this.identityText(slot).split(SEPARATOR);
    if (deviceId === '') throw new Error(`connection ${slot} has no identity`);
    return { app, uid, deviceType, deviceId };
  }

  /** `app\0uid\0deviceType\0deviceId`; '' before the login. */
  identityText(slot: number): string {
    return this.#identities[slot] ?? '';
  }

  /** Visits the connections of a user, newest first. Visitors may release any slot; a released one is left out. */
  forEachOfUser(app: string, uid: string, visit: (slot: number) => void): void {
    const hash = hashOf(app, uid);
    const found: number[] = [];
    for (let slot = this.#bucketOf(hash); slot !== NIL; slot = this.#nextOfUser[slot] as number) {
      if (this.#userHash[slot] === hash && this.#isUser(slot, app, uid)) found.push(slot, this.serial[slot] as number);
    }
    for (let index = 0; index < found.length; index += 2) {
      const slot = found[index] as number;
      if (this.isCurrent(slot, found[index + 1] as number)) visit(slot);
    }
  }

  /**
   * Visits connections by ascending slot from `from` on, at most `budget` of them. Answers the slot to go on from, −1
   * at the end. Whoever is there during the whole traversal is visited exactly once, whatever comes and goes meanwhile.
   */
  forEach(visit: (slot: number) => void, from = 0, budget: number = Number.MAX_SAFE_INTEGER): number {
    let left = budget;
    for (let slot = from; slot < this.capacity; slot += 1) {
      if (this.state[slot] === ConnectionState.Closed) continue;
      if (left <= 0) return slot;
      left -= 1;
      visit(slot);
    }
    return NIL;
  }

  #clear(slot: number): void {
    this.flags[slot] = 0;
    this.protocolErrors[slot] = 0;
    this.epoch[slot] = 0;
    this.loggedInAtS[slot] = 0;
    this.lastSeenMs[slot] = 0;
    this.generation[slot] = 0;
    this.headSeq[slot] = 0;
    this.pushedSeq[slot] = 0;
    this.ackedSeq[slot] = 0;
  }

  #inUse(slot: number): boolean {
    return (this.state[slot] ?? ConnectionState.Closed) !== ConnectionState.Closed;
  }

  /** Compares without cutting the identity into parts. */
  #isUser(slot: number, app: string, uid: string): boolean {
    const identity = this.#identities[slot] as string;
    const uidEnd = app.length + 1 + uid.length;
    return (
      identity[uidEnd] === SEPARATOR &&
      identity[app.length] === SEPARATOR &&
      identity.startsWith(app) &&
      identity.startsWith(uid, app.length + 1)
    );
  }

  #bucketOf(hash: number): number {
    return this.#buckets[hash & (this.#buckets.length - 1)] as number;
  }

  #linkUser(slot: number): void {
    const bucket = (this.#userHash[slot] as number) & (this.#buckets.length - 1);
    const first = this.#buckets[bucket] as number;
    this.#nextOfUser[slot] = first;
    this.#prevOfUser[slot] = -1 - bucket;
    if (first !== NIL) this.#prevOfUser[first] = slot;
    this.#buckets[bucket] = slot;
  }

  #unlinkUser(slot: number): void {
    const prev = this.#prevOfUser[slot] as number;
    const next = this.#nextOfUser[slot] as number;
    if (prev >= 0) this.#nextOfUser[prev] = next;
    else this.#buckets[-1 - prev] = next;
    if (next !== NIL) this.#prevOfUser[next] = prev;
  }

  #growTo(capacity: number): void {
    const old = this.capacity;
    this.state = copied(this.state, new Uint8Array(capacity));
    this.flags = copied(this.flags, new Uint8Array(capacity));
    this.protocolErrors = copied(this.protocolErrors, new Uint8Array(capacity));
    this.serial = copied(this.serial, new Uint32Array(capacity));
    this.epoch = copied(this.epoch, new Uint32Array(capacity));
    this.loggedInAtS = copied(this.loggedInAtS, new Uint32Array(capacity));
    this.lastSeenMs = copied(this.lastSeenMs, new Float64Array(capacity));
    this.generation = copied(this.generation, new Float64Array(capacity));
    this.headSeq = copied(this.headSeq, new Float64Array(capacity));
    this.pushedSeq = copied(this.pushedSeq, new Float64Array(capacity));
    this.ackedSeq = copied(this.ackedSeq, new Float64Array(capacity));
    this.#nextFree = copied(this.#nextFree, new Int32Array(capacity));
    this.#userHash = copied(this.#userHash, new Uint32Array(capacity));
    this.#nextOfUser = copied(this.#nextOfUser, new Int32Array(capacity));
    this.#prevOfUser = copied(this.#prevOfUser, new Int32Array(capacity));
    for (let slot = capacity - 1; slot >= old; slot -= 1) {
      this.#nextFree[slot] = this.#firstFree;
      this.#firstFree = slot;
    }
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(1, capacity)))).fill(NIL);
    for (let slot = 0; slot < old; slot += 1) if (this.#identities[slot] !== undefined) this.#linkUser(slot);
  }
}

function copied<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}

/** FNV-1a over both names; the separator keeps ("ab", "c") apart from ("a", "bc"). */
function hashOf(app: string, uid: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < app.length; index += 1) hash = Math.imul(hash ^ app.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ 0xff, 0x01000193);
  for (let index = 0; index < uid.length; index += 1) hash = Math.imul(hash ^ uid.charCodeAt(index), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
