import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LongTurns } from '../src/gate/long-turns.ts';
import { Outbox } from '../src/net/outbox.ts';
import { FakeStream } from './support/fake-stream.ts';
import { ManualClock } from './support/manual-clock.ts';

/** A turn of the event loop in which time passes and no deferred task runs. */
class SlowTurn extends ManualClock {
  passedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.passedMs;
  }
}

function longTurns() {
  const clock = new SlowTurn();
  const outbox = new Outbox(clock);
  const turns = new LongTurns(clock, outbox, { flush: () => {} });
  const stream = new FakeStream();
  turns.event();
  outbox.append(stream, Buffer.from('frame'));
  return { clock, turns, stream };
}

test('in a turn that takes long, what was staged early leaves before its end', () => {
  const { clock, turns, stream } = longTurns();
  clock.passedMs = 20;
  turns.event();
  assert.deepEqual(stream.writes.map(String), ['frame']);
});

test('a turn of normal length is not cut in two', () => {
  const { clock, turns, stream } = longTurns();
  clock.passedMs = 19;
  turns.event();
  assert.deepEqual(stream.writes, []);
  clock.runDeferred();
  assert.equal(stream.writes.length, 1);
});
