/** The wire between two ends: how long it takes, how it cuts what it carries, whether it carries anything at all. */
import type { StreamHandler } from '../../src/net/transport.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { SimProcess } from './process.ts';
import { SimStream } from './stream.ts';

export interface LinkNature {
  /** Each piece takes between the two. */
  readonly latencyMsMin: number;
  readonly latencyMsMax: number;
  /** A write comes in at most so many pieces. */
  readonly piecesMax: number;
  readonly readsByteByByte: boolean;
  /** What the systems at both ends hold for a peer that does not read. */
  readonly bufferBytes: number;
}

export class SimLink {
  readonly dialled: SimStream;
  readonly random: SeededRandom;
  #accepted: SimStream | undefined;
  #nature: LinkNature;
  #isSilent = false;
  #heldTasks: (() => void)[] = [];

  constructor(nature: LinkNature, random: SeededRandom, process: SimProcess, handler: StreamHandler) {
    this.#nature = nature;
    this.random = random;
    this.dialled = new SimStream(this, process, handler, '10.0.0.1');
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  get readsByteByByte(): boolean {
    return this.#nature.readsByteByByte;
  }

  get bufferBytes(): number {
    return this.#nature.bufferBytes;
  }

  get isOver(): boolean {
    return this.dialled.isClosed && (this.#accepted?.isClosed ?? true);
  }

  get ends(): readonly SimStream[] {
    return this.#accepted === undefined ? [this.dialled] : [this.dialled, this.#accepted];
  }

  connectsTo(process: SimProcess, handler: StreamHandler): SimStream {
    const remoteAddress = `10.0.0.${(this.dialled.process.number % 250) + 2}`;
    this.#accepted = new SimStream(this, process, handler, remoteAddress);
    this.dialled.pairWith(this.#accepted);
    this.#accepted.open();
    return this.#accepted;
  }

  latencyMs(): number {
    const { latencyMsMin, latencyMsMax } = this.#nature;
    return latencyMsMin + (latencyMsMax - latencyMsMin) * this.random.fraction();
  }

  later(process: SimProcess, task: () => void): void {
    process.world.at(process, this.latencyMs(), 'network', task);
  }

  *cutUp(bytes: Uint8Array): Generator<Uint8Array> {
    let rest = bytes;
    for (let pieces = 1 + this.random.below(this.#nature.piecesMax); pieces > 1 && rest.length > 1; pieces -= 1) {
      const length = 1 + this.random.below(rest.length - 1);
      yield rest.subarray(0, length);
      rest = rest.subarray(length);
    }
    yield rest;
  }

  /** Both ends learn of it, each in its time; each has read the other's bytes up to some place. */
  cut(): void {
    for (const end of this.ends) end.breakOff(this.random);
  }

  /** A black hole: nothing arrives, not even an end, and nobody is told. */
  silence(): void {
    this.#isSilent = true;
  }

  heal(): void {
    if (!this.#isSilent) return;
    this.#isSilent = false;
    for (const task of this.#heldTasks.splice(0)) task();
    for (const end of this.ends) {
      const peer = this.ends.find((other) => other !== end);
      if (end.isClosed && peer !== undefined && !peer.isClosed) peer.breakOff(this.random);
      else if (end.process.isAlive) end.process.clock.defer(() => end.pump());
    }
  }

  /** Runs `task` now, or when the silence is over. */
  whenAudible(task: () => void): void {
    if (this.#isSilent) this.#heldTasks.push(task);
    else task();
  }
}
