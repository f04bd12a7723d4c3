/**
 * The users of the store: (app, uid) ↔ a dense number, and what is known of each, as a structure of arrays.
 *
 * Cost per user: 44 bytes in the arrays, 7–13 in the table of names and 24 and up for the uid's text; the arrays double
 * when they are full. Numbers are given in order of first appearance and never reused.
 */
import type { AppId, PartitionNumber, Uid } from '../../model/ids.ts';
import { partitionOf } from '../../model/partition.ts';
import { NameTable } from './name-table.ts';

const CAPACITY_MIN = 1024;

export class UserDirectory {
  readonly #partitions: number;
  readonly #appNumbers = new Map<AppId, number>();
  readonly #apps: AppId[] = [];
  readonly #names: NameTable;
  readonly #uids: (Uid | undefined)[] = [];
  #lastApp: AppId | undefined;
  #lastAppNumber = 0;
  #capacity = CAPACITY_MIN;

  #app: Uint16Array = new Uint16Array(CAPACITY_MIN);
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
    return this.#uids.length;
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
    const user = this.#uids.length;
    this.name(user, app, uid);
    this.#names.add(user, this.#app[user]!, uid);
    return user;
  }

  /** Replay: names the user with this number, which entries may have mentioned before. Not found until `indexNames`. */
  name(user: number, app: AppId, uid: Uid): void {
    this.reserve(user);
    if (this.#uids[user] !== undefined) return;
    this.#app[user] = this.#numberOf(app);
    this.partition[user] = partitionOf(app, uid, this.#partitions);
    this.#uids[user] = uid;
  }

  /** Replay is over: makes all named users known by name, in a table that has its size from the start. */
  indexNames(): void {
    const { count } = this;
    this.#names.reserve(count);
    for (let user = 0; user < count; user++) {
      if (this.isNamed(user)) this.#names.add(user, this.#app[user]!, this.uid(user));
    }
  }

  /** Replay: makes room for a number whose name is still to come. */
  reserve(user: number): void {
    while (this.#uids.length <= user) {
      if (this.#uids.length === this.#capacity) this.#grow();
      this.floor[this.#uids.length] = 1;
      this.#uids.push(undefined);
    }
  }

  /** Takes back the newest user: its commit was refused. */
  removeNewest(): void {
    const user = this.count - 1;
    this.#names.remove(this.#app[user]!, this.uid(user));
    this.#uids.pop();
  }

  isNamed(user: number): boolean {
    return this.#uids[user] !== undefined;
  }

  appNumber(user: number): number {
    return this.#app[user]!;
  }

  app(user: number): AppId {
    return this.#apps[this.#app[user]!]!;
  }

  uid(user: number): Uid {
    return this.#uids[user]!;
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
