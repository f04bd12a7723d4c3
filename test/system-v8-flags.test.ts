/** Each role runs with the flags that its key names. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startSystem } from './support/system.ts';

test('gate and logic run with the flags of gate.v8Flags and logic.v8Flags, the others without', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-flags-'));
  // With these the engine writes a log of its own: who has one was started with them.
  const logTo = (role: string): string => `--prof --no-logfile-per-isolate --logfile=${join(folder, role)}-%p.log`;
  const system = await startSystem({ config: { 'gate.v8Flags': logTo('gate'), 'logic.v8Flags': logTo('logic') } });
  try {
    const { 'gate-1': gate, 'logic-1': logic } = system.pids;
    assert.deepEqual(readdirSync(folder).sort(), [`gate-${gate}.log`, `logic-${logic}.log`]);
  } finally {
    await system.stop();
    rmSync(folder, { recursive: true });
  }
});
