/** When a batch of the trunk leaves: at the end of the tick, or after the interval while frames come densely. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeEmpty } from '../src/trunk/trunk-frames.ts';
import { TrunkLink } from '../src/trunk/trunk-link.ts';
import { TrunkCommand } from '../src/trunk/trunk-protocol.ts';
import { FakeStream } from './support/fake-stream.ts';
import { ManualClock } from './support/manual-clock.ts';

const INTERVAL_MS = 2;

function start(flushIntervalMs: number): { clock: ManualClock; stream: FakeStream; frames: (count: number) => void } {
  const clock = new ManualClock();
  const stream = new FakeStream();
  const owner = { onFrame: () => true, onLinkClosed: () => {} };
  const link = new TrunkLink(stream, clock, { heartbeatMs: 2000, heartbeatMisses: 3, flushIntervalMs }, owner);
  const frames = (count: number): void => {
    for (let i = 0; i < count; i++) {
      writeEmpty(link.writer, TrunkCommand.Pong);
      link.touch();
    }
  };
  return { clock, stream, frames };
}

test('frames that come one at a time leave at the end of their tick', () => {
  const { clock, stream, frames } = start(INTERVAL_MS);
  for (let tick = 1; tick <= 5; tick++) {
    frames(1);
    clock.advance(0);
    assert.equal(stream.writes.length, tick);
  }
});

test('after a batch of several frames the next batch waits for the interval and takes all that came meanwhile', () => {
  const { clock, stream, frames } = start(INTERVAL_MS);
  frames(3);
  clock.advance(0);
  assert.equal(stream.writes.length, 1);
  for (let tick = 0; tick < 4; tick++) {
    frames(1);
    clock.advance(0);
  }
  assert.equal(stream.writes.length, 1);
  clock.advance(INTERVAL_MS);
  assert.equal(stream.writes.length, 2);
  assert.equal(stream.writes[1]?.length, 4 * ((stream.writes[0]?.length ?? 0) / 3));
});

test('after a pause a dense link sends at once again', () => {
  const { clock, stream, frames } = start(INTERVAL_MS);
  frames(3);
  clock.advance(10);
  frames(2);
  clock.advance(0);
  assert.equal(stream.writes.length, 2);
});

test('without an interval every tick sends what it has', () => {
  const { clock, stream, frames } = start(0);
  for (let tick = 1; tick <= 3; tick++) {
    frames(5);
    clock.advance(0);
    assert.equal(stream.writes.length, tick);
  }
});
