import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InFlightSizes } from '../src/gate/in-flight-sizes.ts';

const SLOTS = 3;

const steps = fc.array(
  fc.tuple(
    fc.constantFrom('add', 'add', 'add', 'release', 'forget'),
    fc.nat(SLOTS - 1),
    fc.integer({ min: 1, max: 12 }),
  ),
  { maxLength: 200 },
);

test('any run of pushes and acknowledgements agrees with a list per connection', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 8 }), (run, capacity) => {
      const sizes = new InFlightSizes(capacity);
      const model: { seq: number; bytes: number }[][] = Array.from({ length: SLOTS }, () => []);
      const lastSeq = Array.from({ length: SLOTS }, () => 0);
      for (const [step, slot, amount] of run) {
        const list = model[slot] as { seq: number; bytes: number }[];
        if (step === 'add') {
          lastSeq[slot] = (lastSeq[slot] as number) + amount;
          const seq = lastSeq[slot] as number;
          const newest = list.at(-1);
          // A full ring takes the new bytes into its newest entry.
          if (list.length === capacity && newest !== undefined) {
            newest.seq = seq;
            newest.bytes += amount;
          } else list.push({ seq, bytes: amount });
          sizes.add(slot, seq, amount);
        } else if (step === 'release') {
          const seq = (lastSeq[slot] as number) - amount;
          while (list.length > 0 && (list[0]?.seq as number) <= seq) list.shift();
          sizes.release(slot, seq);
        } else {
          list.length = 0;
          sizes.forget(slot);
        }
        for (let each = 0; each < SLOTS; each++) {
          assert.equal(
            sizes.bytes(each),
            model[each]?.reduce((sum, entry) => sum + entry.bytes, 0),
          );
        }
      }
    }),
  );
});

test('bytes are never given back early: what is in flight is at most too much, never too little', () => {
  const sizes = new InFlightSizes(2);
  for (const seq of [1, 2, 3, 4]) sizes.add(0, seq, 100);
  sizes.release(0, 1);
  assert.equal(sizes.bytes(0), 300);
  sizes.release(0, 3);
  assert.equal(sizes.bytes(0), 300);
  sizes.release(0, 4);
  assert.equal(sizes.bytes(0), 0);
});
