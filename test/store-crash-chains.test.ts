/**
 * Power loss while segments are reclaimed and rolled, and several crashes one after the other: at level disk everything
 * acknowledged is readable, and no (epoch, seq) is ever given to two messages.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Durability } from '../src/model/durability.ts';
import type { EmbeddedStoreOptions } from '../src/store/embedded/embedded-store.ts';
import { fsck } from '../src/store/embedded/fsck.ts';
import { FsckVerdict } from '../src/store/embedded/fsck-report.ts';
import { type AppendOperation, AppendStatus, OperationType } from '../src/store/store.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import type { ManualClock } from './support/manual-clock.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { append, login, type StoreDriver } from './support/store-driver.ts';

const COUNT_MAX = 6;
/** Random images per moment of the recorded run. */
const IMAGES_PER_MOMENT = 3;
const CHAINS = 60;
const LIVES_PER_CHAIN = 5;
const USERS = ['u0', 'u1', 'quiet'];

const SETTINGS: Partial<EmbeddedStoreOptions> = {
  segmentBytesMax: 3000,
  retention: () => ({ ageMs: 1000 * 24 * 3_600_000, countMax: COUNT_MAX }),
  retentionSweepMs: 100,
};

interface Acknowledged {
  operation: AppendOperation;
  /** Disk events that had happened. */
  events: number;
}

async function recordedRun(): Promise<{ disk: FaultDisk; acknowledged: Acknowledged[]; clock: ManualClock }> {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, SETTINGS).open();
  const acknowledged: Acknowledged[] = [];
  driver.onCommitted = (batch) => {
    for (const operation of batch) {
      if (operation.type === OperationType.Append) acknowledged.push({ operation, events: disk.events.length });
    }
  };
  await driver.run(append({ to: 'quiet', id: 'q' }), login({ device: 'd', user: 'quiet' }));
  for (let i = 0; i < 60; i++) {
    await driver.run(append({ to: `u${i % 2}`, id: `m${i}`, text: 'x'.repeat(250) }));
    await driver.clock.advanceAsync(50);
  }
  assert.ok(disk.events.filter((event) => event.type === 'remove').length > 3, 'segments were reclaimed');
  return { disk, acknowledged, clock: driver.clock };
}

test('power loss at every moment of a run that reclaims segments: what is acknowledged and retained is there (G1, G2)', async () => {
  const { disk, acknowledged, clock } = await recordedRun();
  const from = disk.events.findIndex((event) => event.type === 'rename') + 2;
  for (let count = from; count <= disk.events.length; count++) {
    const newest = new Map<string, AppendOperation>();
    const sent = new Map<string, AppendOperation>();
    for (const { operation, events } of acknowledged) {
      if (events > count) break;
      newest.set(operation.target, operation);
      sent.set(operation.clientMsgId, operation);
    }
    for (let image = 0; image < IMAGES_PER_MOMENT; image++) {
      const copy = FaultDisk.fromFiles(disk.afterPowerLoss(count, new SeededRandom(count * 10 + image)));
      const driver = await embeddedDriver(copy, SETTINGS, clock).open();
      for (const [user, operation] of newest) {
        const last = (await driver.timeline(user)).find((m) => m.messageId === operation.messageId);
        assert.equal(last?.seq, operation.seq, `moment ${count}, ${user}`);
      }
      for (const id of ['q', ...sent.keys()].slice(0, 3)) {
        const original = sent.get(id);
        if (original === undefined) continue;
        const text = Buffer.from(original.payload).toString();
        const retry = await driver.runOne(append({ to: original.target, id, text }));
        assert.deepEqual([retry.status, retry.messageId], [AppendStatus.Duplicate, original.messageId]);
      }
      await driver.close();
    }
  }
});

interface Chain {
  files: Map<string, Buffer>;
  /** (user, epoch, seq) → message id of everything acknowledged in any life. */
  given: Map<string, number>;
  /** At level disk: what must be readable. */
  newest: Map<string, AppendOperation>;
}

/** Lives on the files of the life before, notes what was acknowledged, and dies at a random moment. */
async function live(chain: Chain, durability: Durability, life: number, random: SeededRandom): Promise<void> {
  const disk = chain.files.size === 0 ? new FaultDisk() : FaultDisk.fromFiles(chain.files);
  const driver = await embeddedDriver(disk, { ...SETTINGS, durability }).open();
  if (durability === Durability.Disk) await checkNewest(driver, chain);
  const acknowledged: Acknowledged[] = [];
  driver.onCommitted = (batch) => {
    for (const operation of batch) {
      if (operation.type === OperationType.Append) acknowledged.push({ operation, events: disk.events.length });
    }
  };
  const start = disk.events.length;
  const commits = 1 + random.below(12);
  for (let i = 0; i < commits; i++) {
    const sends = Array.from({ length: 1 + random.below(4) }, (_, n) =>
      append({ to: USERS[random.below(3)]!, id: `l${life}-${i}-${n}-${random.below(1e9)}`, text: 'x'.repeat(200) }),
    );
    await driver.run(...sends);
    if (random.below(3) === 0) await driver.clock.advanceAsync(200);
  }
  if (random.below(4) === 0) await driver.close();
  const moment = start + random.below(disk.events.length - start + 1);
  for (const { operation, events } of acknowledged) {
    if (events > moment) break;
    const key = `${operation.target} ${operation.epoch} ${operation.seq}`;
    const other = chain.given.get(key);
    assert.ok(other === undefined || other === operation.messageId, `${key} was given out twice in life ${life}`);
    chain.given.set(key, operation.messageId);
    chain.newest.set(operation.target, operation);
  }
  chain.files = disk.afterPowerLoss(moment, random);
}

async function checkNewest(driver: StoreDriver, chain: Chain): Promise<void> {
  for (const [user, operation] of chain.newest) {
    const found = (await driver.timeline(user)).find((m) => m.messageId === operation.messageId);
    assert.equal(found?.seq, operation.seq, `${user} ${operation.seq}`);
  }
}

for (const durability of [Durability.Os, Durability.Disk]) {
  test(`${CHAINS} chains of ${LIVES_PER_CHAIN} crashes at level ${durability}: no (epoch, seq) is given out twice (G5; turms#1569, open-im-server#3249, tinode#818)`, async () => {
    for (let seed = 1; seed <= CHAINS; seed++) {
      const random = new SeededRandom(seed * 7919);
      const chain: Chain = { files: new Map(), given: new Map(), newest: new Map() };
      for (let life = 0; life < LIVES_PER_CHAIN; life++) {
        await live(chain, durability, life, random);
        if (!chain.files.has('store.meta')) break;
        const { verdict } = await fsck(FaultDisk.fromFiles(chain.files));
        assert.ok(verdict === FsckVerdict.Intact || verdict === FsckVerdict.Interrupted, `seed ${seed}: ${verdict}`);
      }
    }
  });
}
