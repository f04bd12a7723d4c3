import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from '../tools/sim/simulation.ts';

for (const store of ['model', 'embedded'] as const) {
  test(`the same seed gives the same run on ${store}, event by event and byte by byte`, async () => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const first = await simulate({ seed, store });
      const second = await simulate({ seed, store });
      assert.deepEqual([second.hash, second.events, second.report], [first.hash, first.events, first.report]);
    }
  });
}

test('another seed gives another run, and watching one does not change it', async () => {
  const first = await simulate({ seed: 7, store: 'mixed' });
  const watched = await simulate({ seed: 7, store: 'mixed', keepsTrace: true });
  const other = await simulate({ seed: 8, store: 'mixed' });
  assert.equal(watched.hash, first.hash);
  assert.ok(watched.trace.length > 100);
  assert.notEqual(other.hash, first.hash);
});
