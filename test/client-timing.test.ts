import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AckBatcher } from '../src/client/ack-batcher.ts';
import { Heartbeat } from '../src/client/heartbeat.ts';
import { KnownIds } from '../src/client/known-ids.ts';
import { ReconnectPolicy, reactionTo } from '../src/client/reconnect-policy.ts';
import type { Random } from '../src/clock/random.ts';
import { CloseReason } from '../src/protocol/index.ts';
import { ManualClock } from './support/manual-clock.ts';

function always(fraction: number): Random {
  return { fraction: () => fraction, bytes: (length) => new Uint8Array(length) };
}

test('every close reason range asks for its own reaction, an unclassified one for a reconnect', () => {
  assert.equal(reactionTo(CloseReason.Shutdown), 'reconnect');
  assert.equal(reactionTo(CloseReason.Busy), 'wait');
  assert.equal(reactionTo(CloseReason.CredentialExpired), 'reauthenticate');
  assert.equal(reactionTo(CloseReason.Replaced), 'stop');
  assert.equal(reactionTo(0), 'reconnect');
  assert.equal(reactionTo(250), 'reconnect');
});

test('the range of the delay doubles up to a minute', () => {
  const policy = new ReconnectPolicy(always(0.5));
  const delays = Array.from({ length: 8 }, () => policy.delayMs('reconnect', 0, 0));
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('the range is taken back only after 30 s online', () => {
  const policy = new ReconnectPolicy(always(0.5));
  policy.delayMs('reconnect', 0, 0);
  policy.online(1000);
  assert.equal(policy.delayMs('reconnect', 0, 30_999), 1000);
  policy.online(40_000);
  assert.equal(policy.delayMs('reconnect', 0, 70_000), 500);
});

test('a wait is never shorter than a second nor than the server asked for', () => {
  const policy = new ReconnectPolicy(always(0));
  assert.equal(policy.delayMs('wait', 0, 0), 1000);
  assert.equal(policy.delayMs('wait', 7000, 0), 7000);
  assert.equal(policy.delayMs('reconnect', 3000, 0), 3000);
});

test('acknowledgements leave within 50 ms or at half the window', () => {
  const clock = new ManualClock();
  let flushes = 0;
  const batcher = new AckBatcher(clock, () => {
    flushes += 1;
  });
  batcher.setWindow(8, 1000);
  batcher.note(10);
  batcher.note(10);
  clock.advance(49);
  assert.equal(flushes, 0);
  clock.advance(1);
  assert.equal(flushes, 1);
  for (let message = 0; message < 4; message += 1) batcher.note(10);
  assert.equal(flushes, 2);
  batcher.note(500);
  assert.equal(flushes, 3);
  batcher.note(1);
  batcher.clear();
  clock.advance(1000);
  assert.equal(flushes, 3);
});

test('the first heartbeat comes after a random part of the interval, the others within 20 % of it', () => {
  const clock = new ManualClock();
  const beats: number[] = [];
  const heartbeat = new Heartbeat(
    clock,
    always(0.25),
    () => {
      beats.push(clock.monotonicMs());
      heartbeat.sign();
    },
    () => assert.fail('it lives'),
  );
  heartbeat.start(1000);
  clock.advance(2500);
  assert.deepEqual(beats, [250, 1150, 2050]);
  heartbeat.stop();
  assert.equal(clock.pendingTimers, 0);
});

test('silence of 1.5 intervals is a loss, told once', () => {
  const clock = new ManualClock();
  const losses: number[] = [];
  const heartbeat = new Heartbeat(
    clock,
    always(0.5),
    () => {},
    () => losses.push(clock.monotonicMs()),
  );
  heartbeat.start(1000);
  clock.advance(700);
  heartbeat.sign();
  clock.advance(10_000);
  assert.deepEqual(losses, [2200]);
  assert.equal(clock.pendingTimers, 0);
});

test('known ids forget the oldest first', () => {
  const ids = new KnownIds<number>(3, [1, 2, 3]);
  ids.add(1);
  ids.add(4);
  assert.deepEqual(ids.list(), [3, 1, 4]);
  assert.equal(ids.has(2), false);
});
