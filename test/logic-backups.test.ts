import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backups } from '../src/logic/backups.ts';
import { MessagePackWriter } from '../src/protocol/index.ts';
import { readBackedUp, readBackup, writeBackedUp, writeBackup } from '../src/trunk/admin-frames.ts';
import type { TrunkLink } from '../src/trunk/trunk-link.ts';
import { testLogger } from './support/test-logger.ts';

const HEADER_BYTES = 8;
const MADE = { storeId: 'abc', segments: 3, bytes: 1e12 };

/** The frame that was written, without its header. */
function bodyOf(writer: MessagePackWriter): [bytes: Buffer, start: number, end: number] {
  const bytes = writer.copy();
  return [bytes, HEADER_BYTES, bytes.length];
}

function fakeLink(): { writer: MessagePackWriter; closed: boolean; touch(): void } {
  return { writer: new MessagePackWriter(), closed: false, touch: () => {} };
}

test('the frames of a backup are read as they were written; a cut one is none', () => {
  const writer = new MessagePackWriter();
  writeBackup(writer, 7, { directory: '/backups/today' });
  assert.deepEqual(readBackup(...bodyOf(writer)), { directory: '/backups/today' });
  writer.reset();
  writeBackedUp(writer, 7, { error: '', ...MADE });
  const [bytes, start, end] = bodyOf(writer);
  assert.deepEqual(readBackedUp(bytes, start, end), { error: '', ...MADE });
  for (let cut = start; cut < end; cut++) assert.equal(readBackedUp(bytes, start, cut), undefined);
});

test('a backup is answered with what was made, or with why not', async () => {
  for (const [make, expected] of [
    [async () => MADE, { error: '', ...MADE }],
    [() => Promise.reject(new Error('full')), { error: 'full', storeId: '', segments: 0, bytes: 0 }],
    [undefined, { error: 'this store is backed up with tools of its own', storeId: '', segments: 0, bytes: 0 }],
  ] as const) {
    const link = fakeLink();
    await new Backups(make, testLogger()).handle(link as unknown as TrunkLink, 7, { directory: '/backups' });
    assert.deepEqual(readBackedUp(...bodyOf(link.writer)), expected);
  }
});

test('nobody is answered whose link has ended meanwhile', async () => {
  const link = { ...fakeLink(), closed: true };
  await new Backups(async () => MADE, testLogger()).handle(link as unknown as TrunkLink, 7, { directory: '/backups' });
  assert.equal(link.writer.position, 0);
});
