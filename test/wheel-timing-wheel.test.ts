import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TimingWheel } from '../src/wheel/timing-wheel.ts';

const UNBOUNDED = Number.MAX_SAFE_INTEGER;

function wheelOf(
  options: { capacity?: number; tickMs?: number; buckets?: number; startMs?: number } = {},
): TimingWheel {
  return new TimingWheel({ capacity: 8, tickMs: 100, buckets: 4, startMs: 0, ...options });
}

/** Slots that are due at `nowMs`, in numeric order. */
function dueAt(wheel: TimingWheel, nowMs: number, budget = UNBOUNDED): number[] {
  const due: number[] = [];
  wheel.advance(nowMs, budget, (slot) => {
    due.push(slot);
    return 0;
  });
  return due.sort((a, b) => a - b);
}

test('the worked example of the header holds tick by tick', () => {
  const wheel = wheelOf();
  wheel.schedule(7, 100);
  wheel.schedule(4, 300);
  wheel.schedule(2, 500);
  const log: string[] = [];
  const answers = new Map([[7, 350]]);
  const step = (nowMs: number): void => {
    wheel.advance(nowMs, UNBOUNDED, (slot) => {
      log.push(`${nowMs}:${slot}`);
      const answer = answers.get(slot) ?? 0;
      answers.delete(slot);
      return answer;
    });
  };
  for (const nowMs of [99, 100, 200, 300, 399, 500]) step(nowMs);
  assert.deepEqual(log, ['100:7', '300:4', '500:7', '500:2']);
  assert.equal(wheel.size, 0);
});

for (const [name, ticks] of [
  ['max − 1', 3],
  ['max', 4],
  ['max + 1', 5],
  ['twice max', 8],
  ['twice max + 1', 9],
] as const) {
  test(`a deadline at one turn of the wheel, ${name}, fires at its own tick and not before`, () => {
    for (const startTick of [0, 1, 3, 4]) {
      const wheel = wheelOf();
      dueAt(wheel, startTick * 100);
      const deadlineMs = (startTick + ticks) * 100;
      wheel.schedule(0, deadlineMs);
      for (let nowMs = startTick * 100; nowMs < deadlineMs; nowMs += 50) assert.deepEqual(dueAt(wheel, nowMs), []);
      assert.deepEqual(dueAt(wheel, deadlineMs - 0.25), []);
      assert.deepEqual(dueAt(wheel, deadlineMs), [0]);
    }
  });
}

for (const jump of [3, 4, 5, 7, 8, 9, 16, 17, 1_000_000]) {
  test(`a jump of ${jump} ticks fires everything that is due and nothing else`, () => {
    const wheel = wheelOf({ capacity: 40 });
    for (let slot = 0; slot < 40; slot += 1) wheel.schedule(slot, slot * 100);
    const due = dueAt(wheel, jump * 100);
    assert.deepEqual(
      due,
      Array.from({ length: Math.min(40, jump + 1) }, (_, slot) => slot),
    );
    assert.equal(wheel.size, 40 - due.length);
  });
}

test('a deadline in the past is due at the next tick', () => {
  const wheel = wheelOf();
  dueAt(wheel, 1_000);
  wheel.schedule(1, 5);
  assert.deepEqual(dueAt(wheel, 1_000), []);
  assert.deepEqual(dueAt(wheel, 1_100), [1]);
});

test('moving a slot to an earlier deadline takes effect at the earlier one', () => {
  const wheel = wheelOf();
  wheel.schedule(3, 5_000);
  wheel.schedule(3, 200);
  assert.equal(wheel.size, 1);
  assert.deepEqual(dueAt(wheel, 200), [3]);
  assert.deepEqual(dueAt(wheel, 6_000), []);
});

test('an answer that is not later than now is due again at the next tick, not in the same call', () => {
  const wheel = wheelOf();
  wheel.schedule(0, 100);
  let calls = 0;
  const onDue = (): number => {
    calls += 1;
    return 1;
  };
  wheel.advance(1_000, UNBOUNDED, onDue);
  assert.equal(calls, 1);
  wheel.advance(1_100, UNBOUNDED, onDue);
  assert.equal(calls, 2);
});

test('onDue may cancel a slot that is due in the same bucket', () => {
  const wheel = wheelOf();
  wheel.schedule(0, 100);
  wheel.schedule(1, 100);
  const due: number[] = [];
  wheel.advance(100, UNBOUNDED, (slot) => {
    due.push(slot);
    wheel.cancel(1 - slot);
    return -1;
  });
  assert.equal(due.length, 1);
  assert.equal(wheel.size, 0);
});

test('growing keeps every deadline, also in the middle of a bucket', () => {
  const wheel = wheelOf({ capacity: 4 });
  for (let slot = 0; slot < 4; slot += 1) wheel.schedule(slot, 100);
  assert.equal(dueAt(wheel, 100, 2).length, 2);
  wheel.grow(16);
  wheel.schedule(15, 200);
  assert.equal(dueAt(wheel, 200).length, 3);
  assert.throws(() => wheel.schedule(16, 200), RangeError);
});

