/**
 * Starts the processes, watches them, replaces what ends, and stops everything in order.
 *
 *   start: logic, api and admin, then the gates          stop: gates, then api and admin, then logic
 *
 * It holds no connection and no data; nothing it does can fail on a client's account. A process that ends unasked is
 * replaced after a growing wait. When restarts do not help (`RestartBudget`), the supervisor gives up loudly.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Logger } from '../log/logger.ts';
import type { MetricJson } from '../metrics/metrics.ts';
import {
  type ChildRole,
  type FromChild,
  HEARTBEAT_MS,
  type StartMessage,
  type StatusMessage,
} from './child-messages.ts';
import { MetricsRelay } from './metrics-relay.ts';
import { RESTARTS_MAX, RestartBudget } from './restart-policy.ts';
import { type ChildOwner, ChildState, type SpawnChild, SupervisedChild } from './supervised-child.ts';
import type { ProcessCounts } from './system-part.ts';

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly spawn: SpawnChild;
  readonly processes: ProcessCounts;
  /** What every child is told at its start. An HTTP port of 0 is replaced by what the first process got. */
  readonly start: Omit<StartMessage, 'type'>;
  /** How long a process may say nothing before it is killed. */
  readonly silenceMs: number;
  /** How long a role may take to stop before it is killed. */
  readonly stopGraceMs: Readonly<Record<ChildRole, number>>;
  /** The primary's own metrics. */
  readonly ownMetrics: () => Promise<readonly MetricJson[]>;
  /** Restarts do not help; called once, after `start` has resolved. */
  readonly onGiveUp: (reason: string) => void;
  /** A process was asked to let everything leave. */
  readonly onDrain: () => void;
}

/** The system cannot start or go on, for a reason that people can act on. */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError';
}

