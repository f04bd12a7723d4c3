import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReceiveCursor } from '../src/client/receive-cursor.ts';

function cursorAfter(seq: number): ReceiveCursor {
  const cursor = new ReceiveCursor();
  cursor.reset(1, seq);
  return cursor;
}

test('the next seq is delivered, an earlier one is a duplicate, a later one shows a gap', () => {
  const cursor = cursorAfter(4);
  assert.equal(cursor.offer(5, false), 'deliver');
  assert.equal(cursor.offer(5, false), 'duplicate');
  assert.equal(cursor.offer(7, false), 'gap');
  assert.equal(cursor.received, 5);
});

test('only what the application has taken counts as taken', () => {
  const cursor = cursorAfter(0);
  cursor.offer(1, false);
  cursor.offer(2, false);
  assert.equal(cursor.taken, 0);
  assert.equal(cursor.takenNext, 1);
  cursor.take(1);
  assert.equal(cursor.taken, 1);
  assert.throws(() => cursor.take(3), /out of order/);
});

test('an own copy behind a hole is folded in when the hole closes', () => {
  const cursor = cursorAfter(0);
  cursor.holdOwn(3);
  cursor.holdOwn(2);
  assert.equal(cursor.received, 0);
  assert.equal(cursor.offer(3, true), 'duplicate');
  assert.equal(cursor.offer(1, false), 'deliver');
  assert.equal(cursor.received, 3);
  assert.equal(cursor.taken, 0);
  cursor.take(1);
  assert.equal(cursor.taken, 3);
});

test('skipping over trimmed seqs tells which are lost and folds what was held beyond', () => {
  const cursor = cursorAfter(2);
  cursor.holdOwn(7);
  assert.deepEqual(cursor.skipTo(6), { from: 3, to: 6 });
  assert.equal(cursor.received, 7);
  assert.equal(cursor.skipTo(5), undefined);
});

/** The model keeps sets and computes everything from scratch. */
class NaiveTimeline {
  readonly own = new Set<number>();
  readonly delivered: number[] = [];
  readonly taken = new Set<number>();

  held(seq: number): boolean {
    return this.own.has(seq) || this.delivered.includes(seq);
  }

  contiguous(isHeld: (seq: number) => boolean): number {
    let seq = 0;
    while (isHeld(seq + 1)) seq += 1;
    return seq;
  }
}

test('under pushes, pages, own copies, duplicates and reorders it agrees with a naive model', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), seq: fc.integer({ min: 1, max: 30 }), own: fc.boolean() }),
    fc.record({ kind: fc.constant('next' as const), own: fc.boolean() }),
    fc.record({ kind: fc.constant('own' as const), seq: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ kind: fc.constant('page' as const), size: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant('take' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const cursor = cursorAfter(0);
      const model = new NaiveTimeline();
      const offer = (seq: number, own: boolean): void => {
        const wasHeld = model.held(seq);
        const next = model.contiguous((each) => model.held(each)) + 1;
        const expected = wasHeld ? 'duplicate' : seq !== next ? 'gap' : own ? 'own' : 'deliver';
        assert.equal(cursor.offer(seq, own), expected);
        if (expected === 'own') model.own.add(seq);
        if (expected === 'deliver') model.delivered.push(seq);
      };
      for (const each of steps) {
        if (each.kind === 'push') offer(each.seq, each.own);
        if (each.kind === 'next') offer(cursor.received + 1, each.own);
        if (each.kind === 'own') {
          cursor.holdOwn(each.seq);
          if (!model.held(each.seq)) model.own.add(each.seq);
        }
        if (each.kind === 'page') {
          const after = cursor.taken;
          for (let seq = after + 1; seq <= after + each.size; seq += 1) offer(seq, false);
        }
        if (each.kind === 'take' && cursor.oldestPending > 0) {
          model.taken.add(cursor.oldestPending);
          cursor.take(cursor.oldestPending);
        }
        assert.equal(
          cursor.received,
          model.contiguous((seq) => model.held(seq)),
        );
        assert.equal(
          cursor.taken,
          model.contiguous((seq) => model.own.has(seq) || model.taken.has(seq)),
        );
        assert.equal(cursor.pending, model.delivered.length - model.taken.size);
        assert.deepEqual(
          model.delivered,
          model.delivered.toSorted((a, b) => a - b),
        );
      }
    }),
    { numRuns: 500, seed: 20260101 },
  );
});
