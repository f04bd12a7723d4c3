/** A full disk: sends are refused with certainty, reads go on, retention frees space, and nothing is lost (G12). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EmbeddedStoreOptions } from '../src/store/embedded/embedded-store.ts';
import { type StoreEvent, StoreEventType } from '../src/store/embedded/store-event.ts';
import { AppendStatus, RefusalReason } from '../src/store/store.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { append, login, textOf } from './support/store-driver.ts';

const SMALL = { segmentBytesMax: 4096 };
const FOREVER_MS = 1000 * 24 * 3_600_000;

const message = (number: number, to = 'bob') => append({ to, id: `m${number}`, text: `${number} ${'x'.repeat(300)}` });

test('ENOSPC at any single write, segment rolls and meta data included: what is refused is not stored, the rest is', async () => {
  const count = await writesOf(undefined);
  for (let number = 3; number <= count; number++) await writesOf(number);
});

/** Runs a short history, with ENOSPC at write `number`; checks it; answers how many writes there were. */
async function writesOf(number: number | undefined): Promise<number> {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, SMALL).open();
  if (number !== undefined) disk.plan.failWrite = { number, code: 'ENOSPC', keepBytes: 50 };
  const stored: string[] = [];
  for (let i = 0; i < 40; i++) {
    const sent = message(i);
    await driver.run(sent);
    if (driver.refusals.at(-1)?.operation === sent) continue;
    stored.push(`${i} ${'x'.repeat(300)}`);
    assert.deepEqual([sent.status, sent.seq], [AppendStatus.Stored, stored.length], `write ${number}`);
  }
  assert.equal(driver.failure, undefined, `write ${number}`);
  assert.ok(stored.length >= 39);
  const { writes } = disk;
  await driver.close();
  const again = await embeddedDriver(disk, SMALL).open();
  assert.deepEqual((await again.timeline('bob')).map(textOf), stored, `write ${number}`);
  await again.close();
  return writes;
}

test('ENOSPC when the store is closed or opened is an error, and the store opens once there is space', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, SMALL).open();
  await driver.run(message(1));
  disk.plan.capacityBytes = 1;
  await driver.close();
  await assert.rejects(embeddedDriver(disk, SMALL).open(), /ENOSPC/);
  delete disk.plan.capacityBytes;
  const again = await embeddedDriver(disk, SMALL).open();
  assert.equal((await again.timeline('bob')).length, 1);
  await again.close();
});

/** A store that has filled its disk with messages that retention then lets go. */
async function full(options: Partial<EmbeddedStoreOptions>) {
  const disk = new FaultDisk();
  const events: StoreEvent[] = [];
  let countMax = 1000;
  const retention = () => ({ ageMs: FOREVER_MS, countMax });
  const driver = await embeddedDriver(disk, {
    ...SMALL,
    retention,
    retentionSweepMs: 60_000,
    onEvent: (event) => events.push(event),
    ...options,
  }).open();
  await driver.run(login({ device: 'd', user: 'quiet' }), append({ to: 'quiet', id: 'q' }));
  for (let i = 0; i < 50; i++) await driver.run(message(i));
  const used = [...disk.files().values()].reduce((sum, bytes) => sum + bytes.length, 0);
  disk.plan.capacityBytes = used + 100;
  countMax = 5;
  await driver.run(append({ to: 'quiet', id: 'refused', text: 'y'.repeat(200) }));
  assert.equal(driver.refusals.at(-1)?.reason, RefusalReason.Unavailable);
  return { disk, driver, events };
}

test('a full disk does not block retention: the reserve pays for what has to be written first', async () => {
  const { disk, driver, events } = await full({ reserveBytes: 16_384 });
  await driver.clock.advanceAsync(400_000, 1000);
  assert.equal(driver.failure, undefined);
  const [again] = await driver.run(append({ to: 'quiet', id: 'again' }));
  assert.deepEqual([again.status, again.seq], [AppendStatus.Stored, 2]);
  assert.equal(disk.files().get('reserve')?.length, 16_384, 'the reserve is back');
  assert.ok(events.some((event) => event.type === StoreEventType.SpaceShort));
  assert.equal((await driver.timeline('bob')).length, 5);
  await driver.close();
  const reopened = await embeddedDriver(disk, SMALL).open();
  assert.deepEqual([(await reopened.timeline('quiet')).length, (await reopened.timeline('bob')).length], [2, 5]);
  await reopened.close();
});

test('without a reserve a full disk stays full: refused, readable, not failed', async () => {
  const { driver } = await full({ reserveBytes: 0 });
  await driver.clock.advanceAsync(400_000, 1000);
  await driver.run(append({ to: 'quiet', id: 'again' }));
  assert.equal(driver.refusals.length, 2);
  assert.equal(driver.failure, undefined);
  assert.equal((await driver.timeline('quiet')).length, 1);
});

test('a damaged segment that retention finds is reported and kept', async () => {
  const disk = new FaultDisk();
  const events: StoreEvent[] = [];
  const retention = () => ({ ageMs: FOREVER_MS, countMax: 2 });
  const driver = await embeddedDriver(disk, { ...SMALL, retention, onEvent: (event) => events.push(event) }).open();
  for (let i = 0; i < 12; i++) await driver.run(message(i, 'kept'));
  const path = [...disk.files().keys()].find((name) => name.startsWith('log/'))!;
  await (await disk.open(path, { create: false })).write([Buffer.from([1, 2, 3])], 2000);
  for (let i = 12; i < 40; i++) await driver.run(message(i, 'kept'));
  await driver.clock.advanceAsync(20_000, 500);
  assert.deepEqual(
    events.map((event) => event.type),
    [StoreEventType.SegmentDamaged],
  );
  assert.ok(events[0]!.message.startsWith(path));
  assert.ok(disk.files().has(path));
  await driver.close();
});

test('reclaiming never writes more than operations did: an idle store with nothing but small state rests', async () => {
  const disk = new FaultDisk();
  const retention = () => ({ ageMs: FOREVER_MS, countMax: 1 });
  const driver = await embeddedDriver(disk, { ...SMALL, retention }).open();
  for (let i = 0; i < 60; i++) await driver.run(append({ to: `user-${i}`, id: `m${i}`, text: 'x'.repeat(100) }));
  for (let i = 0; i < 60; i++) await driver.run(message(i));
  const written = () => disk.events.reduce((sum, e) => sum + (e.type === 'write' ? e.bytes.length : 0), 0);
  const before = written();
  await driver.clock.advanceAsync(600_000, 1000);
  const swept = written() - before;
  await driver.clock.advanceAsync(600_000, 1000);
  assert.equal(written() - before, swept, 'an idle store writes nothing');
  const metaBytes = 64 * 3000;
  assert.ok(swept <= before + metaBytes, `${swept} bytes for ${before}`);
  await driver.close();
});
