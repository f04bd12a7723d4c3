/** A commit may be written while those before it are being synced: order, visibility and acknowledgements stay. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppendStatus, type Operation, RefusalReason } from '../src/store/store.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { append, login, type StoreDriver } from './support/store-driver.ts';

const MANY = 600;

/** A store whose syncs wait until they are let go. */
async function slow(options = {}): Promise<{ disk: FaultDisk; driver: StoreDriver; letGo: () => Promise<void> }> {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, options).open();
  const releases: (() => void)[] = [];
  disk.plan.beforeSync = () =>
    new Promise((resolve) => {
      releases.push(resolve);
    });
  const letGo = async () => {
    await driver.clock.advanceAsync(2);
    for (const release of releases.splice(0)) release();
    await driver.clock.advanceAsync(2);
  };
  return { disk, driver, letGo };
}

const batch = (prefix: string, count = MANY) =>
  Array.from({ length: count }, (_, i) => append({ to: `u${i % 3}`, id: `${prefix}${i}`, copy: true }));

function submit(driver: StoreDriver, operations: Operation[]): void {
  for (const operation of operations) driver.store.submit(operation);
}

test('what is written during a sync is neither reported nor visible before the sync after it; order is kept (G1, G4)', async () => {
  const { disk, driver, letGo } = await slow();
  const [first, second] = [batch('a'), batch('b')];
  submit(driver, first);
  await driver.clock.advanceAsync(2);
  const { writes } = disk;
  submit(driver, second);
  await driver.clock.advanceAsync(5);
  assert.ok(disk.writes > writes, 'the second commit is written while the first is synced');
  assert.equal(driver.reported.length, 0);
  assert.equal((await driver.page('alice')).head, 0);
  await letGo();
  assert.deepEqual(driver.reported, first);
  assert.equal((await driver.page('alice')).head, MANY);
  assert.equal((await driver.page('u0', 0, 1000)).messages.length, MANY / 3);
  await letGo();
  assert.deepEqual(driver.reported, [...first, ...second]);
  assert.equal((await driver.page('alice')).head, 2 * MANY);
  delete disk.plan.beforeSync;
  await driver.close();
});

test('a duplicate of a message that is being synced waits for it (G3)', async () => {
  const { disk, driver, letGo } = await slow();
  const [original] = batch('a', 1);
  submit(driver, [original!]);
  await driver.clock.advanceAsync(2);
  const retries = Array.from({ length: MANY }, () => append({ to: 'u0', id: 'a0', copy: true }));
  submit(driver, retries);
  await driver.clock.advanceAsync(5);
  assert.equal(driver.reported.length, 0);
  await letGo();
  await letGo();
  assert.equal(driver.reported[0], original);
  assert.ok(retries.every((r) => r.status === AppendStatus.Duplicate && r.messageId === original!.messageId));
  delete disk.plan.beforeSync;
  await driver.close();
});

test('sessions of a login under way are seen only after its own sync', async () => {
  const { disk, driver, letGo } = await slow();
  const first = login({ device: 'a', user: 'u0' });
  submit(driver, [first]);
  await driver.clock.advanceAsync(2);
  submit(driver, [...batch('x'), login({ device: 'b', user: 'u0' })]);
  await driver.clock.advanceAsync(5);
  const current = async () =>
    (await driver.finish(driver.store.readUser('demo' as never, 'u0' as never))).currentGenerations;
  assert.deepEqual(await current(), []);
  await letGo();
  assert.deepEqual(await current(), [first.generation]);
  await letGo();
  assert.notDeepEqual(await current(), [first.generation]);
  delete disk.plan.beforeSync;
  await driver.close();
});

test('no space for the second commit refuses it alone; the first, being synced, is reported', async () => {
  const { disk, driver, letGo } = await slow();
  submit(driver, batch('a'));
  await driver.clock.advanceAsync(2);
  disk.plan.failWrite = { number: disk.writes + 1, code: 'ENOSPC', keepBytes: 999 };
  const second = [...batch('b'), login({ device: 'd', user: 'u1' })];
  submit(driver, second);
  await driver.clock.advanceAsync(5);
  assert.deepEqual(
    driver.refusals.map((refusal) => refusal.reason),
    second.map(() => RefusalReason.Unavailable),
  );
  await letGo();
  assert.equal(driver.reported.length, MANY);
  delete disk.plan.beforeSync;
  const [again] = await driver.run(append({ to: 'u0', id: 'b0', copy: true }));
  assert.deepEqual([again.status, again.seq, again.senderSeq], [AppendStatus.Stored, MANY / 3 + 1, MANY + 1]);
  await driver.close();
  const reopened = await embeddedDriver(disk).open();
  assert.equal((await reopened.timeline('alice')).length, MANY + 1);
  await reopened.close();
});

