/** `sluice migrate`: everything of an embedded store is in Redis afterwards, wherever it was interrupted. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Durability } from '../src/model/durability.ts';
import type { Epoch } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import { MigrationOutcome } from '../src/store/migration/migration.ts';
import type { RedisClient } from '../src/store/redis/client.ts';
import { AppendStatus, LoginStatus } from '../src/store/store.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { ManualClock } from './support/manual-clock.ts';
import {
  type FilledSource,
  filledSource,
  type MigrationWorld,
  migrationWorld,
  openedTarget,
  retention,
  runMigration,
  SENT,
  shownBy,
  sourceWithoutOldSegments,
  ticketKey,
  USERS,
} from './support/migration-world.ts';
import { RedisTestCluster } from './support/redis-cluster.ts';
import { RedisTestServer } from './support/redis-server.ts';
import { APP, append, cursor, login, type StoreDriver, WALL_START_MS } from './support/store-driver.ts';

class Killed extends Error {}

/** Dies at call `number`: before it is sent, or when the answer is due. */
function dyingAt(number: number, isSent: boolean): { wrap: (client: RedisClient) => RedisClient; calls: () => number } {
  let calls = 0;
  const wrap = (client: RedisClient): RedisClient => {
    const guard = async <T>(act: () => Promise<T>): Promise<T> => {
      if (++calls < number) return act();
      if (calls === number && isSent) await act();
      throw new Killed();
    };
    return {
      replicasWanted: client.replicasWanted,
      joinsTags: client.joinsTags,
      connect: () => client.connect(),
      servers: () => client.servers(),
      serverOf: (key) => client.serverOf(key),
      run: (script, keys, args, confirm) => guard(() => client.run(script, keys, args, confirm)),
      call: (key, name, args) => guard(() => client.call(key, name, args)),
      watch: (prefix, changed) => client.watch(prefix, changed),
      close: () => client.close(),
    };
  };
  return { wrap, calls: () => calls };
}

async function assertGoesOn(driver: StoreDriver): Promise<void> {
  const retry = await driver.runOne(append({ to: 'u7', from: 'u1', id: 'm1-é', text: '1 x' }));
  assert.equal(retry.status, AppendStatus.Duplicate);
  const old = (await driver.page('u4')).messages.at(-1)!;
  const next = await driver.runOne(append({ to: 'u4', from: 'u5', id: 'new', copy: true }));
  assert.equal(next.seq, old.seq + 1);
  assert.ok(next.messageId > old.messageId);
  const u7 = await driver.page('u7');
  const back = await driver.runOne(
    login({ user: 'u7', device: 'phone', issuedAtMs: 0, ticket: ticketKey(8), nextTicket: ticketKey(98) }),
  );
  assert.deepEqual([back.status, back.head - back.cursor, back.epoch], [LoginStatus.Current, 7 % 3, 1]);
  assert.ok(back.generation > 2);
  await driver.run(cursor('u7', 'phone', u7.head));
  const again = await driver.runOne(login({ user: 'u7', device: 'phone', issuedAtMs: 0, ticket: ticketKey(98) }));
  assert.equal(again.cursor, u7.head);
  const reused = await driver.runOne(login({ user: 'u4', device: 'phone', issuedAtMs: 0, ticket: ticketKey(77) }));
  assert.equal(reused.status, LoginStatus.TicketReused);
  const revoked = await driver.runOne(login({ user: 'u3', device: 'x', issuedAtMs: WALL_START_MS + 999 }));
  assert.equal(revoked.status, LoginStatus.Revoked);
}

