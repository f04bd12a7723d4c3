/** Asks several processes for their metrics and waits for the answers, a second at most. */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { MetricJson } from '../metrics/metrics.ts';

export const COLLECT_TIMEOUT_MS = 1000;

/** A process that can be asked. */
export interface MetricsSource {
  send(message: { readonly type: 'metrics-wanted'; readonly request: number }): void;
}

interface Collection {
  readonly waitingFor: Set<MetricsSource>;
  readonly processes: (readonly MetricJson[])[];
  readonly resolve: (processes: (readonly MetricJson[])[]) => void;
  timer: TimerHandle;
}

export class MetricsRelay {
  readonly #clock: Clock;
  readonly #collections: Map<number, Collection> = new Map();
  #nextRequest = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves with what has come in; a process that does not answer in time is left out. */
  collect(sources: readonly MetricsSource[]): Promise<(readonly MetricJson[])[]> {
    if (sources.length === 0) return Promise.resolve([]);
    const request = this.#nextRequest++;
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(() => this.#finish(request), COLLECT_TIMEOUT_MS);
      this.#collections.set(request, { waitingFor: new Set(sources), processes: [], resolve, timer });
      for (const source of sources) source.send({ type: 'metrics-wanted', request });
    });
  }

  answered(source: MetricsSource, request: number, metrics: readonly MetricJson[]): void {
    const collection = this.#collections.get(request);
    if (collection === undefined || !collection.waitingFor.delete(source)) return;
    collection.processes.push(metrics);
    if (collection.waitingFor.size === 0) this.#finish(request);
  }

  /** A process has ended: nobody waits for it any more. */
  gone(source: MetricsSource): void {
    for (const [request, collection] of this.#collections) {
      if (collection.waitingFor.delete(source) && collection.waitingFor.size === 0) this.#finish(request);
    }
  }

  #finish(request: number): void {
    const collection = this.#collections.get(request);
    if (collection === undefined) return;
    this.#collections.delete(request);
    this.#clock.clearTimer(collection.timer);
    collection.resolve(collection.processes);
  }
}
