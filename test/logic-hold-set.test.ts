import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HELD_TARGETS_MAX, HoldSet } from '../src/logic/hold-set.ts';

test('a target is held for one session only, until it is released', () => {
  const holds = new HoldSet<object>();
  const [one, other] = [{}, {}];
  assert.equal(holds.hold(one, 'bob'), true);
  assert.equal(holds.has(one, 'bob'), true);
  assert.equal(holds.has(one, 'carol'), false);
  assert.equal(holds.has(other, 'bob'), false);
  holds.release(one, 'bob');
  assert.equal(holds.has(one, 'bob'), false);
  assert.equal(holds.size, 0);
});

test(`a session may hold ${HELD_TARGETS_MAX} targets, not one more, and the same one again`, () => {
  const holds = new HoldSet<object>();
  const session = {};
  for (let i = 0; i < HELD_TARGETS_MAX; i++) assert.equal(holds.hold(session, `u${i}`), true);
  assert.equal(holds.hold(session, 'one-more'), false);
  assert.equal(holds.hold(session, 'u0'), true);
});

test('what a session holds is freed with it', () => {
  const holds = new HoldSet<object>();
  const session = {};
  holds.hold(session, 'bob');
  holds.free(session);
  assert.equal(holds.size, 0);
  assert.equal(holds.has(session, 'bob'), false);
});
