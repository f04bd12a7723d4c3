/** Few bytes are copied by a loop, many by the runtime; nobody can tell which. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asBuffer, copyBytes } from '../src/net/bytes.ts';

test('bytes are copied to their place and nowhere else, however many they are', () => {
  const source = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 7) & 0xff));
  for (const count of [0, 1, 63, 64, 65, 200]) {
    const target = Buffer.alloc(300, 0xee);
    copyBytes(source, 5, 5 + count, target, 11);
    assert.deepEqual(target.subarray(11, 11 + count), source.subarray(5, 5 + count));
    assert.ok([...target.subarray(0, 11), ...target.subarray(11 + count)].every((byte) => byte === 0xee));
  }
});

test('a Buffer stays what it is; other bytes are seen in place', () => {
  const buffer = Buffer.alloc(8);
  assert.equal(asBuffer(buffer), buffer);
  const plain = new Uint8Array(8).subarray(2, 6);
  const seen = asBuffer(plain);
  seen[0] = 9;
  assert.deepEqual([seen.length, plain[0]], [4, 9]);
});
