/** fsck says what is wrong and what can be saved; a repair keeps the longest consistent prefix and deletes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fsck } from '../src/store/embedded/fsck.ts';
import { FsckVerdict } from '../src/store/embedded/fsck-report.ts';
import { repair } from '../src/store/embedded/repair.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { append, login, type StoreDriver, textOf, WALL_START_MS } from './support/store-driver.ts';

const SMALL = { segmentBytesMax: 8192 };
const USERS = ['u0', 'u1', 'u2', 'alice'];

interface Filled {
  files: Map<string, Buffer>;
  running: Map<string, Buffer>;
  rows: Map<string, string[]>;
  /** (user, epoch, seq) of everything that was ever acknowledged. */
  given: Set<string>;
}

async function rowsOf(driver: StoreDriver): Promise<Map<string, string[]>> {
  const rows = new Map<string, string[]>();
  for (const user of USERS) rows.set(user, (await driver.timeline(user)).map(textOf));
  return rows;
}

async function filled(): Promise<Filled> {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, SMALL).open();
  const given = new Set<string>();
  for (let i = 0; i < 90; i++) {
    const sent = append({ to: `u${i % 3}`, id: `m${i}`, text: `${i} ${'x'.repeat(200)}`, copy: true });
    await driver.run(sent, login({ device: `d${i}`, user: `u${i % 3}` }));
    given.add(`${sent.target} ${sent.epoch} ${sent.seq}`);
  }
  const rows = await rowsOf(driver);
  const running = disk.files();
  await driver.close();
  return { files: disk.files(), running, rows, given };
}

function segmentsOf(files: ReadonlyMap<string, Buffer>): string[] {
  return [...files.keys()].filter((path) => path.startsWith('log/')).sort();
}

/** All bytes of `before` are somewhere in `after`: in place, or cut in two, or moved aside. */
function assertNothingLost(before: ReadonlyMap<string, Buffer>, after: ReadonlyMap<string, Buffer>): void {
  for (const [path, bytes] of before) {
    if (path === 'store.meta') continue;
    const name = path.slice('log/'.length);
    const kept = after.get(path) ?? Buffer.alloc(0);
    const aside = [...after].filter(([other]) => other.startsWith('repair-1/') && other.includes(name));
    const whole = aside.some(([other, content]) => other.endsWith(name) && content.equals(bytes));
    const tail = aside.find(([other]) => other.includes('.from-'));
    const from = tail === undefined ? bytes.length : Number(tail[0].split('.from-')[1]);
    const isCut =
      kept.subarray(0, from).equals(bytes.subarray(0, from)) &&
      (tail === undefined || tail[1].equals(bytes.subarray(from)));
    assert.ok(whole || isCut, `${path} is nowhere`);
  }
}

test('a store that was closed is intact, one that was killed too; fsck changes nothing', async () => {
  const { files, running } = await filled();
  for (const [number, content] of [files, running].entries()) {
    const disk = FaultDisk.fromFiles(content);
    const report = await fsck(disk);
    assert.deepEqual([report.verdict, report.findings, report.wasClosed], [FsckVerdict.Intact, [], number === 0]);
    assert.deepEqual([report.kept.messages, report.kept.users, report.beyond.bytes], [90, 4, 0]);
    assert.deepEqual(disk.files(), content);
  }
});

test('fsck of a store whose older segments were reclaimed is intact', async () => {
  const options = { ...SMALL, retention: () => ({ ageMs: Number.MAX_SAFE_INTEGER, countMax: 5 }) };
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, options).open();
  await driver.run(append({ to: 'quiet', id: 'q' }));
  for (let i = 0; i < 120; i++) {
    await driver.run(append({ to: 'bob', id: `m${i}`, text: 'x'.repeat(300), copy: i % 20 === 0 }));
    await driver.clock.advanceAsync(1000, 500);
  }
  await driver.close();
  assert.ok(Number.parseInt(segmentsOf(disk.files())[0]!.slice(4, 18), 16) >= 0);
  const report = await fsck(disk);
  assert.deepEqual([report.verdict, report.findings], [FsckVerdict.Intact, []]);
});

test('a torn last commit is named as what it is: never acknowledged, cut at the next start, nothing to repair', async () => {
  const { running } = await filled();
  const last = segmentsOf(running).at(-1)!;
  const disk = FaultDisk.fromFiles(new Map(running).set(last, running.get(last)!.subarray(0, -9)));
  const report = await fsck(disk);
  // The meta of a run says how far the log was durable when the segment began.
  assert.equal(report.verdict, FsckVerdict.Interrupted);
  assert.match(report.findings[0]!.what, /never acknowledged/);
  assert.equal((await repair(disk, WALL_START_MS)).isRepaired, false);
});