test('a failed sync fails everything that was written behind it (G12, fsyncgate)', async () => {
  const { disk, driver, letGo } = await slow();
  submit(driver, batch('a'));
  await driver.clock.advanceAsync(2);
  submit(driver, batch('b'));
  await driver.clock.advanceAsync(5);
  disk.plan.failSync = { number: disk.syncs + 1 };
  await letGo();
  delete disk.plan.failSync;
  await letGo();
  assert.match(String(driver.failure), /EIO/);
  assert.equal(driver.reported.length, 0);
  await driver.close();
});

test('a full segment is left only when everything in it is reported', async () => {
  const { disk, driver, letGo } = await slow({ segmentBytesMax: 4096 });
  submit(driver, batch('a'));
  await driver.clock.advanceAsync(2);
  submit(driver, batch('b'));
  for (let i = 0; i < 20 && driver.reported.length < 2 * MANY; i++) await letGo();
  assert.equal(driver.reported.length, 2 * MANY);
  delete disk.plan.beforeSync;
  assert.equal((await driver.timeline('alice')).length, 2 * MANY);
  await driver.close();
  const reopened = await embeddedDriver(disk).open();
  assert.equal((await reopened.timeline('alice')).length, 2 * MANY);
  await reopened.close();
});

test('after a commit of several operations the next one gathers for the interval', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, { commitIntervalMs: 20 }).open();
  submit(driver, batch('a', 3));
  await driver.clock.advanceAsync(1);
  assert.equal(driver.reported.length, 3);
  const { syncs } = disk;
  for (let i = 0; i < 5; i++) {
    submit(driver, batch(`b${i}-`, 1));
    await driver.clock.advanceAsync(1);
  }
  assert.deepEqual([disk.syncs, driver.reported.length], [syncs, 3]);
  await driver.clock.advanceAsync(20);
  assert.deepEqual([disk.syncs, driver.reported.length], [syncs + 1, 8]);
  await driver.close();
});

test('a commit that gathers begins as soon as many operations wait', async () => {
  const driver = await embeddedDriver(new FaultDisk(), { commitIntervalMs: 20 }).open();
  submit(driver, batch('a', 3));
  await driver.clock.advanceAsync(1);
  submit(driver, batch('b', MANY));
  await driver.clock.advanceAsync(1);
  assert.equal(driver.reported.length, 3 + MANY);
  await driver.close();
});

test('who sends one message at a time never waits for the interval', async () => {
  const driver = await embeddedDriver(new FaultDisk(), { commitIntervalMs: 20 }).open();
  for (let i = 1; i <= 5; i++) {
    submit(driver, batch(`a${i}-`, 1));
    await driver.clock.advanceAsync(1);
    assert.equal(driver.reported.length, i);
  }
  await driver.close();
});

test('in a flood the pause is three times as long, and only a full commit ends it early', async () => {
  const driver = await embeddedDriver(new FaultDisk(), { commitIntervalMs: 20 }).open();
  const flood = async (prefix: string): Promise<void> => {
    submit(driver, batch(`${prefix}-first`, 1));
    await driver.clock.advanceAsync(1);
    submit(driver, batch(`${prefix}-second`, 200));
    await driver.clock.advanceAsync(1);
  };
  await flood('a');
  submit(driver, batch('b', MANY));
  await driver.clock.advanceAsync(40);
  assert.equal(driver.reported.length, 201, 'so many would end the usual pause');
  await driver.clock.advanceAsync(100);
  assert.equal(driver.reported.length, 201 + MANY);
  await flood('c');
  submit(driver, batch('d', 1024));
  await driver.clock.advanceAsync(1);
  assert.equal(driver.reported.length, 402 + MANY + 1024);
  await driver.close();
});
