/**
 * One process from its start to its death: its own clock, its own randomness, its streams. When it dies, all of that is
 * dead at once: timers never fire, writes go nowhere, callbacks never come. A restart is a new process.
 */
import type { Clock, TimerHandle } from '../../src/clock/clock.ts';
import { SeededRandom } from '../../test/support/seeded-random.ts';
import type { SimEvent } from './event-queue.ts';
import type { World } from './world.ts';

const WALL_START_MS = 1_800_000_000_000;

export interface ProcessOptions {
  /** The machine: addresses and partitions go by it. */
  readonly host: string;
  readonly name: string;
  readonly number: number;
  readonly usesPromises: boolean;
}

/** How a process ends: `exit` leaves a system that closes its sockets, `power` leaves silence. */
export type DeathKind = 'exit' | 'power';

export class SimProcess {
  readonly world: World;
  readonly host: string;
  readonly name: string;
  readonly number: number;
  readonly usesPromises: boolean;
  readonly clock: SimClock;
  readonly random: SeededRandom;
  pausedUntilMs = 0;
  /** What its wall clock is wrong by. */
  wallErrorMs = 0;
  readonly #onDeath: ((kind: DeathKind) => void)[] = [];
  #isAlive = true;

  constructor(world: World, options: ProcessOptions) {
    this.world = world;
    this.host = options.host;
    this.name = options.name;
    this.number = options.number;
    this.usesPromises = options.usesPromises;
    this.random = new SeededRandom(Math.imul(world.seed + 1, 0x9e3779b1) ^ Math.imul(options.number, 0x85ebca6b));
    this.clock = new SimClock(this);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  onDeath(task: (kind: DeathKind) => void): void {
    this.#onDeath.push(task);
  }

  kill(kind: DeathKind = 'exit'): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.world.note(this.name, `dies (${kind})`);
    for (const task of this.#onDeath) task(kind);
  }

  /** SIGSTOP: nothing of it happens for `ms`, and then all of it at once. */
  pause(ms: number): void {
    this.world.note(this.name, `pauses for ${Math.round(ms)} ms`);
    this.pausedUntilMs = Math.max(this.pausedUntilMs, this.world.nowMs + ms);
  }
}

/** Timers come up to a millisecond late, as real ones do. */
const LATENESS_MS = 1;

class SimClock implements Clock {
  readonly #process: SimProcess;
  readonly #startedMs: number;

  constructor(process: SimProcess) {
    this.#process = process;
    this.#startedMs = process.world.nowMs;
  }

  monotonicMs(): number {
    return this.#process.world.nowMs - this.#startedMs;
  }

  wallMs(): number {
    const { world, wallErrorMs } = this.#process;
    return WALL_START_MS + wallErrorMs + Math.floor(world.nowMs);
  }

  setTimer(task: () => void, delayMs: number): TimerHandle {
    if (!this.#process.isAlive) return undefined;
    const lateMs = LATENESS_MS * this.#process.random.fraction();
    return this.#process.world.at(this.#process, Math.max(0, delayMs) + lateMs, 'timer', task);
  }

  clearTimer(timer: TimerHandle): void {
    if (timer !== undefined) (timer as SimEvent).cancelled = true;
  }

  defer(task: () => void): void {
    if (this.#process.isAlive) this.#process.world.at(this.#process, 0, 'defer', task);
  }
}