const Phase = { Starting: 0, Running: 1, Stopping: 2 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** A tick that comes this late means that the primary itself stood still. */
const LATE_TICK_MS = 2500;

export class Supervisor implements ChildOwner {
  /** Unasked exits by role, and children killed because they were frozen. */
  readonly exits: Map<ChildRole, number> = new Map();
  frozen = 0;
  readonly #options: SupervisorOptions;
  readonly #budget = new RestartBudget();
  readonly #relay: MetricsRelay;
  readonly #logics: readonly SupervisedChild[];
  /** Api or admin. */
  readonly #https: readonly SupervisedChild[];
  readonly #gates: readonly SupervisedChild[];
  #httpPort: number;
  #phase: Phase = Phase.Starting;
  #stopped: Promise<void> | undefined;
  #failure: SupervisorError | undefined;
  #lastTickMs = 0;
  #tickTimer: TimerHandle | undefined;
  #waiting: { readonly children: readonly SupervisedChild[]; readonly settle: () => void } | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#relay = new MetricsRelay(options.clock);
    this.#httpPort = options.start.httpPort;
    this.#logics = this.#children('logic');
    this.#https = [...this.#children('api'), ...this.#children('admin')];
    this.#gates = this.#children('gate');
  }

  get httpPort(): number {
    return this.#httpPort;
  }

  get gatesListening(): number {
    return this.#gates.filter((gate) => gate.state === ChildState.Ready).length;
  }

  /** Resolves when every process is ready. @throws SupervisorError */
  async start(): Promise<void> {
    this.#lastTickMs = this.#options.clock.monotonicMs();
    this.#tick();
    await this.#startAll([...this.#logics, ...this.#https]);
    await this.#startAll(this.#gates);
    this.#phase = Phase.Running;
  }

  /** Stops everything in order. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder();
    return this.#stopped;
  }

  /** Ends everything at once. */
  kill(): void {
    for (const child of this.#all()) child.kill('SIGKILL');
  }

  onFirstWord(child: SupervisedChild): void {
    const { start } = this.#options;
    child.send({ ...start, type: 'start', httpPort: this.#httpPort });
    child.send(this.#status());
  }

  onMessage(child: SupervisedChild, message: FromChild): void {
    switch (message.type) {
      case 'ready':
        this.#becameReady(child, message.port);
        break;
      case 'failed':
        this.#options.log.error({ child: child.name, reason: message.message }, 'a process cannot start');
        if (this.#phase === Phase.Starting) this.#fail(message.message);
        break;
      case 'metrics':
        this.#relay.answered(child, message.request, message.metrics);
        break;
      case 'collect':
        void this.#answerCollect(child, message.request);
        break;
      case 'drain':
        this.#options.onDrain();
        break;
      default:
    }
  }

  onExit(child: SupervisedChild, cause: string, waitMs: number): boolean {
    this.#relay.gone(child);
    if (this.#phase === Phase.Stopping || this.#failure !== undefined) return false;
    this.exits.set(child.spec.role, (this.exits.get(child.spec.role) ?? 0) + 1);
    this.#announce();
    if (!this.#budget.take(this.#options.clock.monotonicMs())) {
      this.#fail(`more than ${RESTARTS_MAX} restarts within a minute, the last one of ${child.name} (${cause})`);
      return false;
    }
    this.#options.log.warn({ child: child.name, cause, waitMs }, 'a process ended and is started again');
    return true;
  }

  onFrozen(child: SupervisedChild, silentMs: number): void {
    this.frozen++;
    this.#options.log.error({ child: child.name, silentMs: Math.round(silentMs) }, 'a process is frozen and is killed');
  }

  #children(role: ChildRole): SupervisedChild[] {
    const { spawn, clock, processes, silenceMs } = this.#options;
    return Array.from({ length: processes[role] }, (_, i) => {
      return new SupervisedChild({ role, index: i + 1 }, spawn, clock, silenceMs, this);
    });
  }

  #all(): SupervisedChild[] {
    return [...this.#gates, ...this.#https, ...this.#logics];
  }

  async #startAll(children: readonly SupervisedChild[]): Promise<void> {
    if (this.#failure === undefined && this.#phase === Phase.Starting) {
      await new Promise<void>((settle) => {
        this.#waiting = { children, settle };
        for (const child of children) child.start();
        this.#settleWaiting();
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#phase !== Phase.Starting) throw new SupervisorError('stopped while starting');
  }

  #settleWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const allReady = waiting.children.every((child) => child.state === ChildState.Ready);
    if (!allReady && this.#failure === undefined && this.#phase === Phase.Starting) return;
    this.#waiting = undefined;
    waiting.settle();
  }

  #becameReady(child: SupervisedChild, port: number): void {
    if (this.#https.includes(child)) this.#httpPort = port;
    this.#options.log.debug({ child: child.name, pid: child.pid }, 'a process is ready');
    this.#announce();
    this.#settleWaiting();
  }

  #fail(reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = new SupervisorError(reason);
    this.#settleWaiting();
    if (this.#phase === Phase.Running) this.#options.onGiveUp(reason);
  }

  async #stopInOrder(): Promise<void> {
    const { stopGraceMs } = this.#options;
    this.#phase = Phase.Stopping;
    this.#settleWaiting();
    this.#announce();
    await Promise.all(this.#gates.map((gate) => gate.stop(stopGraceMs.gate)));
    await Promise.all(this.#https.map((http) => http.stop(stopGraceMs[http.spec.role])));
    await Promise.all(this.#logics.map((logic) => logic.stop(stopGraceMs.logic)));
    if (this.#tickTimer !== undefined) this.#options.clock.clearTimer(this.#tickTimer);
  }

  /** Heartbeats out, silence checked. */
  #tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const late = nowMs - this.#lastTickMs > LATE_TICK_MS;
    this.#lastTickMs = nowMs;
    for (const child of this.#all()) {
      if (late) child.forgive(nowMs);
      else child.check(nowMs);
    }
    this.#announce();
    this.#tickTimer = this.#options.clock.setTimer(() => this.#tick(), HEARTBEAT_MS);
  }

  #announce(): void {
    const status = this.#status();
    for (const child of this.#all()) child.send(status);
  }

  #status(): StatusMessage {
    return {
      type: 'status',
      gatesListening: this.gatesListening,
      gatesLinked: this.#gates.filter((gate) => gate.linked).length,
      logicReady: this.#logics.every((logic) => logic.state === ChildState.Ready),
      stopping: this.#phase === Phase.Stopping,
    };
  }

  async #answerCollect(asking: SupervisedChild, request: number): Promise<void> {
    const others = this.#all().filter((child) => child !== asking && child.state === ChildState.Ready);
    const [own, processes] = await Promise.all([this.#options.ownMetrics(), this.#relay.collect(others)]);
    asking.send({ type: 'collected', request, processes: [own, ...processes] });
  }
}
