/** The promises about what must happen in the end: when the faults stop, everything comes to rest in bounded time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeeds, stuck } from './support/sim-runs.ts';

const FIRST_SEED = 10_001;
const SEEDS_EACH = 30;

for (const store of ['model', 'embedded'] as const) {
  test(`G2, G9 on ${store}: after the faults every send settles, every reader catches up and acknowledges`, async () => {
    assert.deepEqual(stuck(await runSeeds(store, FIRST_SEED, SEEDS_EACH)), []);
  });
}
