/** The torture in short: every kind of fault once, while everybody sends. `npm run torture` is the long one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '../src/clock/clock.ts';
import { formatReport } from '../tools/history/report.ts';
import { CLIENT_FAULTS, type FaultName, SYSTEM_FAULTS } from '../tools/torture/fault-schedule.ts';
import { torture } from '../tools/torture/torture.ts';

const SEED = 7;

test('G1–G10: through every kind of fault nothing is lost, inverted or unexplained', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-torture-'));
  const faults = new Set<FaultName>([...SYSTEM_FAULTS, ...CLIENT_FAULTS]);
  const {
    report,
    problems,
    faults: happened,
  } = await torture({
    clock: new SystemClock(),
    seed: SEED,
    // One round.
    durationMs: 0,
    faults,
    gates: 2,
    users: 4,
    bots: 2,
    pauseMs: 200,
    folder,
    say: (text) => context.diagnostic(text),
  });
  context.diagnostic(formatReport(report));
  assert.ok(report.ok, `${formatReport(report)}\n(kept in ${folder})`);
  assert.deepEqual(problems, [], `kept in ${folder}`);
  assert.deepEqual(new Set(happened.keys()), faults);
  assert.ok(report.looked.stored > 1000, `${report.looked.stored} messages`);
  rmSync(folder, { recursive: true, force: true });
});
