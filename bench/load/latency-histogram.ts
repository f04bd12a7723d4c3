/** HDR histograms of microseconds, in WebAssembly: 20 ns a value, three significant digits, up to ten minutes. */
import * as hdr from 'hdr-histogram-js';

const HIGHEST_MICROS = 600_000_000;

export interface LatencyPercentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly count: number;
}

export class LatencyHistogram {
  readonly #histogram: hdr.Histogram;

  private constructor(histogram: hdr.Histogram) {
    this.#histogram = histogram;
  }

  static async create(): Promise<LatencyHistogram> {
    await hdr.initWebAssembly();
    return new LatencyHistogram(
      hdr.build({ useWebAssembly: true, bitBucketSize: 64, highestTrackableValue: HIGHEST_MICROS }),
    );
  }

  /** Merges histograms as `encode` wrote them. */
  static async merged(encoded: readonly string[]): Promise<LatencyHistogram> {
    const merged = await LatencyHistogram.create();
    for (const text of encoded) {
      const part = hdr.decodeFromCompressedBase64(text, 64, true);
      merged.#histogram.add(part);
      part.destroy();
    }
    return merged;
  }

  recordMs(ms: number): void {
    const micros = Math.round(ms * 1000);
    this.#histogram.recordValue(Math.min(Math.max(micros, 1), HIGHEST_MICROS));
  }

  reset(): void {
    this.#histogram.reset();
  }

  encode(): string {
    return hdr.encodeIntoCompressedBase64(this.#histogram);
  }

  /** In milliseconds. */
  percentiles(): LatencyPercentiles {
    const at = (percentile: number): number => this.#histogram.getValueAtPercentile(percentile) / 1000;
    return { p50: at(50), p99: at(99), p999: at(99.9), max: at(100), count: this.#histogram.totalCount };
  }

  /** (percentile, milliseconds) pairs for a plot, denser towards the end. */
  curve(): [number, number][] {
    const points: [number, number][] = [];
    for (let tail = 1; tail >= 1e-5; tail /= 1.25) {
      const percentile = 100 * (1 - tail);
      points.push([percentile, this.#histogram.getValueAtPercentile(percentile) / 1000]);
    }
    return points;
  }

  destroy(): void {
    this.#histogram.destroy();
  }
}
