import { AggregatorRegistry } from 'prom-client';
import type { MetricJson } from './metrics.ts';

/** The content type of `aggregate`'s text. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The metrics of several processes as one Prometheus text: same name and labels are added up. */
export function aggregate(processes: readonly (readonly MetricJson[])[]): Promise<string> {
  return AggregatorRegistry.aggregate(processes.map((metrics) => [...metrics])).metrics();
}
