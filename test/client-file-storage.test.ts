import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FileStorage } from '../src/client/file-storage.ts';
import { MemoryStorage } from '../src/client/memory-storage.ts';
import type { ClientState, ClientStorage, GateList } from '../src/client/storage.ts';

const OWNER = 'demo/alice/phone1';

function temporaryFile(context: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'sluice-client-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  return join(folder, 'state');
}

async function fill(storage: ClientStorage): Promise<void> {
  await storage.load(OWNER);
  await storage.saveSession({ generation: 7, ticket: 'next' });
  await storage.addUnsent({ clientMsgId: 'a', to: 'bob', payload: Buffer.from([0, 255, 1]) });
  await storage.addUnsent({ clientMsgId: 'b', to: 'carol', payload: Buffer.from('two') });
  await storage.removeUnsent('a', 900);
  await storage.saveCursor({ epoch: 2, seq: 5 }, 901);
  await storage.saveGates?.(GATES);
}

const GATES: GateList = {
  gates: ['gate1.example.org:7400'],
  backoff: { baseMs: 500, maxMs: 30_000 },
  etag: '"one"',
  fetchedAtMs: 1_700_000_000_000,
  ttlMs: 300_000,
};

const FILLED: ClientState = {
  cursor: { epoch: 2, seq: 5 },
  session: { generation: 7, ticket: 'next' },
  unsent: [{ clientMsgId: 'b', to: 'carol', payload: Buffer.from('two') }],
  knownMessageIds: [900, 901],
  sentIds: ['a', 'b'],
  gates: GATES,
};

test('both storages give back what was saved', async (context) => {
  const path = temporaryFile(context);
  const memory = new MemoryStorage();
  await fill(memory);
  assert.deepEqual(await memory.load(OWNER), FILLED);
  const file = new FileStorage(path);
  assert.equal(await file.load(OWNER), undefined);
  await fill(file);
  await file.close();
  assert.deepEqual(await new FileStorage(path).load(OWNER), FILLED);
});

test('a file cut at any byte opens with a prefix of the changes', async (context) => {
  const path = temporaryFile(context);
  const storage = new FileStorage(path);
  await fill(storage);
  await storage.close();
  const content = fs.readFileSync(path);
  for (let length = 0; length <= content.length; length += 1) {
    fs.writeFileSync(path, content.subarray(0, length));
    const cut = new FileStorage(path);
    const state = await cut.load(OWNER);
    const whole = content.subarray(0, length).toString().split('\n').length - 1;
    assert.equal(state === undefined, whole < 1);
    assert.equal(state?.session?.generation, whole >= 2 ? 7 : undefined);
    assert.equal(state?.unsent.length, whole < 1 ? undefined : [0, 0, 0, 1, 2, 1, 1, 1][whole]);
    await cut.saveCursor({ epoch: 9, seq: 9 });
    await cut.close();
    const again = new FileStorage(path);
    assert.deepEqual((await again.load(OWNER))?.cursor, { epoch: 9, seq: 9 });
    await again.close();
  }
});

test('damage before the end is refused, never skipped', async (context) => {
  const path = temporaryFile(context);
  const storage = new FileStorage(path);
  await fill(storage);
  await storage.close();
  const content = fs.readFileSync(path);
  content[60] = (content[60] as number) ^ 1;
  fs.writeFileSync(path, content);
  await assert.rejects(new FileStorage(path).load(OWNER), /damaged at byte/);
  await assert.rejects(new FileStorage(path).load(OWNER), /damaged at byte/);
});

test('a long file is rewritten to its content', async (context) => {
  const path = temporaryFile(context);
  const storage = new FileStorage(path, { rewriteBytesMin: 2000 });
  await fill(storage);
  for (let seq = 6; seq <= 2000; seq += 1) await storage.saveCursor({ epoch: 2, seq });
  assert.ok(fs.statSync(path).size < 4000);
  await storage.close();
  const again = new FileStorage(path);
  assert.deepEqual(await again.load(OWNER), { ...FILLED, cursor: { epoch: 2, seq: 2000 } });
  await again.close();
});

test('a file has one user at a time, and a dead one does not keep it', async (context) => {
  const path = temporaryFile(context);
  const first = new FileStorage(path);
  await first.load(OWNER);
  await assert.rejects(new FileStorage(path).load(OWNER), /in use by process/);
  await first.close();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  for (const holder of [`${dead}`, `${dead}:1`, `${process.pid}:1`, 'nonsense']) {
    fs.writeFileSync(`${path}.lock`, holder);
    const next = new FileStorage(path);
    await next.load(OWNER);
    await next.close();
  }
  assert.deepEqual(fs.readdirSync(join(path, '..')), ['state']);
});

test("another user's state is refused", async (context) => {
  const path = temporaryFile(context);
  const storage = new FileStorage(path);
  await storage.load(OWNER);
  await storage.close();
  const other = new FileStorage(path);
  await assert.rejects(other.load('demo/bob/phone1'), /belongs to demo\/alice/);
  await other.load(OWNER);
  await other.close();
});
