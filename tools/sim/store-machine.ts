/**
 * The machine that holds the store: what is on it outlives the processes that open it. Two kinds, the model (a commit
 * survives, what was not reported may not) and the real engine on a disk with faults.
 */
import { Durability } from '../../src/model/durability.ts';
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { MemoryStoreData } from '../../src/store/memory/memory-store-data.ts';
import type { RetentionPolicy, Store } from '../../src/store/store.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { type DiskHealth, DiskMachine, SimDisk } from './disk.ts';
import type { Mutation, Plan } from './plan.ts';
import type { DeathKind, SimProcess } from './process.ts';

export interface StoreMachine {
  open(process: SimProcess): Store;
  /** The process that has it open is dead. */
  crashed(kind: DeathKind): void;
  /** Makes the open store fail, now or at its next operation. */
  fail(): void;
  setHealth(health: Partial<DiskHealth>): void;
}

const PARTITIONS = 4;
const COMMIT_INTERVAL_MS = 2;
const RETENTION_AGE_MS = 30 * 24 * 3_600_000;

export function storeMachine(plan: Plan, random: SeededRandom, mutation: Mutation): StoreMachine {
  return plan.store === 'model' ? new ModelMachine(plan, random, mutation) : new EngineMachine(plan, random, mutation);
}

class ModelMachine implements StoreMachine {
  readonly #plan: Plan;
  readonly #random: SeededRandom;
  readonly #mutation: Mutation;
  #data = new MemoryStoreData(PARTITIONS);
  #store: MemoryStore | undefined;
  /** What an early acknowledger had really stored. */
  #stored: MemoryStoreData | undefined;

  constructor(plan: Plan, random: SeededRandom, mutation: Mutation) {
    this.#plan = plan;
    this.#random = random;
    this.#mutation = mutation;
  }

  open(process: SimProcess): Store {
    const commitDelayMs = this.#plan.commitMsMax * this.#random.fraction();
    this.#store = new MemoryStore({
      clock: process.clock,
      data: this.#data,
      durability: Durability.Disk,
      retention: retentionOf(this.#plan),
      commitDelayMs,
    });
    if (this.#mutation === 'early-ack') this.#storeLater(process);
    return this.#store;
  }

  crashed(): void {
    this.#store?.crash();
    this.#store = undefined;
    if (this.#stored !== undefined) this.#data = copyOf(this.#stored);
    if (this.#mutation === 'forgets-dedupe') this.#data.dedupe.clear();
    if (this.#random.fraction() >= this.#plan.epochRises) return;
    for (const partition of this.#data.epochs.keys()) this.#data.epochs[partition]! += 1;
  }

  fail(): void {
    this.#store?.fail(new Error('EIO: the disk is gone'));
  }

  setHealth(): void {}

  #storeLater(process: SimProcess): void {
    this.#stored = copyOf(this.#data);
    process.clock.setTimer(() => this.#storeLater(process), 200);
  }
}

class EngineMachine implements StoreMachine {
  readonly #plan: Plan;
  readonly #machine: DiskMachine;

  constructor(plan: Plan, random: SeededRandom, mutation: Mutation) {
    this.#plan = plan;
    this.#machine = new DiskMachine(random);
    this.#machine.health.isLying = mutation === 'lying-disk';
  }

  open(process: SimProcess): Store {
    return new EmbeddedStore({
      disk: new SimDisk(this.#machine, process),
      clock: process.clock,
      random: process.random,
      durability: this.#plan.durability === 'disk' ? Durability.Disk : Durability.Os,
      retention: retentionOf(this.#plan),
      partitions: PARTITIONS,
      segmentBytesMax: 64 * 1024,
      commitBytesMax: 16 * 1024,
      commitIntervalMs: COMMIT_INTERVAL_MS,
      tailBytesMax: 16 * 1024,
    });
  }

  crashed(kind: DeathKind): void {
    const { health } = this.#machine;
    health.writeFails = 0;
    health.syncFails = 0;
    // Below `disk` a power loss may take acknowledged messages with it: nothing is promised then.
    if (kind === 'power' && this.#plan.durability === 'disk') this.#machine.losePower();
  }

  fail(): void {
    const { health, random } = this.#machine;
    if (random.below(2) === 0) health.syncFails = 1;
    else health.writeFails = 1;
  }

  setHealth(health: Partial<DiskHealth>): void {
    Object.assign(this.#machine.health, health);
  }
}

function retentionOf(plan: Plan): () => RetentionPolicy {
  return () => ({ ageMs: RETENTION_AGE_MS, countMax: plan.retentionCount });
}

function copyOf(data: MemoryStoreData): MemoryStoreData {
  const copy = new MemoryStoreData(data.partitions);
  copy.epochs.splice(0, copy.epochs.length, ...data.epochs);
  for (const [key, row] of data.dedupe) copy.dedupe.set(key, row);
  for (const [key, user] of data.users) {
    copy.users.set(key, { ...user, messages: new Map(user.messages), sessions: structuredClone(user.sessions) });
  }
  for (const [partition, sequence] of data.sequences.entries()) copy.sequences[partition] = sequence;
  return copy;
}
