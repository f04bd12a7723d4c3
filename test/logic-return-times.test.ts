import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReturnTimes } from '../src/logic/return-times.ts';
import { SeededRandom } from './support/seeded-random.ts';

const JITTER_MIN = 0.75;
const JITTER_MAX = 1.25;
const QUEUE_MS_MAX = 2000;

/** Serves at a rate for a second while logins wait. */
function measured(perSecond: number): ReturnTimes {
  const times = new ReturnTimes(new SeededRandom(1), QUEUE_MS_MAX);
  for (let i = 0; i <= perSecond; i++) times.served(1, (i * 1000) / perSecond);
  return times;
}

test('refused logins return behind those that wait, at the rate at which logins are served', () => {
  const times = measured(5000);
  const waits = Array.from({ length: 5000 }, () => times.waitMs(7500, 1000));
  assert.ok((waits[0] as number) >= 1500 * JITTER_MIN && (waits[0] as number) <= 1500.2 * JITTER_MAX);
  assert.ok((waits.at(-1) as number) >= 2500 * JITTER_MIN && (waits.at(-1) as number) <= 2500 * JITTER_MAX);
});

test('however many wait, a refused login waits no longer for them than they do', () => {
  assert.ok(measured(1000).waitMs(16_000, 1000) <= (QUEUE_MS_MAX + 1) * JITTER_MAX);
});

test('refused logins do not return in one piece, and none later than after 30 s', () => {
  const times = measured(1000);
  const waits = Array.from({ length: 100_000 }, () => times.waitMs(16_000, 1000));
  const bySecond = new Uint32Array(31);
  for (const wait of waits) bySecond[Math.floor(wait / 1000)]!++;
  assert.ok(Math.min(...waits) >= QUEUE_MS_MAX * JITTER_MIN);
  assert.ok(Math.max(...waits) <= 30_000);
  assert.ok(Math.max(...bySecond) < waits.length / 10);
});

test('the less a server serves, the rarer it lets refused logins return', () => {
  const stuck = new ReturnTimes(new SeededRandom(1), QUEUE_MS_MAX);
  const spread = (nowMs: number): number => {
    const waits = Array.from({ length: 1000 }, () => stuck.waitMs(1000, nowMs));
    return Math.max(...waits) - Math.min(...waits);
  };
  const before = spread(0);
  for (let nowMs = 10_000; nowMs < 30_000; nowMs += 1000) stuck.served(1, nowMs);
  assert.ok(spread(30_000) > 5 * before);
});
