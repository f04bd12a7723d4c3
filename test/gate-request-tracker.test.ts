/** Rings of requests and of bytes in flight, and slow consumers, against models that are too simple to be wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldState, RequestTracker } from '../src/gate/request-tracker.ts';

const SLOTS = 3;
const CAPACITY = 4;

type Step = readonly ['begin' | 'end' | 'take' | 'abandon' | 'forget', slot: number, requestId: number];

const steps = fc.array(
  fc.tuple(
    fc.constantFrom('begin', 'begin', 'begin', 'end', 'take', 'abandon', 'forget'),
    fc.nat(SLOTS - 1),
    fc.integer({ min: 1, max: 6 }),
  ) as fc.Arbitrary<Step>,
  { maxLength: 200 },
);

test('any run of requests agrees with a list per connection', () => {
  fc.assert(
    fc.property(steps, (run) => {
      const tracker = new RequestTracker(CAPACITY);
      const model: { id: number; isSend: boolean }[][] = Array.from({ length: SLOTS }, () => []);
      for (const [step, slot, id] of run) {
        const list = model[slot] as { id: number; isSend: boolean }[];
        const isSend = id % 2 === 0;
        if (step === 'begin') {
          assert.equal(tracker.begin(slot, id, isSend), list.length < CAPACITY);
          if (list.length < CAPACITY) list.push({ id, isSend });
        } else if (step === 'end') {
          tracker.end(slot, id);
          const at = list.findIndex((one) => one.id === id);
          if (at >= 0) list.splice(at, 1);
        } else if (step === 'take') {
          assert.equal(tracker.takeOldest(slot), list.shift()?.id ?? 0);
        } else if (step === 'abandon') {
          const abandoned: { id: number; isSend: boolean }[] = [];
          tracker.abandon(slot, (abandonedId, wasSend) => abandoned.push({ id: abandonedId, isSend: wasSend }));
          assert.deepEqual(abandoned, list.splice(0));
        } else {
          tracker.forget(slot);
          list.length = 0;
        }
        for (let each = 0; each < SLOTS; each++) assert.equal(tracker.inFlight(each), model[each]?.length);
      }
    }),
  );
});

test('a connection that ends while its requests are abandoned does not share a ring with the next two', () => {
  const tracker = new RequestTracker(CAPACITY);
  for (const id of [1, 2, 3]) tracker.begin(0, id, true);
  const abandoned: number[] = [];
  tracker.abandon(0, (id) => {
    abandoned.push(id);
    tracker.forget(0);
  });
  assert.deepEqual(abandoned, [1, 2, 3]);
  tracker.begin(1, 10, true);
  tracker.begin(2, 20, true);
  assert.equal(tracker.takeOldest(1), 10);
  assert.equal(tracker.takeOldest(2), 20);
});

test('a hold lets restarted targets through, counts them, and a new hold forgets them', () => {
  const tracker = new RequestTracker(CAPACITY);
  assert.equal(tracker.check(0, 'bob', false), HoldState.Free);
  tracker.hold(0);
  assert.equal(tracker.check(0, 'bob', false), HoldState.Held);
  assert.equal(tracker.check(0, 'bob', true), HoldState.Free);
  assert.equal(tracker.check(0, 'bob', false), HoldState.Free);
  assert.equal(tracker.check(0, 'carol', false), HoldState.Held);
  tracker.hold(0);
  assert.equal(tracker.check(0, 'bob', false), HoldState.Held);
  tracker.forget(0);
  assert.equal(tracker.check(0, 'bob', false), HoldState.Free);
  assert.equal(tracker.heldConnections, 0);
});
