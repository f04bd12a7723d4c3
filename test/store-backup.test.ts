/** Backups and restores: a consistent prefix up to the committed mark, online; never an old (epoch, seq) again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EmbeddedStore } from '../src/store/embedded/embedded-store.ts';
import { fsck } from '../src/store/embedded/fsck.ts';
import { FsckVerdict } from '../src/store/embedded/fsck-report.ts';
import { NodeDisk } from '../src/store/embedded/node-disk.ts';
import { restore } from '../src/store/embedded/restore.ts';
import {
  backupDirectory,
  describeReport,
  fsckDirectory,
  restoreDirectory,
} from '../src/store/embedded/store-commands.ts';
import { AppendStatus } from '../src/store/store.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { append, login, type StoreDriver, textOf, WALL_START_MS } from './support/store-driver.ts';

const SMALL = { segmentBytesMax: 8192 };
const HOUR_MS = 3_600_000;

async function filled(commits: number, disk = new FaultDisk()): Promise<{ disk: FaultDisk; driver: StoreDriver }> {
  const driver = await embeddedDriver(disk, SMALL).open();
  for (let i = 0; i < commits; i++) {
    await driver.run(append({ to: `u${i % 3}`, id: `m${i}`, text: `${i} ${'x'.repeat(200)}`, copy: true }));
  }
  return { disk, driver };
}

const backupOf = (driver: StoreDriver, target: FaultDisk) =>
  driver.finish((driver.store as EmbeddedStore).backup(target));

async function textsOf(driver: StoreDriver, user: string): Promise<string[]> {
  return (await driver.timeline(user)).map(textOf);
}

async function backedUp(): Promise<{ files: Map<string, Buffer>; texts: string[] }> {
  const { driver } = await filled(90);
  await driver.run(login({ device: 'd', user: 'u0' }));
  const target = new FaultDisk();
  await backupOf(driver, target);
  const texts = await textsOf(driver, 'u0');
  await driver.close();
  return { files: target.files(), texts };
}

test('a backup of a running store holds everything that was committed, and the store goes on', async () => {
  const { driver } = await filled(90);
  const target = new FaultDisk();
  const texts = await textsOf(driver, 'alice');
  const result = await backupOf(driver, target);
  assert.ok(result.segments > 3);
  await driver.run(append({ to: 'u0', id: 'later' }));
  assert.equal((await fsck(target)).verdict, FsckVerdict.Intact);
  const copy = await embeddedDriver(target, SMALL).open();
  assert.deepEqual(await textsOf(copy, 'alice'), texts);
  await copy.close();
  await driver.close();
});

test('a backup made while commits are under way ends at the committed mark: nothing in it was unacknowledged', async () => {
  const { disk, driver } = await filled(20);
  let release: () => void = () => undefined;
  disk.plan.beforeSync = () => new Promise((resolve) => (release = resolve));
  driver.store.submit(append({ to: 'u0', id: 'under-way' }));
  await driver.clock.advanceAsync(5);
  const target = new FaultDisk();
  await backupOf(driver, target);
  assert.equal((await fsck(target)).kept.messages, 20);
  delete disk.plan.beforeSync;
  release();
  await driver.close();
  assert.equal(driver.reported.length, 21);
});

test('segments that retention deletes during a backup are in it nevertheless', async () => {
  const options = { ...SMALL, retention: () => ({ ageMs: 1000 * HOUR_MS, countMax: 2 }) };
  const driver = await embeddedDriver(new FaultDisk(), options).open();
  for (let i = 0; i < 90; i++) await driver.run(append({ to: 'bob', id: `m${i}`, text: 'x'.repeat(300) }));
  const target = new FaultDisk();
  target.plan.beforeSync = () => driver.clock.advanceAsync(3000, 500);
  await backupOf(driver, target);
  delete target.plan.beforeSync;
  assert.equal((await fsck(target)).verdict, FsckVerdict.Intact);
  await driver.close();
});

test('a backup refuses a directory that is not empty, a second one at once, and ends when the store closes', async () => {
  const { disk, driver } = await filled(30);
  await assert.rejects(backupOf(driver, disk), { name: 'BackupError' });
  const target = new FaultDisk();
  const store = driver.store as EmbeddedStore;
  let closed: Promise<void> | undefined;
  target.plan.beforeSync = async () => {
    closed ??= store.close();
  };
  const first = store.backup(target);
  await assert.rejects(store.backup(new FaultDisk()), /already/);
  await assert.rejects(driver.finish(first), /closing/);
  await driver.finish(closed!);
  assert.equal(target.files().has('store.meta'), false);
  await assert.rejects(embeddedDriver(target).open(), { name: 'StoreOpenError' });
});

test('a restored store has everything, a higher generation, and epochs above all that the old one gives out (G5, G6)', async () => {
  const { files, texts } = await backedUp();
  const target = new FaultDisk();
  target.place = 'there';
  const result = await restore(FaultDisk.fromFiles(files), target, WALL_START_MS);
  assert.equal(result.generation, 2);
  const driver = await embeddedDriver(target, SMALL).open();
  const page = await driver.page('u0');
  assert.deepEqual([page.epoch, page.head], [result.epochMax, texts.length]);
  assert.ok(result.epochMax > 1_000_000);
  assert.deepEqual(await textsOf(driver, 'u0'), texts);
  const retry = await driver.runOne(append({ to: 'u0', id: 'm0', text: `0 ${'x'.repeat(200)}` }));
  assert.equal(retry.status, AppendStatus.Duplicate);
  await driver.close();
});

test('two restores of one backup, at different times, share no epoch (G5)', async () => {
  const { files } = await backedUp();
  const first = await restore(FaultDisk.fromFiles(files), new FaultDisk(), WALL_START_MS);
  const second = await restore(FaultDisk.fromFiles(files), new FaultDisk(), WALL_START_MS + 60_000);
  assert.ok(second.epochMax > first.epochMax + 50);
});

test('a restore refuses a directory that is not empty and leaves it alone', async () => {
  const { files } = await backedUp();
  const { disk, driver } = await filled(3);
  await driver.close();
  const before = disk.files();
  await assert.rejects(restore(FaultDisk.fromFiles(files), disk, WALL_START_MS), /not empty/);
  assert.deepEqual(disk.files(), before);
});

test('each of 300 single-bit flips in a backup is found by fsck and refused by restore, and nothing is written (G11)', async () => {
  const { files } = await backedUp();
  const random = new SeededRandom(31);
  const paths = [...files.keys()];
  for (let i = 0; i < 300; i++) {
    const path = paths[random.below(paths.length)]!;
    const bytes = Buffer.from(files.get(path)!);
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    const damaged = new Map(files).set(path, bytes);
    const report = await fsck(FaultDisk.fromFiles(damaged));
    assert.ok(report.verdict === FsckVerdict.Damaged || report.verdict === FsckVerdict.Lost, `flip ${i} of ${path}`);
    assert.ok(report.findings.length > 0);
    const target = new FaultDisk();
    await assert.rejects(restore(FaultDisk.fromFiles(damaged), target, WALL_START_MS), { name: 'BackupError' });
    assert.equal(target.files().size, 0);
  }
});

test('a copied directory opens with everything and with epochs of its own; the original keeps its epochs (G5)', async () => {
  const { disk, driver } = await filled(30);
  const running = disk.files();
  await driver.close();
  for (const files of [running, disk.files()]) {
    const copy = FaultDisk.fromFiles(files);
    copy.place = 'copy';
    const copied = await embeddedDriver(copy, SMALL).open();
    assert.equal((await copied.timeline('alice')).length, 30);
    assert.ok((await copied.page('u0')).epoch > 1_000_000);
    await copied.close();
    const again = await embeddedDriver(copy, SMALL).open();
    assert.equal((await again.page('u0')).epoch, (await copied.page('u0')).epoch);
    await again.close();
  }
  const original = await embeddedDriver(disk, SMALL).open();
  assert.equal((await original.page('u0')).epoch, 1);
  await original.close();
});

test('a copy whose files are from different moments opens at a prefix or is refused with a clear message', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, SMALL).open();
  const moments: Map<string, Buffer>[] = [];
  for (let i = 0; i < 40; i++) {
    moments.push(disk.files());
    await driver.run(append({ to: 'bob', id: `m${i}`, text: `${i} ${'x'.repeat(400)}` }));
  }
  const texts = await textsOf(driver, 'bob');
  await driver.close();
  const random = new SeededRandom(5);
  let opened = 0;
  for (let i = 0; i < 300; i++) {
    const files = new Map<string, Buffer>();
    for (const path of moments.at(-1)!.keys()) {
      const bytes = moments[random.below(moments.length)]!.get(path);
      if (bytes !== undefined) files.set(path, bytes);
    }
    const copy = FaultDisk.fromFiles(files);
    copy.place = 'copy';
    const copied = embeddedDriver(copy, SMALL);
    try {
      await copied.open();
    } catch (error) {
      assert.match(String(error), /StoreOpenError: .*(log\/|store\.meta)/);
      continue;
    }
    const found = await textsOf(copied, 'bob');
    assert.deepEqual(found, texts.slice(0, found.length));
    if (files.has('store.meta')) assert.ok((await copied.page('bob')).epoch > 1);
    await copied.close();
    opened += 1;
  }
  assert.ok(opened > 10);
});

test('backup, restore and fsck work on real directories', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-backup-'));
  const [data, backup, restored] = ['data', 'backup', 'restored'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  try {
    const driver = embeddedDriver(new NodeDisk(data), SMALL);
    await driver.store.open(driver);
    driver.store.submit(append({ to: 'bob', id: 'a' }));
    driver.clock.runDeferred();
    assert.equal((await fsckDirectory(data)).verdict, FsckVerdict.InUse);
    await driver.store.close();
    await backupDirectory(data, backup);
    await restoreDirectory(backup, restored, WALL_START_MS);
    const report = await fsckDirectory(restored);
    assert.deepEqual([report.verdict, report.generation, report.kept.messages], [FsckVerdict.Intact, 2, 1]);
    assert.match(describeReport(report).join('\n'), /intact[\s\S]*1 messages/);
    assert.equal((await fsckDirectory(join(root, 'nothing'))).verdict, FsckVerdict.Absent);
    await assert.rejects(restoreDirectory(backup, data, WALL_START_MS), /not empty/);
  } finally {
    rmSync(root, { recursive: true });
  }
});
