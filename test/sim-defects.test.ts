/** The simulator is worth what it finds: a defect that is built in must show within a few seeds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mutation, StoreKind } from '../tools/sim/plan.ts';
import { isGood, type SimResult, simulate } from '../tools/sim/simulation.ts';

const SEEDS_MAX = 40;

async function firstFailure(mutation: Mutation, store: StoreKind): Promise<SimResult | undefined> {
  for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
    const result = await simulate({ seed, store, mutation });
    if (!isGood(result)) return result;
  }
  return undefined;
}

test('a store that acknowledges before it commits is found: messages are lost or places are used twice', async () => {
  const counts = (await firstFailure('early-ack', 'model'))?.report.counts;
  assert.ok(counts !== undefined && counts.lost + counts.seqReused + counts.idReused + counts.ackUnreceived > 0);
});

test('a store that forgets its dedupe rows in a crash is found: one clientMsgId becomes two messages', async () => {
  const counts = (await firstFailure('forgets-dedupe', 'model'))?.report.counts;
  assert.ok(counts !== undefined && counts.twoIds + counts.storedTwice > 0);
});

test('a disk that only says that it has synced is found', async () => {
  const failure = await firstFailure('lying-disk', 'embedded');
  assert.ok(failure !== undefined && (failure.report.counts.lost > 0 || failure.faults.length > 0));
});
