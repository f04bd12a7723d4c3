/**
 * Which partition a connection's user lives in, and which one the target of a command: both decide whom a frame goes to.
 *
 *   home of a slot     computed once, at login; one array read afterwards
 *   target of a body   hashed from its bytes, from where the hash stands after the app; no string is made
 *
 * 6 bytes a slot. A body whose target is no text goes home, whose owner refuses it.
 */
import type { AppId } from '../model/ids.ts';
import { partitionOf, partitionOfBytes, partitionSeed } from '../model/partition.ts';
import { MessagePackReader } from '../protocol/index.ts';

export class SessionPartitions {
  readonly #reader: MessagePackReader = new MessagePackReader();
  #homes: Uint16Array<ArrayBuffer> = new Uint16Array(0);
  /** Of the app of the connection. */
  #seeds: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #partitions = 0;

  /** How many there are; what was identified before must be identified again. */
  set partitions(count: number) {
    this.#partitions = count;
  }

  /** @param capacity of the connection table: no slot is beyond it */
  identify(slot: number, app: string, uid: string, capacity: number): void {
    if (slot >= this.#homes.length) this.#growTo(capacity);
    this.#homes[slot] = partitionOf(app as AppId, uid, this.#partitions);
    this.#seeds[slot] = partitionSeed(app);
  }

  homeOf(slot: number): number {
    return this.#homes[slot] ?? 0;
  }

  /** @param body a command whose field 0 is its target, guarded already */
  targetOf(slot: number, body: Buffer, start: number, end: number): number {
    const reader = this.#reader.reset(body, start, end);
    reader.arrayHeader();
    const targetStart = reader.strStart();
    if (reader.failed) return this.homeOf(slot);
    return partitionOfBytes(this.#seeds[slot] as number, body, targetStart, reader.position, this.#partitions);
  }

  #growTo(capacity: number): void {
    const homes = new Uint16Array(capacity);
    homes.set(this.#homes);
    this.#homes = homes;
    const seeds = new Uint32Array(capacity);
    seeds.set(this.#seeds);
    this.#seeds = seeds;
  }
}
