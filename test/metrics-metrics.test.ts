import assert from 'node:assert/strict';
import { test } from 'node:test';
import { register } from 'prom-client';
import { aggregate } from '../src/metrics/aggregate.ts';
import { type MetricJson, Metrics, SERIES_MAX } from '../src/metrics/metrics.ts';

/** Through JSON, as between processes. */
async function exported(metrics: Metrics): Promise<MetricJson[]> {
  return JSON.parse(JSON.stringify(await metrics.metricsAsJson())) as MetricJson[];
}

function seriesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('counters and gauges are read from plain fields when asked', async () => {
  const metrics = new Metrics();
  const state = { frames: 1, connections: 5 };
  metrics.counterFrom('frames_total', 'Frames.', () => state.frames);
  metrics.gaugeFrom('connections', 'Connections.', () => state.connections);
  await exported(metrics);
  state.frames = 7;
  state.connections = 2;
  assert.deepEqual(seriesOf(await aggregate([await exported(metrics)])), ['frames_total 7', 'connections 2']);
});

test('several processes are added up by name and label', async () => {
  const processes = [1, 2].map((factor) => {
    const metrics = new Metrics();
    metrics.counterFrom('frames_total', 'Frames.', () => factor * 10);
    metrics.labelledCounterFrom(
      'closes_total',
      'Closes.',
      'reason',
      () =>
        new Map([
          ['IDLE', factor],
          ['KICKED', 1],
        ]),
    );
    metrics.labelledGaugeFrom('sessions', 'Sessions.', 'app', () => [['shop', factor]]);
    metrics.histogram('commit_ms', 'Commits.', [1, 10]).observe(factor * 4);
    return metrics;
  });
  const text = await aggregate(await Promise.all(processes.map(exported)));
  const series = seriesOf(text);
  for (const line of [
    'frames_total 30',
    'closes_total{reason="IDLE"} 3',
    'closes_total{reason="KICKED"} 2',
    'sessions{app="shop"} 3',
    'commit_ms_bucket{le="10"} 2',
    'commit_ms_count 2',
  ]) {
    assert.ok(series.includes(line), `${line} in\n${text}`);
  }
});

test('process metrics keep role and index of their process', async () => {
  const processes = ['gate', 'logic'].map((role, index) => {
    const metrics = new Metrics();
    metrics.processMetrics(role, index);
    return metrics;
  });
  const text = await aggregate(await Promise.all(processes.map(exported)));
  assert.match(text, /process_resident_memory_bytes\{role="gate",index="0"\} \d+/);
  assert.match(text, /process_start_time_seconds\{role="logic",index="1"\} \d+/);
});

test('T19: 100,000 label values give no more series than the cap, and no count is lost', async () => {
  const metrics = new Metrics();
  metrics.counterFrom('frames_total', 'Frames.', () => 1);
  const values = Array.from({ length: 100_000 }, (_, i): [string, number] => [`app-${i}`, 1]);
  metrics.labelledCounterFrom('logins_total', 'Logins.', 'app', () => values);
  for (let scrape = 0; scrape < 2; scrape++) {
    const series = seriesOf(await aggregate([await exported(metrics)]));
    assert.equal(series.length, SERIES_MAX);
    const sum = series
      .filter((line) => line.startsWith('logins'))
      .reduce((total, line) => total + Number(line.split(' ')[1]), 0);
    assert.equal(sum, 100_000);
  }
});

test('T19: labels that name users, addresses or messages are refused', () => {
  const metrics = new Metrics();
  for (const label of ['uid', 'ip', 'messageId', 'deviceId']) {
    assert.throws(() => metrics.labelledCounterFrom('x_total', 'X.', label, () => []), /has no bound/);
  }
});

test('nothing goes into the library’s global registry', async () => {
  const metrics = new Metrics();
  metrics.counterFrom('frames_total', 'Frames.', () => 1);
  metrics.processMetrics('gate', 0);
  assert.deepEqual(await register.getMetricsAsJSON(), []);
});
