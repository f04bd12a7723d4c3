/**
 * A child's side of the conversation with the primary: heartbeats out, orders in. When the primary is gone the channel
 * closes, and everything sent is dropped.
 */
import type { Clock } from '../clock/clock.ts';
import type { MetricJson } from '../metrics/metrics.ts';
import { type FromChild, HEARTBEAT_MS, type StartMessage, type StatusMessage, type ToChild } from './child-messages.ts';
import { COLLECT_TIMEOUT_MS } from './metrics-relay.ts';

/** The process's own channel, or a test's. */
export interface MessagePort {
  send(message: FromChild): void;
  onMessage(handler: (message: ToChild) => void): void;
  onClosed(handler: () => void): void;
}

export class RoleChannel {
  readonly started: Promise<StartMessage>;
  status: Omit<StatusMessage, 'type'> = { gatesListening: 0, gatesLinked: 0, logicReady: false, stopping: false };
  /** Of a gate: whether it has a link to logic now. */
  linked: () => boolean = () => false;
  readonly #port: MessagePort;
  readonly #clock: Clock;
  readonly #collections: Map<number, (processes: (readonly MetricJson[])[]) => void> = new Map();
  #nextRequest = 1;
  #readMetrics: (() => Promise<readonly MetricJson[]>) | undefined;
  #onStop: () => void = () => {};
  #onClosed: () => void = () => {};
  #closed = false;
  #heardMs: number;

  constructor(port: MessagePort, clock: Clock) {
    this.#port = port;
    this.#clock = clock;
    this.#heardMs = clock.monotonicMs();
    this.started = new Promise((resolve) => {
      port.onMessage((message) => this.#received(message, resolve));
    });
    port.onClosed(() => this.#close());
    this.#beat();
  }

  /** Since the primary has last said anything, which it does every second. */
  get silentMs(): number {
    return this.#clock.monotonicMs() - this.#heardMs;
  }

  /** `stop`: the primary says so. `closed`: the primary is gone. */
  listen(handlers: { readonly stop: () => void; readonly closed: () => void }): void {
    this.#onStop = handlers.stop;
    this.#onClosed = handlers.closed;
    if (this.#closed) handlers.closed();
  }

  ready(port: number): void {
    this.#port.send({ type: 'ready', port });
  }

  failed(message: string): void {
    this.#port.send({ type: 'failed', message });
  }

  /** Asks the primary to let everything that it runs leave. */
  drain(): void {
    this.#port.send({ type: 'drain' });
  }

  /** What to answer when the primary asks for this process's metrics. */
  serveMetrics(read: () => Promise<readonly MetricJson[]>): void {
    this.#readMetrics = read;
  }

  /** The metrics of all other processes; of none when the primary is gone or slow. */
  collectMetrics(): Promise<(readonly MetricJson[])[]> {
    if (this.#closed) return Promise.resolve([]);
    const request = this.#nextRequest++;
    return new Promise((resolve) => {
      // The primary waits that long for its children; its answer needs a moment more.
      const timer = this.#clock.setTimer(() => this.#collected(request, []), 2 * COLLECT_TIMEOUT_MS);
      this.#collections.set(request, (processes) => {
        this.#clock.clearTimer(timer);
        resolve(processes);
      });
      this.#port.send({ type: 'collect', request });
    });
  }

  #received(message: ToChild, onStart: (message: StartMessage) => void): void {
    this.#heardMs = this.#clock.monotonicMs();
    switch (message.type) {
      case 'start':
        onStart(message);
        break;
      case 'status':
        this.status = message;
        break;
      case 'stop':
        this.#onStop();
        break;
      case 'metrics-wanted':
        void this.#answerMetrics(message.request);
        break;
      case 'collected':
        this.#collected(message.request, [...message.processes]);
        break;
      default:
    }
  }

  async #answerMetrics(request: number): Promise<void> {
    const metrics = (await this.#readMetrics?.()) ?? [];
    this.#port.send({ type: 'metrics', request, metrics });
  }

  #collected(request: number, processes: (readonly MetricJson[])[]): void {
    const resolve = this.#collections.get(request);
    this.#collections.delete(request);
    resolve?.(processes);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const request of [...this.#collections.keys()]) this.#collected(request, []);
    this.#onClosed();
  }

  #beat(): void {
    if (this.#closed) return;
    this.#port.send({ type: 'heartbeat', linked: this.linked() });
    this.#clock.setTimer(() => this.#beat(), HEARTBEAT_MS);
  }
}

/** The channel that `fork` opened for this process. */
export function processPort(): MessagePort {
  return {
    send: (message) => {
      // The callback takes the error of a channel that closes under way.
      if (process.connected) process.send?.(message, undefined, undefined, () => {});
    },
    onMessage: (handler) => void process.on('message', handler as (message: unknown) => void),
    onClosed: (handler) => void process.on('disconnect', handler),
  };
}
