/**
 * How fast a gate accepts: so many dials are under way at any time; each connection says something senseless, is told so
 * by the gate (no logic takes part) and makes room for the next one. Accepted is what was answered.
 */
import type { Clock } from '../../src/clock/clock.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import type { DialHandler, Stream } from '../../src/net/transport.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { SourcePorts } from './source-ports.ts';

/** A header with a length that no gate takes. */
const SENSELESS = Buffer.alloc(8, 0xff);

export interface AcceptOptions {
  readonly host: string;
  readonly port: number;
  /** Dials under way. */
  readonly atOnce: number;
}

export interface AcceptReport {
  readonly answered: number;
  readonly failed: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** From the dial to the answer, encoded. */
  readonly latency: string;
}

export class AcceptProbe implements DialHandler {
  readonly #clock: Clock;
  readonly #options: AcceptOptions;
  readonly #from: SourcePorts;
  readonly #latency: LatencyHistogram;
  readonly #transport = new NodeTransport();
  #answered = 0;
  #reasons: Record<string, number> = {};
  #running = true;

  private constructor(clock: Clock, options: AcceptOptions, from: SourcePorts, latency: LatencyHistogram) {
    this.#clock = clock;
    this.#options = options;
    this.#from = from;
    this.#latency = latency;
    for (let i = 0; i < options.atOnce; i++) this.#dial();
  }

  /** Begins to dial. */
  static async start(clock: Clock, options: AcceptOptions, from: SourcePorts): Promise<AcceptProbe> {
    return new AcceptProbe(clock, options, from, await LatencyHistogram.create());
  }

  /** What happened since the last call. */
  report(): AcceptReport {
    const reasons = this.#reasons;
    const failed = Object.values(reasons).reduce((sum, count) => sum + count, 0);
    const report = { answered: this.#answered, failed, reasons, latency: this.#latency.encode() };
    this.#latency.reset();
    this.#answered = 0;
    this.#reasons = {};
    return report;
  }

  stop(): void {
    this.#running = false;
  }

  onOpen(stream: Stream): void {
    stream.write(SENSELESS);
  }

  onBytes(stream: Stream): void {
    const dialledMs = stream.owner as number;
    if (dialledMs < 0) return;
    stream.owner = -1;
    this.#answered++;
    this.#latency.recordMs(this.#clock.monotonicMs() - dialledMs);
  }

  onDrain(): void {}

  onClosed(stream: Stream, error: Error | undefined): void {
    if ((stream.owner as number) >= 0) {
      const reason = (error as NodeJS.ErrnoException | undefined)?.code ?? 'closed without a word';
      this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1;
    }
    if (this.#running) this.#dial();
  }

  #dial(): void {
    const { host, port } = this.#options;
    const stream = this.#transport.dial({ host, port, ...this.#from.take() }, this);
    stream.owner = this.#clock.monotonicMs();
  }
}
