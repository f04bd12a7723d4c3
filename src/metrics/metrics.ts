/**
 * The metrics of one process, on prom-client. The hot path never calls in here: it counts in plain numeric fields, and
 * the functions given to `counterFrom` and its siblings read them when somebody asks.
 *
 *   const counters = { framesIn: 0 };
 *   metrics.counterFrom('sluice_gate_frames_in_total', 'Frames received.', () => counters.framesIn);
 *
 * Labels never name a user, an address or a message, and the number of series of a process is capped (T19): values that
 * appear after the cap are counted together as `other`.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export const SERIES_MAX = 2000;
const OTHER = 'other';
const FORBIDDEN_LABEL = /^(uid|user|ip|address|host|message|messageId|clientMsgId|device|deviceId|session|token)$/i;
const PROCESS_METRIC = /^(process|nodejs)_/;
/** Each look wakes the process, which costs about 0.1 ms of CPU where dozens of idle ones share a few cores. */
const LOOP_LAG_PRECISION_MS = 500;

/** One metric of `metricsAsJson`, as prom-client aggregates it. */
export interface MetricJson {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly object[];
}

/** Values by label value; a Map from label to number is one. */
export type LabelledValues = Iterable<readonly [label: string, value: number]>;

export class Metrics {
  readonly #registry = new Registry();
  readonly #seriesMax: number;
  #series = 0;

  constructor(seriesMax: number = SERIES_MAX) {
    this.#seriesMax = seriesMax;
  }

  /** A number that only grows. */
  counterFrom(name: string, help: string, read: () => number): void {
    this.#series++;
    new Counter({
      name,
      help,
      registers: [this.#registry],
      collect(): void {
        this.reset();
        this.inc(read());
      },
    });
  }

  /** A number that goes up and down; several processes' are added up. */
  gaugeFrom(name: string, help: string, read: () => number): void {
    this.#series++;
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect(): void {
        this.set(read());
      },
    });
  }

  /** Numbers that only grow, one for each value of `label`. */
  labelledCounterFrom(name: string, help: string, label: string, read: () => LabelledValues): void {
    const fold = this.#folder(name, label);
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect(): void {
        this.reset();
        for (const [value, count] of fold(read())) this.inc({ [label]: value }, count);
      },
    });
  }

  /** Numbers that go up and down, one for each value of `label`. */
  labelledGaugeFrom(name: string, help: string, label: string, read: () => LabelledValues): void {
    const fold = this.#folder(name, label);
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect(): void {
        this.reset();
        for (const [value, amount] of fold(read())) this.inc({ [label]: value }, amount);
      },
    });
  }

  /** A distribution. `observe` costs about 200 ns: for commits and batches, not for every message. */
  histogram(name: string, help: string, buckets: readonly number[]): { observe(value: number): void } {
    this.#series += buckets.length + 3;
    return new Histogram({ name, help, buckets: [...buckets], registers: [this.#registry] });
  }

  /** CPU, memory, event loop and garbage collection of this process, labelled with its role and index. */
  processMetrics(role: string, index: number): void {
    collectDefaultMetrics({
      register: this.#registry,
      labels: { role, index: String(index) },
      eventLoopMonitoringPrecision: LOOP_LAG_PRECISION_MS,
    });
  }

  /** Everything, in the form that `aggregate` takes; survives JSON. */
  async metricsAsJson(): Promise<MetricJson[]> {
    const metrics = (await this.#registry.getMetricsAsJSON()) as unknown as MetricJson[];
    // Process metrics differ in role and index, so "adding up" keeps every process's own.
    return metrics.map((metric) => (PROCESS_METRIC.test(metric.name) ? { ...metric, aggregator: 'sum' } : metric));
  }

  /** Folds label values that appear after the cap into `other`. */
  #folder(name: string, label: string): (values: LabelledValues) => Map<string, number> {
    if (FORBIDDEN_LABEL.test(label)) throw new Error(`metric ${name}: the label ${label} has no bound`);
    const known = new Set<string>([OTHER]);
    this.#series++;
    return (values) => {
      const folded = new Map<string, number>();
      for (const [value, amount] of values) {
        if (!known.has(value) && this.#series < this.#seriesMax) {
          known.add(value);
          this.#series++;
        }
        const kept = known.has(value) ? value : OTHER;
        folded.set(kept, (folded.get(kept) ?? 0) + amount);
      }
      return folded;
    };
  }
}
