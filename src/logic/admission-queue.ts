/**
 * Lets a bounded number of tasks run at once, a bounded number wait in order, and tells those that waited too long.
 *
 *   offer ──► running (≤ runningMax) ──finished──► the next one starts
 *        └──► waiting (≤ waitingMax, each ≤ waitMsMax) ──too long──► expired
 *        └──► false: the queue is full
 *
 * One timer for the whole queue: tasks wait equally long, so the oldest always expires first.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';

export interface AdmissionOptions<Task> {
  readonly clock: Clock;
  readonly runningMax: number;
  readonly waitingMax: number;
  /** Infinity: as long as it takes. */
  readonly waitMsMax: number;
  /** Begins a task; `finished` must follow once, now or later. */
  readonly start: (task: Task) => void;
  /** The task has waited for too long and will not be started. */
  readonly expired: (task: Task) => void;
}

interface Waiting<Task> {
  readonly task: Task;
  readonly untilMs: number;
}

export class AdmissionQueue<Task> {
  readonly #options: AdmissionOptions<Task>;
  #waiting: Waiting<Task>[] = [];
  /** Index of the oldest waiting task; what lies before it is gone. */
  #first = 0;
  #running = 0;
  #starting = false;
  #timer: TimerHandle | undefined;

  constructor(options: AdmissionOptions<Task>) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length - this.#first;
  }

  /** False when neither a place nor a waiting place is free. */
  offer(task: Task): boolean {
    const { clock, runningMax, waitingMax, waitMsMax, start } = this.#options;
    if (this.#running < runningMax && this.waiting === 0) {
      this.#running++;
      start(task);
      return true;
    }
    if (this.waiting >= waitingMax) return false;
    this.#waiting.push({ task, untilMs: clock.monotonicMs() + waitMsMax });
    this.#arm();
    return true;
  }

  /** A started task has ended. */
  finished(): void {
    this.#running--;
    // A task that ends within its own start comes back here: the loop below takes the next one, not the stack.
    if (this.#starting) return;
    this.#starting = true;
    while (this.#running < this.#options.runningMax && this.waiting > 0) {
      const { task } = this.#take();
      this.#running++;
      this.#options.start(task);
    }
    this.#starting = false;
    if (this.waiting === 0) this.#disarm();
  }

  /** Expires everything that waits. */
  stop(): void {
    this.#disarm();
    while (this.waiting > 0) this.#options.expired(this.#take().task);
  }

  #take(): Waiting<Task> {
    const oldest = this.#waiting[this.#first++] as Waiting<Task>;
    if (this.#first === this.#waiting.length || this.#first >= 1024) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return oldest;
  }

  #arm(): void {
    const oldest = this.#waiting[this.#first];
    if (this.#timer !== undefined || oldest === undefined || oldest.untilMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(this.#expire, Math.max(0, oldest.untilMs - clock.monotonicMs()));
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const nowMs = this.#options.clock.monotonicMs();
    while ((this.#waiting[this.#first]?.untilMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
      this.#options.expired(this.#take().task);
    }
    this.#arm();
  };
}
