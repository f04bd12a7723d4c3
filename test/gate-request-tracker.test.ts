/** Rings of requests and of bytes in flight, and slow consumers, against models that are too simple to be wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldState, NO_REQUEST, NO_TAG, RequestTracker } from '../src/gate/request-tracker.ts';

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

interface Requested {
  readonly id: number;
  readonly tag: number;
  readonly isSend: boolean;
  readonly partition: number;
}

test('any run of requests agrees with a list per connection', () => {
  fc.assert(
    fc.property(steps, (run) => {
      const tracker = new RequestTracker(CAPACITY);
      const model: Requested[][] = Array.from({ length: SLOTS }, () => []);
      for (const [step, slot, id] of run) {
        const list = model[slot] as Requested[];
        const isSend = id % 2 === 0;
        const partition = id % 3;
        if (step === 'begin') {
          const tag = tracker.begin(slot, id, isSend, partition);
          assert.equal(tag !== NO_TAG, list.length < CAPACITY);
          if (tag !== NO_TAG) list.push({ id, tag, isSend, partition });
        } else if (step === 'end') {
          const at = list.findIndex((one) => one.id === id);
          const [ended] = at < 0 ? [] : list.splice(at, 1);
          assert.equal(tracker.isSend(slot, ended?.tag ?? NO_TAG), ended?.isSend ?? false);
          assert.equal(tracker.end(slot, ended?.tag ?? NO_TAG), ended?.id ?? NO_REQUEST);
        } else if (step === 'take') {
          assert.equal(tracker.takeOldest(slot), list.shift()?.id ?? 0);
        } else if (step === 'abandon') {
          const abandoned: object[] = [];
          tracker.abandon(
            slot,
            (gone) => gone === partition,
            (requestId, wasSend) => abandoned.push({ requestId, wasSend }),
          );
          const gone = list.filter((one) => one.partition === partition);
          assert.deepEqual(
            abandoned,
            gone.map((one) => ({ requestId: one.id, wasSend: one.isSend })),
          );
          list.splice(0, list.length, ...list.filter((one) => one.partition !== partition));
        } else {
          tracker.forget(slot);
          list.length = 0;
        }
        for (let each = 0; each < SLOTS; each++) assert.equal(tracker.inFlight(each), model[each]?.length);
      }
    }),
  );
});

test('a late answer to a request that was given up is not taken for the next one with its requestId', () => {
  const tracker = new RequestTracker(CAPACITY);
  const first = tracker.begin(0, 7, true, 1);
  tracker.abandon(
    0,
    () => true,
    () => {},
  );
  const second = tracker.begin(0, 7, true, 2);
  assert.equal(tracker.end(0, first), NO_REQUEST);
  assert.equal(tracker.end(0, second), 7);
});

test('a connection that ends while its requests are abandoned does not share a ring with the next two', () => {
  const tracker = new RequestTracker(CAPACITY);
  for (const id of [1, 2, 3]) tracker.begin(0, id, true, 0);
  const abandoned: number[] = [];
  tracker.abandon(
    0,
    () => true,
    (id) => {
      abandoned.push(id);
      tracker.forget(0);
    },
  );
  assert.deepEqual(abandoned, [1, 2, 3]);
  tracker.begin(1, 10, true, 0);
  tracker.begin(2, 20, true, 0);
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
