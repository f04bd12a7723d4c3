/** The commands that show the delivery promises, each in short. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FileRecorder } from '../../tools/history/recorder.ts';

const TOOLS = fileURLToPath(new URL('../../tools/', import.meta.url));
const VERDICT = '0 lost, 0 inverted, 0 unexplained';

/** Runs a tool until it ends; answers its exit code and what it printed. */
async function run(tool: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(TOOLS, tool), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const collect = (text: string): void => {
    output += text;
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

test('npm run sim -- --seeds 20 finds nothing', async () => {
  const { code, output } = await run('sim/main.js', '--seeds', '20');
  assert.equal(code, 0, output);
  assert.match(output, /^20 seeds, 0 failed/m);
});

test('npm run torture ends with the verdict of the checker', async () => {
  const faults = 'logic-kill,gate-kill,client-kill,reset,black-hole';
  const { code, output } = await run('torture/main.js', '--minutes', '0.1', '--seed', '3', '--faults', faults);
  assert.equal(code, 0, output);
  assert.ok(output.trimEnd().endsWith(VERDICT), output);
  for (const fault of faults.split(',')) assert.match(output, new RegExp(`^faults: .*${fault} \\d`, 'm'));
});

test('the checker exits 1 on a history with a loss, 0 without, 2 on files that are no history', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-histories-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, receives: boolean): string => {
    const path = join(folder, name);
    const recorder = new FileRecorder(path, name);
    const started = { type: 'clientStarted', run: 1, app: 'demo' } as const;
    const sent = { client: 'a', target: 'bob', clientMsgId: '1' };
    recorder.record({ ...started, client: 'a', application: 'a', uid: 'alice', device: 'a' });
    recorder.record({ ...started, client: 'b', application: 'b', uid: 'bob', device: 'b' });
    recorder.record({ type: 'sessionStarted', client: 'b', epoch: 1, floor: 1, head: 0, after: 0 });
    recorder.record({ type: 'sendStarted', ...sent, bodyHash: 5, order: 1, kind: 0 });
    const place = { messageId: 9, dup: false, serverTimeMs: 1, ownEpoch: 0, ownSeq: 0 };
    recorder.record({ type: 'sendStored', ...sent, ...place });
    const message = { messageId: 9, from: 'alice', to: 'bob', kind: 0, clientMsgId: '', bodyHash: 5 };
    const receipt = { client: 'b', epoch: 1, seq: 1 };
    if (receives) {
      recorder.record({ type: 'received', ...receipt, ...message });
      recorder.record({ type: 'delivered', ...receipt, messageId: 9 });
    }
    recorder.record({ type: 'reachedEnd', client: 'b', epoch: 1, seq: receives ? 1 : 0 });
    recorder.close();
    return path;
  };
  const good = await run('history/check.js', write('good', true));
  assert.deepEqual([good.code, good.output.trimEnd().split('\n').at(-1)], [0, VERDICT], good.output);
  const bad = await run('history/check.js', write('bad', false));
  assert.equal(bad.code, 1);
  assert.match(bad.output, /^1 lost, 0 inverted/m);
  assert.equal((await run('history/check.js', join(folder, 'missing'))).code, 2);
});
