import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DedupeKey } from '../src/store/embedded/dedupe-key.ts';
import { DedupeTable } from '../src/store/embedded/dedupe-table.ts';

const HOUR_MS = 3_600_000;
const WINDOW_MS = 48 * HOUR_MS;
const START_MS = 1_790_000_000_000;

test('the table answers like a map under any inserts, removals and sweeps', () => {
  const step = fc.record({
    key: fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 60 })),
    action: fc.constantFrom('insert', 'insert', 'insert', 'remove', 'sweep'),
    messageId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new DedupeTable(WINDOW_MS);
      table.setTime(START_MS);
      const model = new Map<string, number>();
      for (const { key, action, messageId } of steps) {
        const [high, low] = key;
        const key0 = (high << 22) | (low & 7);
        const name = `${key0} ${low}`;
        if (action === 'sweep') table.sweep(1024);
        else if (action === 'remove') {
          table.remove(key0, low, 5);
          model.delete(name);
        } else if (!model.has(name)) {
          assert.equal(table.find(key0, low, 5), false);
          table.insert(key0, low, 5, low * 3, messageId, START_MS);
          model.set(name, messageId);
        }
        if (model.has(name)) {
          assert.ok(table.find(key0, low, 5));
          assert.deepEqual([table.messageId, table.bodyHash], [model.get(name), low * 3]);
        }
      }
    }),
  );
});

test('100,000 rows are found, and none of 100,000 others; memory is at most 64 bytes a row', () => {
  const table = new DedupeTable(WINDOW_MS);
  table.setTime(START_MS);
  const key = new DedupeKey(Uint32Array.of(1, 2, 3, 4));
  for (let i = 0; i < 200_000; i++) {
    key.compute(i % 100, i % 7, `message-${i}`);
    assert.equal(table.find(key.key0, key.key1, key.key2), false);
    if (i < 100_000) table.insert(key.key0, key.key1, key.key2, i, i + 1, START_MS);
  }
  for (let i = 0; i < 100_000; i++) {
    key.compute(i % 100, i % 7, `message-${i}`);
    assert.ok(table.find(key.key0, key.key1, key.key2));
    assert.deepEqual([table.bodyHash, table.messageId], [i, i + 1]);
  }
  assert.ok(table.bytes / 100_000 <= 64, `${table.bytes / 100_000}`);
});

test('rows live through the window and an hour more, then a sweep frees their memory', () => {
  const table = new DedupeTable(WINDOW_MS);
  table.setTime(START_MS);
  for (let i = 1; i <= 50_000; i++) table.insert(Math.imul(i, 0x9e3779b1), i, i, i, i, START_MS);
  const full = table.bytes;
  table.setTime(START_MS + WINDOW_MS + HOUR_MS);
  assert.ok(table.find(Math.imul(1, 0x9e3779b1), 1, 1));
  table.setTime(START_MS - HOUR_MS);
  assert.ok(table.find(Math.imul(1, 0x9e3779b1), 1, 1));
  table.setTime(START_MS + WINDOW_MS + 20 * HOUR_MS);
  assert.equal(table.find(Math.imul(1, 0x9e3779b1), 1, 1), false);
  table.sweep(1024);
  assert.ok(table.bytes < full / 2);
});

test('keys of different targets, senders, ids and secrets differ', () => {
  const seen = new Set<string>();
  const keys = [new DedupeKey(Uint32Array.of(1, 2, 3, 4)), new DedupeKey(Uint32Array.of(1, 2, 3, 5))];
  const ids = ['', 'a', 'b', 'ab', 'ba', 'a\0', 'abc', 'ü', 'message-1', 'message-2'];
  for (const key of keys) {
    for (let target = 0; target < 20; target++) {
      for (let sender = 0; sender < 20; sender++) {
        for (const id of ids) {
          key.compute(target, sender, id);
          seen.add(`${key.key0} ${key.key1} ${key.key2}`);
        }
      }
    }
  }
  assert.equal(seen.size, 2 * 20 * 20 * ids.length);
});
