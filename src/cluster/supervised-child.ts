/**
 * One place in the system ("gate 2") and the process that fills it, one after another.
 *
 *   Idle ──start──► Starting ──ready──► Ready
 *                      │  ▲               │
 *                    exit │ back-off    exit
 *                      ▼  │               ▼
 *                     Waiting ◄───────────┘          any ──stop──► Stopping ──exit──► Idle
 *
 * A process that says nothing for `supervisor.silenceMs` is frozen: it is killed, which makes it an exit like any other. An
 * exit with code 0 is no better than another one unless the process was told to stop.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { ChildRole, FromChild, ToChild } from './child-messages.ts';
import { RestartBackoff } from './restart-policy.ts';

/** Until its first word: the runtime itself has to start, on a machine that may be busy. */
export const FIRST_WORD_MAX_MS = 30_000;

export const ChildState = { Idle: 0, Starting: 1, Ready: 2, Waiting: 3, Stopping: 4 } as const;
export type ChildState = (typeof ChildState)[keyof typeof ChildState];

export interface ChildSpec {
  readonly role: ChildRole;
  readonly index: number;
}

/** A running process, as far as a supervisor needs it. */
export interface ChildHandle {
  readonly pid: number;
  /** Does nothing when the process is gone. */
  send(message: ToChild): void;
  kill(signal: NodeJS.Signals): void;
}

export interface ChildEvents {
  onMessage(message: FromChild): void;
  /** Called once. */
  onExit(code: number | null, signal: string | null): void;
}

export type SpawnChild = (spec: ChildSpec, events: ChildEvents) => ChildHandle;

export interface ChildOwner {
  /** A new process has said its first word: what it is told before that may be lost. */
  onFirstWord(child: SupervisedChild): void;
  onMessage(child: SupervisedChild, message: FromChild): void;
  /** Unasked. True: start it again after `waitMs`. */
  onExit(child: SupervisedChild, cause: string, waitMs: number): boolean;
  onFrozen(child: SupervisedChild, silentMs: number): void;
}

export class SupervisedChild {
  readonly spec: ChildSpec;
  /** Of a gate: whether it had a link to logic when it was last heard. */
  linked = false;
  readonly #spawn: SpawnChild;
  readonly #clock: Clock;
  readonly #owner: ChildOwner;
  /** After its first word. */
  readonly #silenceMs: number;
  readonly #backoff = new RestartBackoff();
  #state: ChildState = ChildState.Idle;
  #handle: ChildHandle | undefined;
  #startedMs = 0;
  #heardMs = 0;
  #hasSpoken = false;
  #timer: TimerHandle | undefined;
  #onStopped: (() => void)[] = [];

  constructor(spec: ChildSpec, spawn: SpawnChild, clock: Clock, silenceMs: number, owner: ChildOwner) {
    this.spec = spec;
    this.#spawn = spawn;
    this.#clock = clock;
    this.#owner = owner;
    this.#silenceMs = silenceMs;
  }

  get name(): string {
    return `${this.spec.role} ${this.spec.index}`;
  }

  get state(): ChildState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#handle?.pid;
  }

  start(): void {
    this.#timer = undefined;
    this.#state = ChildState.Starting;
    this.#startedMs = this.#clock.monotonicMs();
    this.#heardMs = this.#startedMs;
    this.#hasSpoken = false;
    this.#handle = this.#spawn(this.spec, {
      onMessage: (message) => this.#received(message),
      onExit: (code, signal) => this.#exited(signal ?? `exit code ${code}`),
    });
  }

  send(message: ToChild): void {
    this.#handle?.send(message);
  }

  kill(signal: NodeJS.Signals): void {
    this.#handle?.kill(signal);
  }

  /** Kills the process when it has been silent for too long. */
  check(nowMs: number): void {
    if (this.#handle === undefined || this.#state === ChildState.Stopping) return;
    const silentMs = nowMs - this.#heardMs;
    if (silentMs <= (this.#hasSpoken ? this.#silenceMs : Math.max(FIRST_WORD_MAX_MS, this.#silenceMs))) return;
    this.#heardMs = nowMs;
    this.#owner.onFrozen(this, silentMs);
    this.#handle.kill('SIGKILL');
  }

  /** The time until now was not the child's fault: its silence starts anew. */
  forgive(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /** Asks the process to stop; kills it after `graceMs`. Resolves when it is gone. */
  stop(graceMs: number): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined) {
      if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
      this.#timer = undefined;
      this.#state = ChildState.Idle;
      return Promise.resolve();
    }
    if (this.#state !== ChildState.Stopping) {
      this.#state = ChildState.Stopping;
      handle.send({ type: 'stop' });
      this.#timer = this.#clock.setTimer(() => handle.kill('SIGKILL'), graceMs);
    }
    return new Promise((resolve) => {
      this.#onStopped.push(resolve);
    });
  }

  #received(message: FromChild): void {
    this.#heardMs = this.#clock.monotonicMs();
    if (!this.#hasSpoken) {
      this.#hasSpoken = true;
      this.#owner.onFirstWord(this);
    }
    if (message.type === 'ready' && this.#state === ChildState.Starting) this.#state = ChildState.Ready;
    if (message.type === 'heartbeat') this.linked = message.linked;
    else this.#owner.onMessage(this, message);
  }

  #exited(cause: string): void {
    const wasStopping = this.#state === ChildState.Stopping;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#handle = undefined;
    this.linked = false;
    this.#state = ChildState.Idle;
    if (wasStopping) {
      for (const resolve of this.#onStopped.splice(0)) resolve();
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const waitMs = this.#backoff.next(nowMs - this.#startedMs);
    // The owner may answer by stopping everything, this child included.
    this.#state = ChildState.Waiting;
    if (!this.#owner.onExit(this, cause, waitMs) || this.#state !== ChildState.Waiting) {
      this.#state = ChildState.Idle;
      return;
    }
    this.#timer = this.#clock.setTimer(() => this.start(), waitMs);
  }
}
