import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IdentifierTable } from '../src/logic/identifier-table.ts';

const ALPHABET = 'ABab019._:@-'.split('');
const identifier = fc
  .array(fc.constantFrom(...ALPHABET), { minLength: 1, maxLength: 64 })
  .map((units) => units.join(''));

/** Looks the text up at an odd place between other bytes. */
function find(table: IdentifierTable, text: string): string | undefined {
  const bytes = Buffer.from(`.....${text}.....`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return table.find(view, 5, 5 + Buffer.byteLength(text));
}

test('an identifier is found as what was added last in its place, any other text not at all', () => {
  fc.assert(
    fc.property(fc.array(identifier, { maxLength: 50 }), fc.array(identifier, { maxLength: 50 }), (added, others) => {
      const table = new IdentifierTable();
      for (const text of added) {
        table.add(text);
        assert.equal(find(table, text), text);
      }
      for (const text of others) {
        const found = find(table, text);
        assert.ok(found === undefined || (found === text && added.includes(text)));
      }
    }),
  );
});

test('neither a beginning nor a continuation of an identifier is taken for it', () => {
  const table = new IdentifierTable();
  for (let length = 1; length <= 64; length++) {
    table.add('a'.repeat(length));
    assert.equal(find(table, `${'a'.repeat(length)}\0`), undefined);
    assert.equal(find(table, `${'a'.repeat(length - 1)}\0`), undefined);
  }
  assert.equal(find(table, ''), undefined);
  assert.equal(find(table, 'a'.repeat(65)), undefined);
});

test('ten thousand identifiers keep the newest of each place', () => {
  const table = new IdentifierTable();
  const names = Array.from({ length: 10_000 }, (_, i) => `user-${i}`);
  for (const name of names) table.add(name);
  const found = names.filter((name) => find(table, name) === name);
  assert.ok(found.length > 3000, `${found.length} are found`);
  assert.equal(find(table, names.at(-1) as string), names.at(-1));
});
