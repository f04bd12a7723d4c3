/**
 * The users of the store: (app, uid) ↔ a dense number, and what is known of each, as a structure of arrays.
 *
 * Cost per user: 48 bytes in the arrays, 7–13 in the table of names and those of the uid's text; nothing of it is on the
 * JavaScript heap. The arrays double when they are full; what is not used of them takes no memory. Numbers are given in order of first appearance and never reused.
 */
import type { AppId, PartitionNumber, Uid } from '../../model/ids.ts';
import { partitionOf } from '../../model/partition.ts';
import { NameTable } from './name-table.ts';
import { NO_TEXT, TextSlab } from './text-slab.ts';

const CAPACITY_MIN = 1024;
/** Of uids that were asked for last; a power of two. */
const RECENT_MAX = 256;

export class UserDirectory {
  readonly #partitions: number;
  readonly #appNumbers = new Map<AppId, number>();
  readonly #apps: AppId[] = [];
  readonly #names: NameTable;
  readonly #texts = new TextSlab();
  readonly #recentUsers: Int32Array = new Int32Array(RECENT_MAX).fill(-1);
  readonly #recentUids: Uid[] = new Array(RECENT_MAX).fill('');
  #count = 0;
  #lastApp: AppId | undefined;
  #lastAppNumber = 0;
  #capacity = CAPACITY_MIN;

  #app: Uint16Array = new Uint16Array(CAPACITY_MIN);
  #uid: Uint32Array = new Uint32Array(CAPACITY_MIN);
  partition: Uint16Array = new Uint16Array(CAPACITY_MIN);
  /** Largest seq given out, the commit under way included. */
  head: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** Largest committed seq: what readers may see. */
  visibleHead: Uint32Array = new Uint32Array(CAPACITY_MIN);
  floor: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** First row of the user's devices in the device pool; 0 when there is none. */
  firstDevice: Uint32Array = new Uint32Array(CAPACITY_MIN);
  generation: Float64Array = new Float64Array(CAPACITY_MIN);
  revokeBeforeMs: Float64Array = new Float64Array(CAPACITY_MIN);
  /** Log position from which on all of the user's small state can be rebuilt without anything older. */
  snapshotPosition: Float64Array = new Float64Array(CAPACITY_MIN);

  /** `seed`: a secret that keeps the table of names even. */
  constructor(partitions: number, seed: number) {
    this.#partitions = partitions;
    this.#names = new NameTable(this, seed);
  }

  get count(): number {
    return this.#count;
  }

  /** The user's number, or -1. */
  find(app: AppId, uid: Uid): number {
    const number = app === this.#lastApp ? this.#lastAppNumber : this.#appNumbers.get(app);
    if (number === undefined) return -1;
    this.#lastApp = app;
    this.#lastAppNumber = number;
    return this.#names.find(number, uid);
  }

  add(app: AppId, uid: Uid): number {
    const user = this.#count;
    this.reserve(user);
    this.#app[user] = this.#numberOf(app);
    this.partition[user] = partitionOf(app, uid, this.#partitions);
    this.#uid[user] = this.#texts.add(uid);
    this.#names.add(user);
    return user;
  }

  /**
   * Replay: names the user with this number, which entries may have mentioned before. Not found until `indexNames`.
   * `uidAt`: where the length byte of its uid is.
   */
  name(user: number, app: AppId, partition: number, bytes: Uint8Array, uidAt: number): void {
    this.reserve(user);
    if (this.isNamed(user)) return;
    this.#app[user] = this.#numberOf(app);
    this.partition[user] = partition;
    this.#uid[user] = this.#texts.addBytes(bytes, uidAt);
  }

  /** Replay is over: makes all named users known by name, in a table that has its size from the start. */
  indexNames(): void {
    this.#names.reserve(this.#count);
    for (let user = 0; user < this.#count; user++) if (this.isNamed(user)) this.#names.add(user);
  }

  /** Replay: makes room for a number whose name is still to come. */
  reserve(user: number): void {
    while (this.#count <= user) {
      if (this.#count === this.#capacity) this.#grow();
      this.floor[this.#count] = 1;
      this.#uid[this.#count] = NO_TEXT;
      this.#count++;
    }
  }

  /** Takes back the newest user: its commit was refused. */
  removeNewest(): void {
    const user = this.#count - 1;
    this.#names.remove(this.#app[user]!, this.uid(user));
    this.#texts.release(this.#uid[user]!);
    this.#recentUsers[user % RECENT_MAX] = -1;
    this.#count--;
  }

  isNamed(user: number): boolean {
    return this.#uid[user] !== NO_TEXT;
  }

  appNumber(user: number): number {
    return this.#app[user]!;
  }

  app(user: number): AppId {
    return this.#apps[this.#app[user]!]!;
  }

  uid(user: number): Uid {
    const place = user % RECENT_MAX;
    if (this.#recentUsers[place] !== user) {
      this.#recentUids[place] = this.#texts.get(this.#uid[user]!) as Uid;
      this.#recentUsers[place] = user;
    }
    return this.#recentUids[place]!;
  }

  isUid(user: number, uid: Uid): boolean {
    return this.#texts.equals(this.#uid[user]!, uid);
  }

  uidHash(user: number, seed: number): number {
    return this.#texts.hash(this.#uid[user]!, seed);
  }

  partitionOf(user: number): PartitionNumber {
    return this.partition[user] as PartitionNumber;
  }

  #numberOf(app: AppId): number {
    if (app === this.#lastApp) return this.#lastAppNumber;
    let number = this.#appNumbers.get(app);
    if (number === undefined) {
      number = this.#apps.push(app) - 1;
      this.#appNumbers.set(app, number);
    }
    this.#lastApp = app;
    this.#lastAppNumber = number;
    return number;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#app = grown(this.#app, new Uint16Array(this.#capacity));
    this.#uid = grown(this.#uid, new Uint32Array(this.#capacity));
    this.partition = grown(this.partition, new Uint16Array(this.#capacity));
    this.head = grown(this.head, new Uint32Array(this.#capacity));
    this.visibleHead = grown(this.visibleHead, new Uint32Array(this.#capacity));
    this.floor = grown(this.floor, new Uint32Array(this.#capacity));
    this.firstDevice = grown(this.firstDevice, new Uint32Array(this.#capacity));
    this.generation = grown(this.generation, new Float64Array(this.#capacity));
    this.revokeBeforeMs = grown(this.revokeBeforeMs, new Float64Array(this.#capacity));
    this.snapshotPosition = grown(this.snapshotPosition, new Float64Array(this.#capacity));
  }
}

export function grown<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
