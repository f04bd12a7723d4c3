import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Durability } from '../src/model/durability.ts';
import { type AppendOperation, AppendStatus, OperationType, RefusalReason } from '../src/store/store.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { append, cursor, login, type StoreDriver, textOf } from './support/store-driver.ts';

const messages = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, i) => append({ to: `u${i % 3}`, id: `${prefix}${i}`, copy: true }));

test('after the first failed fsync nothing more is acknowledged, reads go on (G12, lmdb-js, fsyncgate)', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk).open();
  await driver.run(...messages(10, 'a'));
  disk.plan.failSync = { number: disk.syncs + 1 };
  await driver.run(...messages(10, 'b'));
  assert.match(String(driver.failure), /EIO/);
  assert.equal(driver.reported.length, 10);
  delete disk.plan.failSync;
  await driver.run(append({ to: 'u0', id: 'later' }));
  await driver.clock.advanceAsync(10);
  assert.equal(driver.reported.length, 10);
  assert.equal(driver.refusals.at(-1)?.reason, RefusalReason.Unavailable);
  assert.equal((await driver.timeline('u0')).length, 4);
  await driver.close();
});

test('a failed write that is not for lack of space is final (G12)', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk).open();
  disk.plan.failWrite = { number: disk.writes + 1, code: 'EIO', keepBytes: 100 };
  await driver.run(...messages(10, 'a'));
  assert.match(String(driver.failure), /EIO/);
  assert.equal(driver.reported.length, 0);
  await driver.close();
});

test('at level disk nothing is acknowledged before its fsync has ended (G1, nats-server#7564)', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk).open();
  let release: () => void = () => undefined;
  disk.plan.beforeSync = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  driver.store.submit(append({ to: 'bob', id: 'a' }));
  await driver.clock.advanceAsync(50);
  assert.equal(driver.reported.length, 0);
  assert.equal((await driver.page('bob')).head, 0);
  delete disk.plan.beforeSync;
  release();
  await driver.clock.advanceAsync(5);
  assert.equal(driver.reported.length, 1);
  await driver.close();
});

test('a full disk refuses the commit, keeps reads, forgets nothing, and later commits succeed', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk).open();
  await driver.run(...messages(9, 'a'), login({ device: 'd', user: 'u0' }));
  const before = await driver.timeline('u0');
  disk.plan.failWrite = { number: disk.writes + 1, code: 'ENOSPC', keepBytes: 700 };
  const lost = [...messages(9, 'b'), append({ to: 'new-user', id: 'x' })];
  await driver.run(...lost, cursor('u0', 'd', 2), login({ device: 'e', user: 'u0' }));
  assert.equal(driver.failure, undefined);
  assert.deepEqual(
    driver.refusals.map((refusal) => refusal.reason),
    new Array(12).fill(RefusalReason.Unavailable),
  );
  assert.deepEqual(await driver.timeline('u0'), before);
  const again = await driver.run(...messages(9, 'b'), append({ to: 'new-user', id: 'x' }));
  assert.ok(again.every((operation) => operation.status === AppendStatus.Stored));
  const [back] = await driver.run(login({ device: 'd', user: 'u0' }));
  assert.deepEqual([back.cursor, back.displaced], [0, []]);
  await driver.close();
  const reopened = await embeddedDriver(disk, {}, driver.clock).open();
  assert.deepEqual(
    (await reopened.timeline('u0')).map(textOf),
    ['a0', 'a3', 'a6', 'b0', 'b3', 'b6'].map((id) => `text of ${id}`),
  );
  await reopened.close();
});

test('when the partial write of a full disk cannot be taken back the store fails', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk).open();
  disk.plan.failWrite = { number: disk.writes + 1, code: 'ENOSPC', keepBytes: 10 };
  disk.plan.failTruncate = true;
  await driver.run(append({ to: 'bob', id: 'a' }));
  assert.match(String(driver.failure), /EIO/);
  await driver.close();
});

/** Sends with random pauses; notes for each reported append how many disk events had happened. */
async function history(durability: Durability, seed: number) {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, { durability, segmentBytesMax: 6000 }).open();
  const acknowledged: { operation: AppendOperation; events: number }[] = [];
  driver.onCommitted = (batch) => {
    for (const operation of batch) {
      if (operation.type === OperationType.Append) acknowledged.push({ operation, events: disk.events.length });
    }
  };
  const random = new SeededRandom(seed);
  for (let i = 0; i < 12; i++)
    await driver.run(...messages(1 + random.below(12), `s${i}-`), login({ device: `d${i}` }));
  return { disk, acknowledged };
}

async function reopened(files: Map<string, Buffer>, durability: Durability): Promise<StoreDriver> {
  return embeddedDriver(FaultDisk.fromFiles(files), { durability, segmentBytesMax: 6000 }).open();
}

test('power loss at level disk, at every recorded moment: everything acknowledged is there (G1, G2)', async () => {
  const { disk, acknowledged } = await history(Durability.Disk, 11);
  const firstOpen = disk.events.findIndex((event) => event.type === 'rename') + 2;
  for (let count = firstOpen; count <= disk.events.length; count++) {
    const driver = await reopened(disk.afterPowerLoss(count, new SeededRandom(count)), Durability.Disk);
    const rows = new Map<string, string[]>();
    for (const user of ['u0', 'u1', 'u2', 'alice'])
      rows.set(
        user,
        (await driver.timeline(user)).map((m) => `${m.seq} ${m.messageId}`),
      );
    for (const { operation, events } of acknowledged) {
      if (events > count) break;
      assert.ok(rows.get(operation.target)!.includes(`${operation.seq} ${operation.messageId}`), `moment ${count}`);
      assert.ok(rows.get('alice')!.includes(`${operation.senderSeq} ${operation.messageId}`), `moment ${count}`);
    }
  }
});

for (const durability of [Durability.Os, Durability.Disk]) {
  test(`no (epoch, seq) is ever given to two messages, whatever a crash at level ${durability} leaves (G5)`, async () => {
    const { disk, acknowledged } = await history(durability, 12);
    const firstOpen = disk.events.findIndex((event) => event.type === 'rename') + 2;
    for (let count = firstOpen; count <= disk.events.length; count += 3) {
      const seen = new Map<string, number>();
      for (const { operation, events } of acknowledged) {
        if (events > count) break;
        seen.set(`${operation.target} ${operation.epoch} ${operation.seq}`, operation.messageId);
      }
      const driver = await reopened(disk.afterPowerLoss(count, new SeededRandom(count)), durability);
      const later = await driver.run(...messages(30, 'after-'));
      for (const operation of later) {
        const other = seen.get(`${operation.target} ${operation.epoch} ${operation.seq}`);
        assert.ok(other === undefined || other === operation.messageId, `moment ${count}`);
      }
    }
  });
}