/** @param kills at so many places */
function suite(name: string, ports: () => readonly number[], kills: number): void {
  let source: FilledSource;
  before(async () => {
    source = await filledSource();
  });

  test(`${name}: seqs, epochs, ids, floors, cursors, generations, tickets, dedupe rows and revocations are kept`, async () => {
    const world = migrationWorld(ports());
    const result = await runMigration(world, FaultDisk.fromFiles(source.files));
    assert.equal(result.outcome, MigrationOutcome.Migrated);
    assert.deepEqual([result.check!.differences, result.check!.users], [0, result.source.users]);
    assert.equal(result.check!.records, result.source.records);
    assert.deepEqual([result.source.dedupeRows, result.check!.dedupeRows], [SENT, SENT]);
    const driver = await openedTarget(world);
    const shown = await shownBy(driver);
    assert.deepEqual(shown, source.shown);
    assert.ok([...shown.users.values()].some((user) => user.floor > 1));
    await assertGoesOn(driver);
    await driver.close();
  });

  test(`${name}: a migration that was killed anywhere goes on and loses and doubles nothing`, async () => {
    const probe = dyingAt(Number.MAX_SAFE_INTEGER, false);
    await runMigration(migrationWorld(ports()), FaultDisk.fromFiles(source.files), {}, probe.wrap);
    const stride = Math.max(1, Math.floor(probe.calls() / kills));
    for (let number = 3; number <= probe.calls(); number += stride) {
      const world = migrationWorld(ports());
      const disk = FaultDisk.fromFiles(source.files);
      for (const [at, isSent] of [
        [number, true],
        [Math.floor(number / 2), false],
      ] as const) {
        await assert.rejects(
          runMigration(world, FaultDisk.fromFiles(disk.files()), {}, dyingAt(at, isSent).wrap),
          Killed,
        );
      }
      const result = await runMigration(world, disk);
      assert.deepEqual(
        [result.outcome, result.check!.findings],
        [MigrationOutcome.Migrated, []],
        `killed at ${number}`,
      );
      const driver = await openedTarget(world);
      assert.deepEqual(await shownBy(driver), source.shown, `killed at ${number}`);
      await driver.close();
    }
  });
}

