/**
 * One queue of events on virtual time: the whole world of a run.
 *
 *   pop ─▶ its process is dead: drop · paused: later · else run it ─▶ let every promise settle ─▶ pop …
 *
 * Nothing here waits for real time, and nothing but the seed decides. A run of equal seed takes equal steps; `trace.hash`
 * shows it. Promises settle between two events, as in a real event loop, so a process that is killed between any two of
 * its events has stopped at an await.
 */
import { SystemClock } from '../../src/clock/clock.ts';
import { SeededRandom } from '../../test/support/seeded-random.ts';
import { EventQueue, type SimEvent } from './event-queue.ts';
import { SimProcess } from './process.ts';
import { Trace } from './trace.ts';

export class World {
  readonly seed: number;
  readonly trace: Trace;
  /** Of the network and of everything that is nobody's own. */
  readonly random: SeededRandom;
  /** Errors that no process caught; a run with one has failed. */
  readonly faults: string[] = [];
  readonly #queue = new EventQueue();
  readonly #system = new SystemClock();
  #nowMs = 0;
  #order = 0;
  #processes = 0;

  constructor(seed: number, keepsLines = false) {
    this.seed = seed;
    this.trace = new Trace(keepsLines);
    this.random = new SeededRandom(seed * 7919 + 1);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A new process on `host`. `usesPromises` false: it never awaits, and its events need no settling. */
  spawn(host: string, name: string, usesPromises = true): SimProcess {
    this.#processes += 1;
    this.note(name, 'starts');
    return new SimProcess(this, { host, name, number: this.#processes, usesPromises });
  }

  /** Runs `task` `delayMs` from now. */
  at(process: SimProcess | undefined, delayMs: number, what: string, task: () => void): SimEvent {
    this.#order += 1;
    const timeMs = this.#nowMs + Math.max(0, delayMs);
    const event: SimEvent = { timeMs, order: this.#order, process, what, task, cancelled: false };
    this.#queue.push(event);
    return event;
  }

  note(who: string, text: string): void {
    this.trace.note(this.#nowMs, who, text);
  }

  fault(who: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.faults.push(`${who}: ${text}`);
    this.note(who, `FAULT ${text}`);
  }

  /** Runs everything that is due within `ms`. */
  async run(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.timeMs > endMs) break;
      this.#queue.pop();
      if (this.#step(next)) await this.settle();
    }
    this.#nowMs = endMs;
  }

  /** Lets every promise settle that waits for no event. */
  settle(): Promise<void> {
    return new Promise((resolve) => this.#system.defer(resolve));
  }

  /** Answers whether promises may have been resolved. */
  #step(event: SimEvent): boolean {
    const { process } = event;
    if (event.cancelled || process?.isAlive === false) return false;
    if (process !== undefined && process.pausedUntilMs > event.timeMs) {
      event.timeMs = process.pausedUntilMs;
      this.#queue.push(event);
      return false;
    }
    this.#nowMs = event.timeMs;
    this.trace.event(event.timeMs, process?.number ?? 0, event.what);
    try {
      event.task();
    } catch (error) {
      this.fault(process?.name ?? 'world', error);
    }
    return process?.usesPromises ?? true;
  }
}
