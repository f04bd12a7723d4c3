import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Durability } from '../src/model/durability.ts';
import { NodeDisk } from '../src/store/embedded/node-disk.ts';
import { AppendStatus } from '../src/store/store.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { append, cursor, login } from './support/store-driver.ts';

const SMALL = { segmentBytesMax: 4096 };
const HOUR_MS = 3_600_000;

async function filled(commits: number, options = {}): Promise<FaultDisk> {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, { ...SMALL, ...options }).open();
  for (let i = 0; i < commits; i++) await driver.run(append({ to: 'bob', id: `m${i}`, text: 'x'.repeat(300) }));
  await driver.close();
  return disk;
}

function segmentsOf(files: Map<string, Buffer>): string[] {
  return [...files.keys()].filter((path) => path.startsWith('log/')).sort();
}

test('a missing segment is refused with its name, wherever it was', async () => {
  const files = (await filled(60)).files();
  for (const path of segmentsOf(files)) {
    const rest = new Map(files);
    rest.delete(path);
    const driver = embeddedDriver(FaultDisk.fromFiles(rest), SMALL);
    await assert.rejects(
      driver.open(),
      (error: Error) => error.name === 'StoreOpenError' && error.message.includes(path),
    );
  }
});

test('data without store.meta, an unknown segment, and swapped segments are refused and left alone (nats-server#7556)', async () => {
  const files = (await filled(60)).files();
  const [first, second] = segmentsOf(files) as [string, string];
  const withoutMeta = new Map(files);
  withoutMeta.delete('store.meta');
  const swapped = new Map(files).set(first, files.get(second)!).set(second, files.get(first)!);
  const unknown = new Map(files).set('log/00000000000777.seg', files.get(second)!);
  for (const broken of [withoutMeta, swapped, unknown]) {
    const disk = FaultDisk.fromFiles(broken);
    await assert.rejects(embeddedDriver(disk, SMALL).open(), { name: 'StoreOpenError' });
    assert.deepEqual([...disk.files().keys()].sort(), [...broken.keys()].sort());
  }
});

test('a second opener is refused while the first is open', async () => {
  const disk = new FaultDisk();
  const first = await embeddedDriver(disk).open();
  await assert.rejects(embeddedDriver(disk).open(), /another process/);
  await first.close();
  await (await embeddedDriver(disk).open()).close();
});

test('epochs stay after a clean stop and after a kill at level disk, and rise after a kill at level os (G5)', async () => {
  const disk = new FaultDisk();
  const os = { durability: Durability.Os };
  const driver = await embeddedDriver(disk).open();
  await driver.run(append({ to: 'bob', id: 'a' }));
  const afterKill = await embeddedDriver(FaultDisk.fromFiles(disk.files()), os).open();
  assert.equal((await afterKill.page('bob')).epoch, 1);
  await afterKill.close();
  await driver.close();
  const atOs = FaultDisk.fromFiles(disk.files());
  const second = await embeddedDriver(atOs, os).open();
  assert.equal((await second.runOne(append({ to: 'bob', id: 'b' }))).epoch, 1);
  const risen = await embeddedDriver(FaultDisk.fromFiles(atOs.files())).open();
  const page = await risen.page('bob');
  assert.deepEqual([page.epoch, page.head], [2, 2]);
  assert.equal((await risen.page('nobody')).epoch, 2);
  await risen.close();
});

test('a torn tail is cut and every epoch rises', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk).open();
  await driver.run(append({ to: 'bob', id: 'a' }));
  await driver.run(append({ to: 'bob', id: 'b' }));
  const files = disk.files();
  const [path] = segmentsOf(files) as [string];
  files.set(path, files.get(path)!.subarray(0, -20));
  const cut = await embeddedDriver(FaultDisk.fromFiles(files)).open();
  const page = await cut.page('bob');
  assert.deepEqual([page.epoch, page.head, page.messages.length], [2, 1, 1]);
  assert.equal((await cut.runOne(append({ to: 'bob', id: 'b' }))).status, AppendStatus.Stored);
  await cut.close();
});

test('segments below all floors go; users, cursors, generations and dedupe rows in the window stay', async () => {
  const disk = new FaultDisk();
  const options = { ...SMALL, retention: () => ({ ageMs: 1000 * HOUR_MS, countMax: 5 }) };
  const driver = await embeddedDriver(disk, options).open();
  const quiet = await driver.runOne(append({ to: 'quiet', id: 'q' }));
  const first = await driver.runOne(login({ device: 'd', user: 'quiet' }));
  await driver.run(cursor('quiet', 'd', 1));
  for (let i = 0; i < 5; i++) await driver.run(append({ to: 'quiet', id: `q${i}` }));
  const sent = await driver.runOne(append({ to: 'bob', id: 'm' }));
  for (let i = 0; i < 100; i++) {
    await driver.run(append({ to: 'bob', id: `m${i}`, text: 'x'.repeat(300) }));
    if (i % 10 === 0) await driver.run(append({ to: 'quiet', id: `r${i}` }));
    await driver.clock.advanceAsync(1000, 500);
  }
  await driver.clock.advanceAsync(60_000, 500);
  assert.ok(segmentsOf(disk.files()).length <= 7, `${segmentsOf(disk.files()).length} segments are left`);
  await driver.close();
  const again = await embeddedDriver(disk, options, driver.clock).open();
  const page = await again.page('quiet');
  assert.deepEqual([page.floor, page.head, page.messages.length], [12, 16, 5]);
  assert.equal((await again.timeline('bob')).length, 5);
  const retry = await again.runOne(append({ to: 'bob', id: 'm' }));
  assert.deepEqual([retry.status, retry.messageId], [AppendStatus.Duplicate, sent.messageId]);
  assert.equal((await again.runOne(append({ to: 'quiet', id: 'q' }))).messageId, quiet.messageId);
  const back = await again.runOne(login({ device: 'd', user: 'quiet' }));
  assert.deepEqual([back.cursor, back.generation > first.generation], [1, true]);
  await again.close();
});

test('old messages come from the disk, fresh ones from memory, and both are the same', async () => {
  const disk = await filled(200, { segmentBytesMax: 16_384 });
  const driver = await embeddedDriver(disk, { ...SMALL, tailBytesMax: 1 }).open();
  await driver.run(append({ to: 'bob', id: 'big', text: 'y'.repeat(3_000_000) }), append({ to: 'bob', id: 'last' }));
  const messages = await driver.timeline('bob');
  assert.equal(messages.length, 202);
  assert.equal(messages[200]?.payload.length, 3_000_000);
  await driver.close();
});

test('the same store works on a real directory, and its lock is released with it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-store-'));
  try {
    const open = () => embeddedDriver(new NodeDisk(directory), SMALL);
    // Real input and output does not follow the manual clock: wait for it in real turns of the event loop.
    const driver = open();
    await driver.store.open(driver);
    await assert.rejects(open().store.open(driver), /another process/);
    driver.store.submit(append({ to: 'bob', id: 'a', copy: true }));
    driver.clock.runDeferred();
    await driver.store.close();
    assert.equal(driver.reported.length, 1);
    const again = open();
    await again.store.open(again);
    const page = await again.store.readTimeline('demo' as never, 'bob' as never, 0 as never, 10, 1000);
    assert.equal(page.messages.length, 1);
    await again.store.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