describe('into one server', () => {
  let server: RedisTestServer;
  let source: FilledSource;
  before(async () => {
    server = await RedisTestServer.start();
    source = await filledSource();
  });
  after(() => server.stop());
  suite('one server', () => [server.port], 12);

  const begun = async (world: MigrationWorld): Promise<void> => {
    const dying = dyingAt(40, true).wrap;
    await assert.rejects(runMigration(world, FaultDisk.fromFiles(source.files), {}, dying), Killed);
  };

  test('a dry run counts everything and writes nothing', async () => {
    const world = migrationWorld([server.port]);
    const disk = FaultDisk.fromFiles(source.files);
    const result = await runMigration(world, disk, { dryRun: true });
    assert.equal(result.outcome, MigrationOutcome.Possible);
    assert.ok(result.source.users > USERS);
    assert.deepEqual(disk.files(), source.files);
    assert.equal((await runMigration(world, disk)).isResumed, false);
  });

  test('no logic opens a store into which a migration is under way', async () => {
    const world = migrationWorld([server.port]);
    await begun(world);
    await assert.rejects(openedTarget(world), /run the same `sluice migrate` again/);
  });

  test('a target that a logic uses, or that holds another store, is refused and not touched', async () => {
    const world = migrationWorld([server.port]);
    const driver = await openedTarget(world);
    await driver.run(append({ to: 'bob', id: 'a' }));
    const disk = FaultDisk.fromFiles(source.files);
    await assert.rejects(runMigration(world, disk), /in use by 1 logics/);
    await driver.close();
    await assert.rejects(runMigration(world, disk), /holds another store/);
    const again = await openedTarget(world);
    assert.equal((await again.page('bob')).messages.length, 1);
    await again.close();
  });

  test('a second call after the end compares again; when logics have used the target it does nothing', async () => {
    const world = migrationWorld([server.port]);
    const disk = FaultDisk.fromFiles(source.files);
    await runMigration(world, disk);
    const again = await runMigration(world, disk);
    assert.deepEqual([again.outcome, again.check!.differences], [MigrationOutcome.Migrated, 0]);
    await (await openedTarget(world)).close();
    assert.equal((await runMigration(world, disk)).outcome, MigrationOutcome.InService);
  });

  test('what the target holds too much, too little or otherwise is found', async () => {
    const changes: [name: string, change: (key: (kind: string) => string) => [string, ...string[]]][] = [
      ['a record', (key) => ['LSET', key('t'), '1', 'else']],
      ['a head', (key) => ['INCR', key('h')]],
      ['a device', (key) => ['DEL', key('s')]],
    ];
    const partition = partitionOf(APP, 'u1', 16);
    for (const [what, change] of changes) {
      const world = migrationWorld([server.port]);
      const disk = FaultDisk.fromFiles(source.files);
      await runMigration(world, disk);
      const damaging = (client: RedisClient): RedisClient => {
        const name = (kind: string): string => `${world.keyPrefix}{p${partition}}${kind}/demo/u1`;
        const [command, ...args] = change(name);
        const damaged = client.call(args[0]!, command, args);
        return new Proxy(client, {
          get: (target, property) => {
            const value = Reflect.get(target, property) as unknown;
            if (property !== 'call') return typeof value === 'function' ? value.bind(target) : value;
            return async (...given: Parameters<RedisClient['call']>) => {
              await damaged;
              return target.call(...given);
            };
          },
        });
      };
      const { outcome, check } = await runMigration(world, disk, {}, damaging);
      assert.deepEqual([outcome, check!.differences], [MigrationOutcome.Different, 1], what);
      assert.match(check!.findings[0]!, /user demo\/u1/);
    }
  });

  test('other retention settings in the middle, or a source that was used since, are refused', async () => {
    const world = migrationWorld([server.port]);
    await begun(world);
    const other = { retention: () => ({ ageMs: 1e12, countMax: 3 }) };
    await assert.rejects(runMigration(world, FaultDisk.fromFiles(source.files), other), /retention settings/);
    const disk = FaultDisk.fromFiles(source.files);
    const driver = await embeddedDriver(disk, { retention, partitions: 16 }, new ManualClock(WALL_START_MS)).open();
    await driver.run(append({ to: 'u1', id: 'later' }));
    await driver.close();
    await assert.rejects(runMigration(world, disk), /empty the target/);
  });

  test('the epochs rise exactly when a start of the source would have raised them', async () => {
    const epochAfter = async (files: Map<string, Buffer>): Promise<number> =>
      (await runMigration(migrationWorld([server.port]), FaultDisk.fromFiles(files), { dryRun: true })).epochMax;
    assert.equal(await epochAfter(source.files), 1);
    for (const [durability, epoch] of [
      [Durability.Disk, 1],
      [Durability.Os, 2],
    ] as const) {
      const disk = FaultDisk.fromFiles(source.files);
      const driver = await embeddedDriver(disk, { durability, partitions: 16 }).open();
      await driver.run(append({ to: 'u1', id: 'later' }));
      assert.equal(await epochAfter(disk.files()), epoch, `not closed, ${durability}`);
      await driver.close();
    }
    const copy = FaultDisk.fromFiles(source.files);
    copy.identity = () => Promise.resolve('elsewhere');
    const result = await runMigration(migrationWorld([server.port]), copy);
    assert.ok(result.epochMax > 1_000_000);
    assert.equal(result.outcome, MigrationOutcome.Migrated);
  });

  test('the source begins a new life when it is started again after the migration', async () => {
    const disk = FaultDisk.fromFiles(source.files);
    await runMigration(migrationWorld([server.port]), disk);
    const driver = await embeddedDriver(disk, { retention, partitions: 16 }).open();
    const { epoch, messages } = await driver.page('u1');
    assert.ok(epoch > (1_000_000 as Epoch));
    assert.ok(messages.length > 0);
    await driver.close();
  });

  test('a source that is in use, and one without a store, are refused', async () => {
    const world = migrationWorld([server.port]);
    const disk = FaultDisk.fromFiles(source.files);
    const driver = await embeddedDriver(disk, { partitions: 16 }).open();
    await assert.rejects(runMigration(world, disk), /has the source open/);
    await driver.close();
    await assert.rejects(runMigration(world, new FaultDisk()), /holds no store/);
  });

  test('dedupe rows of which only hashes are left are refused, unless they are given up', async () => {
    const few = () => ({ ageMs: 1e12, countMax: 2 });
    const files = await sourceWithoutOldSegments(few);
    const world = migrationWorld([server.port]);
    const disk = FaultDisk.fromFiles(files);
    await assert.rejects(runMigration(world, disk, { retention: few }), /dedupe rows belong to messages/);
    const result = await runMigration(world, disk, { retention: few, forgetHashed: true });
    assert.equal(result.outcome, MigrationOutcome.Migrated);
    assert.ok(result.source.dedupeRowsHashed > 0);
    assert.ok(result.source.dedupeRows > 0);
  });
});

describe('into a cluster of three primaries and three replicas', () => {
  let cluster: RedisTestCluster;
  before(async () => {
    cluster = await RedisTestCluster.start();
  });
  after(() => cluster.stop());
  suite('cluster', () => cluster.members.map((member) => member.port), 3);
});
