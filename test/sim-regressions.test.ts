/** Runs that have failed, each with what went wrong in it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatReport } from '../tools/history/report.ts';
import type { StoreKind } from '../tools/sim/plan.ts';
import { isGood, simulate } from '../tools/sim/simulation.ts';

const FAILED: readonly { readonly seed: number; readonly store: StoreKind; readonly wrong: string }[] = [
  {
    seed: 5,
    store: 'model',
    wrong: 'what an earlier run of a program left unsent waited for a reconnect instead of the login',
  },
  {
    seed: 3,
    store: 'embedded',
    wrong: 'an own copy held ahead of a page could not be acknowledged: the gate closed with PROTOCOL_ERROR',
  },
  {
    seed: 20650,
    store: 'embedded',
    wrong:
      'a RESYNC that repeated the epoch made the gate forget what it had pushed since: the next ACK ended the session',
  },
  {
    seed: 6,
    store: 'embedded',
    wrong: 'a RESYNC that repeated the epoch made the gate forget own copies that the client went on holding',
  },
];

for (const { seed, store, wrong } of FAILED) {
  test(`seed ${seed} on ${store}: ${wrong}`, async () => {
    const result = await simulate({ seed, store });
    assert.ok(isGood(result), [formatReport(result.report), ...result.faults, ...result.stuck].join('\n'));
  });
}