test('no call looks at more slots than its budget, and the rest is served by the next calls', () => {
  const wheel = wheelOf({ capacity: 1_000 });
  for (let slot = 0; slot < 1_000; slot += 1) wheel.schedule(slot, 100 + (slot % 3) * 100);
  const seen = new Set<number>();
  for (let call = 0; call < 10; call += 1) {
    const due = dueAt(wheel, 300, 100);
    assert.equal(due.length, 100);
    for (const slot of due) seen.add(slot);
    assert.equal(wheel.behind, call < 9);
  }
  assert.equal(seen.size, 1_000);
});

test('a bucket that is always busy does not starve the others when time jumps by whole turns', () => {
  const wheel = wheelOf({ capacity: 64 });
  // 60 slots re-file themselves into one bucket for ever; slot 63 waits in another.
  for (let slot = 0; slot < 60; slot += 1) wheel.schedule(slot, 400);
  wheel.schedule(63, 600);
  let nowMs = 400;
  let reached = -1;
  for (let call = 0; call < 60 && reached < 0; call += 1) {
    wheel.advance(nowMs, 4, (slot) => {
      if (slot !== 63) return nowMs + 4_000 - (nowMs % 400);
      reached = call;
      return 0;
    });
    nowMs += 800;
  }
  assert.ok(reached >= 0 && reached <= (2 * 61) / 4 + 2, `reached at call ${reached}`);
});

type Step =
  | { readonly kind: 'schedule'; readonly slot: number; readonly inMs: number }
  | { readonly kind: 'cancel'; readonly slot: number }
  | { readonly kind: 'advance'; readonly byMs: number; readonly budget: number }
  | { readonly kind: 'grow' };

const SLOTS = 24;
const TICK_MS = 10;

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('schedule' as const),
      slot: fc.nat(SLOTS - 1),
      inMs: fc.oneof(fc.nat(60), fc.nat(400), fc.nat(100_000)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), slot: fc.nat(SLOTS - 1) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      byMs: fc.oneof(fc.nat(15), fc.nat(300), fc.nat(1_000_000)),
      budget: fc.oneof(fc.constant(UNBOUNDED), fc.integer({ min: 1, max: 6 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grow' as const) }) },
);

/** Deadline per slot, and how often a due slot asks for a later one, by slot number. */
class NaiveDeadlines {
  readonly deadlineMs = new Map<number, number>();

  /** Slots with a deadline at or before `atMs`, earliest first. */
  dueBy(atMs: number): number[] {
    return [...this.deadlineMs]
      .filter(([, ms]) => ms <= atMs)
      .sort((a, b) => a[1] - b[1])
      .map(([slot]) => slot);
  }
}

function runAgainstNaive(startMs: number, steps: readonly Step[]): void {
  const wheel = wheelOf({ capacity: SLOTS, tickMs: TICK_MS, buckets: 4, startMs });
  const naive = new NaiveDeadlines();
  let nowMs = startMs;
  const advance = (budget: number): void => {
    const dueBefore = naive.deadlineMs.size;
    let calls = 0;
    wheel.advance(nowMs, budget, (slot) => {
      calls += 1;
      const deadlineMs = naive.deadlineMs.get(slot);
      assert.ok(deadlineMs !== undefined, `slot ${slot} fired without a deadline`);
      assert.ok(deadlineMs <= nowMs, `slot ${slot} fired ${deadlineMs - nowMs} ms early`);
      // Every third slot asks for more time, as a connection does that has received frames.
      if (slot % 3 === 0 && (deadlineMs + slot) % 2 === 0) {
        naive.deadlineMs.set(slot, nowMs + 7 + slot * 11);
        return nowMs + 7 + slot * 11;
      }
      naive.deadlineMs.delete(slot);
      return slot % 2 === 0 ? 0 : -1;
    });
    assert.ok(calls <= Math.min(budget, dueBefore), 'more calls than budget or slots');
  };
  for (const step of steps) {
    if (step.kind === 'schedule') {
      wheel.schedule(step.slot, nowMs + step.inMs);
      naive.deadlineMs.set(step.slot, nowMs + step.inMs);
    } else if (step.kind === 'cancel') {
      wheel.cancel(step.slot);
      naive.deadlineMs.delete(step.slot);
    } else if (step.kind === 'grow') {
      wheel.grow(wheel.capacity + 8);
    } else {
      nowMs += step.byMs;
      advance(step.budget);
      if (!wheel.behind) assert.deepEqual(naive.dueBy(nowMs - TICK_MS), [], 'late by more than a tick');
    }
    assert.equal(wheel.size, naive.deadlineMs.size);
  }
  // Whatever budgets have put off is served in a bounded number of further calls.
  for (let call = 0; call < 2 * SLOTS + 2 && wheel.behind; call += 1) advance(1);
  assert.equal(wheel.behind, false);
  assert.deepEqual(naive.dueBy(nowMs - TICK_MS), []);
}

test('the wheel fires what a naive sorted list fires: never early, at most one tick late, nothing lost', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.array(stepArbitrary, { minLength: 1, maxLength: 120 }), runAgainstNaive),
    { numRuns: 1_500, seed: 20_240_101 },
  );
});
