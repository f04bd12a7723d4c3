/** The promises about what must never happen, in worlds where everything breaks. One set of runs serves all tests. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { SimResult } from '../tools/sim/simulation.ts';
import { faults, runSeeds, violations } from './support/sim-runs.ts';

const SEEDS_EACH = 60;
const results: SimResult[] = [];

before(async () => {
  results.push(...(await runSeeds('model', 1, SEEDS_EACH)), ...(await runSeeds('embedded', 1, SEEDS_EACH)));
});

test('G1, G2: what was acknowledged comes to every reader that is not told of its loss', () => {
  assert.deepEqual(violations(results, 'lost', 'ownCopy'), []);
});

test('G2: an application is given each message once, also across crashes of its program', () => {
  assert.deepEqual(violations(results, 'duplicate'), []);
});

test('G3: one clientMsgId is one message, however often and by whatever way it is tried', () => {
  assert.deepEqual(violations(results, 'twoIds', 'storedTwice', 'idReused'), []);
});

test("G4: every timeline has one order, and a sender's order to a target is kept, retries included", () => {
  assert.deepEqual(violations(results, 'inversion', 'twoSeqs'), []);
});

test('G5: an (epoch, seq) names one message for ever, also after crashes and power loss', () => {
  assert.deepEqual(violations(results, 'seqReused'), []);
});

test('G6: no seq is left out without a gap or a resync that says so', () => {
  assert.deepEqual(violations(results, 'hole', 'ackUnreceived'), []);
});

test('nobody receives what nobody sent to them', () => {
  assert.deepEqual(violations(results, 'phantom', 'crossApp'), []);
});

test('G8: whoever is online is current, whoever was stopped has a successor, and no process meets an unhandled error', () => {
  assert.deepEqual(faults(results), []);
});

test('the runs were rough: sends of unknown outcome, resyncs, gaps and repetitions on the wire', () => {
  const sum = (count: (result: SimResult) => number): number => results.reduce((total, one) => total + count(one), 0);
  assert.ok(sum(({ report }) => report.looked.stored) > 50 * results.length);
  assert.ok(sum(({ report }) => report.looked.unknown) > 5 * results.length);
  assert.ok(sum(({ report }) => report.looked.received - report.looked.delivered) > results.length);
  assert.ok(sum(({ report }) => report.looked.resyncs) > 0);
  assert.ok(sum(({ report }) => report.looked.gaps) > 0);
  assert.ok(sum(({ plan }) => plan.faults.size) > 2 * results.length);
});