test('an empty directory is absent, lost meta data and a store that is open are told apart', async () => {
  assert.equal((await fsck(new FaultDisk())).verdict, FsckVerdict.Absent);
  const { files } = await filled();
  const withoutMeta = new Map(files);
  withoutMeta.delete('store.meta');
  assert.equal((await fsck(FaultDisk.fromFiles(withoutMeta))).verdict, FsckVerdict.Lost);
  const disk = FaultDisk.fromFiles(files);
  const driver = await embeddedDriver(disk, SMALL).open();
  assert.equal((await fsck(disk)).verdict, FsckVerdict.InUse);
  assert.equal((await repair(disk, WALL_START_MS)).report.verdict, FsckVerdict.InUse);
  await driver.close();
});

test('fsck names the segment and the byte of a flip, and counts what is intact behind it', async () => {
  const { files } = await filled();
  const path = segmentsOf(files)[1]!;
  const bytes = Buffer.from(files.get(path)!);
  bytes[bytes.length >> 1]! ^= 4;
  const report = await fsck(FaultDisk.fromFiles(new Map(files).set(path, bytes)));
  assert.equal(report.verdict, FsckVerdict.Damaged);
  const [first] = report.findings;
  assert.equal(first?.path, path);
  assert.ok(first.byte <= bytes.length >> 1 && first.byte > (bytes.length >> 1) - 2000);
  assert.ok(report.kept.messages > 10 && report.beyond.messages > 10);
  assert.equal(report.kept.messages + report.beyond.messages, 89);
});

test('after any of 150 flips, cuts and missing files a repair gives a prefix, new epochs, and loses no byte (G5, nats-server#7549, #7556)', async () => {
  const { files, rows, given } = await filled();
  const random = new SeededRandom(77);
  let repaired = 0;
  for (let i = 0; i < 150; i++) {
    const damaged = new Map(files);
    const paths = segmentsOf(files);
    const path = paths[random.below(paths.length)]!;
    const bytes = Buffer.from(files.get(path)!);
    const kind = random.below(4);
    if (kind === 0) damaged.delete(path);
    else if (kind === 1) damaged.set(path, bytes.subarray(0, random.below(bytes.length)));
    else {
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      damaged.set(path, bytes);
    }
    const disk = FaultDisk.fromFiles(damaged);
    const result = await repair(disk, WALL_START_MS);
    if (!result.isRepaired) {
      assert.equal(result.report.verdict, FsckVerdict.Lost, `case ${i}`);
      assert.deepEqual(disk.files(), damaged);
      continue;
    }
    repaired += 1;
    assertNothingLost(damaged, disk.files());
    assert.equal((await fsck(disk)).verdict, FsckVerdict.Intact, `case ${i}`);
    const driver = await embeddedDriver(disk, SMALL).open();
    const found = await rowsOf(driver);
    for (const user of USERS) assert.deepEqual(found.get(user), rows.get(user)!.slice(0, found.get(user)!.length));
    const next = await driver.runOne(append({ to: 'u0', id: `after-${i}` }));
    assert.equal(given.has(`u0 ${next.epoch} ${next.seq}`), false);
    await driver.close();
  }
  assert.ok(repaired > 100, `${repaired} were repaired`);
});

test('a repair that is interrupted at any moment is completed by the next one', async () => {
  const { files, rows } = await filled();
  const path = segmentsOf(files)[2]!;
  const bytes = Buffer.from(files.get(path)!);
  bytes[bytes.length >> 1]! ^= 1;
  const damaged = new Map(files).set(path, bytes);
  const whole = FaultDisk.fromFiles(damaged);
  const start = whole.events.length;
  const expected = (await repair(whole, WALL_START_MS)).report.kept.messages;
  for (let count = start; count <= whole.events.length; count++) {
    const disk = FaultDisk.fromFiles(whole.afterPowerLoss(count, new SeededRandom(count)));
    await repair(disk, WALL_START_MS);
    const driver = await embeddedDriver(disk, SMALL).open();
    const found = await rowsOf(driver);
    assert.equal(found.get('alice')!.length, expected, `moment ${count}`);
    assert.deepEqual(found.get('alice'), rows.get('alice')!.slice(0, expected));
    await driver.close();
  }
});

test('users whose names lie behind the damage get them back from there', async () => {
  const options = { ...SMALL, retention: () => ({ ageMs: Number.MAX_SAFE_INTEGER, countMax: 20 }) };
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, options).open();
  for (let i = 0; i < 200; i++) {
    await driver.run(append({ to: `u${i % 3}`, id: `m${i}`, text: 'x'.repeat(300) }));
    if (i > 100) await driver.clock.advanceAsync(1000, 500);
  }
  await driver.close();
  const files = disk.files();
  for (const path of segmentsOf(files).slice(0, -1)) {
    const bytes = Buffer.from(files.get(path)!);
    bytes[bytes.length - 50]! ^= 1;
    const damaged = FaultDisk.fromFiles(new Map(files).set(path, bytes));
    const result = await repair(damaged, WALL_START_MS);
    assert.equal(result.isRepaired, true, path);
    const again = await embeddedDriver(damaged, options).open();
    const found = (await again.timeline('u0')).length + (await again.timeline('u1')).length;
    assert.ok(found > 0, path);
    await again.close();
  }
});
