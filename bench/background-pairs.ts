/** Live traffic beside another load: pairs at a low rate, whose latency shows what the others do to them. */
import { type Random, randomHex } from '../src/clock/random.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../src/config/apps.ts';
import type { DeliveryFaults } from './load/delivery-check.ts';
import { LatencyHistogram, type LatencyPercentiles } from './load/latency-histogram.ts';
import { LoadProcess } from './load/load-process.ts';
import type { MeasuredProcess } from './process-usage.ts';
import type { SluiceSystem } from './system-under-test.ts';

const PAIRS = 50;
const IN_FLIGHT = 8;
const RUN_ID_BYTES = 4;

export interface TrafficLap extends LatencyPercentiles {
  readonly delivered: number;
  readonly broken: string | undefined;
}

export class BackgroundPairs {
  readonly #load: LoadProcess = new LoadProcess();
  #delivered = 0;

  static async start(
    sluice: SluiceSystem,
    random: Random,
    perSecond: number,
    payloadBytes: number,
  ): Promise<BackgroundPairs> {
    const pairs = new BackgroundPairs();
    await pairs.#load.call('openPairs', {
      protocol: 'sluice',
      fanout: false,
      host: sluice.host,
      port: sluice.gatePort,
      app: DEVELOPMENT_APP_ID,
      secret: DEVELOPMENT_SECRET,
      pairs: PAIRS,
      firstPair: 0,
      inFlight: IN_FLIGHT,
      payloadBytes,
      runId: randomHex(random, RUN_ID_BYTES),
    });
    await pairs.#load.call('startPairs', perSecond);
    return pairs;
  }

  get processes(): MeasuredProcess[] {
    return [{ name: 'live', pid: this.#load.pid }];
  }

  /** What happened since the last call. */
  async lap(): Promise<TrafficLap> {
    const mark = await this.#load.call('markPairs');
    const histogram = await LatencyHistogram.merged([mark.latency]);
    const percentiles = histogram.percentiles();
    histogram.destroy();
    const delivered = mark.delivered - this.#delivered;
    this.#delivered = mark.delivered;
    return { ...percentiles, delivered, broken: mark.broken };
  }

  async finish(): Promise<DeliveryFaults> {
    return this.#load.call('finishPairs');
  }

  end(): void {
    this.#load.end();
  }
}
