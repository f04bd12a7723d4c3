/** What every store engine has to do: the same suite for each of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Generation, Seq, Uid } from '../../src/model/ids.ts';
import {
  AppendStatus,
  LoginIntent,
  LoginStatus,
  NewDeviceStart,
  type Operation,
  RefusalReason,
  type RetentionPolicy,
  SessionPolicy,
  type Store,
} from '../../src/store/store.ts';
import { ManualClock } from './manual-clock.ts';
import { APP, append, cursor, login, revoke, StoreDriver, textOf, WALL_START_MS } from './store-driver.ts';

export interface ContractSettings {
  clock: ManualClock;
  retention: RetentionPolicy;
  queueOperationsMax: number;
}

/** Makes stores on the same data: each call is a restart. */
export type StoreMaker = (settings: ContractSettings) => () => Store;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function storeContract(name: string, maker: StoreMaker): void {
  async function start(overrides: Partial<ContractSettings> = {}) {
    const settings: ContractSettings = {
      clock: new ManualClock(WALL_START_MS),
      retention: { ageMs: 30 * DAY_MS, countMax: 10_000 },
      queueOperationsMax: 10_000,
      ...overrides,
    };
    const make = maker(settings);
    const driver = await new StoreDriver(make(), settings.clock).open();
    const reopen = async (previous: StoreDriver) => {
      await previous.close();
      return new StoreDriver(make(), settings.clock).open();
    };
    return { driver, reopen, clock: settings.clock };
  }

  describe(`${name}: timelines`, () => {
    test('seqs of a timeline are 1, 2, 3 … in submit order, message ids grow, its operations come back in order', async () => {
      const { driver } = await start();
      const sent = Array.from({ length: 300 }, (_, i) => append({ to: `u${i % 3}`, id: `m${i}` }));
      await driver.run(...sent);
      for (let u = 0; u < 3; u++) {
        const ofUser = (operation: Operation) => 'target' in operation && operation.target === `u${u}`;
        assert.deepEqual(driver.reported.filter(ofUser), sent.filter(ofUser));
      }
      for (let u = 0; u < 3; u++) {
        const messages = await driver.timeline(`u${u}`);
        assert.deepEqual(
          messages.map((m) => m.seq),
          Array.from({ length: 100 }, (_, i) => i + 1),
        );
        assert.deepEqual(
          messages.map(textOf),
          messages.map((_, i) => `text of m${i * 3 + u}`),
        );
        assert.ok(messages.every((m, i) => i === 0 || m.messageId > messages[i - 1]!.messageId));
        assert.ok(messages.every((m) => m.from === 'alice' && m.to === `u${u}`));
      }
      await driver.close();
    });

    test('pages start after `after`, end at the limit or at bytesMax, and hold at least one message', async () => {
      const { driver } = await start();
      await driver.run(
        ...Array.from({ length: 20 }, (_, i) => append({ to: 'bob', id: `m${i}`, text: 'x'.repeat(100) })),
      );
      assert.deepEqual(
        (await driver.page('bob', 5, 3)).messages.map((m) => m.seq),
        [6, 7, 8],
      );
      assert.deepEqual(
        (await driver.page('bob', 0, 100, 250)).messages.map((m) => m.seq),
        [1, 2],
      );
      assert.deepEqual(
        (await driver.page('bob', 7, 100, 1)).messages.map((m) => m.seq),
        [8],
      );
      assert.deepEqual((await driver.page('bob', 20)).messages, []);
      await driver.close();
    });

    test('a user that the store has never seen has zeros, the same id in another app is another user', async () => {
      const { driver } = await start();
      await driver.run(append({ to: 'bob', id: 'a' }));
      const other = await driver.page('bob', 0, 10, 1000, 'other' as typeof APP);
      assert.deepEqual(other, { epoch: 1, head: 0, floor: 1, messages: [] });
      await driver.close();
    });

    test("the sender's copy is the same message in the sender's timeline; to oneself there is one row", async () => {
      const { driver } = await start();
      const sent = await driver.runOne(append({ to: 'bob', from: 'alice', id: 'a', copy: true }));
      const self = await driver.runOne(append({ to: 'alice', from: 'alice', id: 'b', copy: true }));
      assert.equal(sent.seq, 1);
      assert.equal(sent.senderSeq, 1);
      assert.deepEqual([self.seq, self.senderSeq], [2, 0]);
      const [copy, note] = await driver.timeline('alice');
      assert.deepEqual([copy!.messageId, copy!.from, copy!.to, copy!.seq], [sent.messageId, 'alice', 'bob', 1]);
      assert.equal(note!.clientMsgId, 'b');
      await driver.close();
    });

    test('readers see nothing of an operation before it is reported', async () => {
      const { driver, clock } = await start();
      driver.store.submit(append({ to: 'bob', id: 'a' }));
      driver.store.submit(login({ device: 'd' }));
      for (let step = 0; driver.reported.length < 2; step++) {
        const page = await driver.store.readTimeline(APP, 'bob' as Uid, 0 as Seq, 10, 1000);
        const user = await driver.store.readUser(APP, 'bob' as Uid);
        if (driver.reported.length > 0) break;
        assert.deepEqual([page.head, page.messages.length, user.head], [0, 0, 0], `step ${step}`);
        assert.deepEqual(user.currentGenerations, []);
        await clock.advanceAsync(1);
      }
      assert.equal((await driver.page('bob')).messages.length, 1);
      await driver.close();
    });

    test('everything survives a restart: seqs, ids, generations, cursors, dedupe rows, revocation', async () => {
      const { driver, reopen } = await start();
      const sent = await driver.run(
        ...Array.from({ length: 50 }, (_, i) => append({ to: 'bob', id: `m${i}`, copy: true })),
      );
      const first = await driver.runOne(login({ device: 'd', newDeviceStart: NewDeviceStart.Floor }));
      await driver.run(cursor('bob', 'd', 20), revoke('carol', WALL_START_MS + 5));
      const before = await driver.timeline('bob');
      const again = await reopen(driver);
      assert.deepEqual(await again.timeline('bob'), before);
      assert.deepEqual((await again.finish(again.store.readUser(APP, 'bob' as Uid))).currentGenerations, [
        first.generation,
      ]);
      const retry = await again.runOne(append({ to: 'bob', id: 'm7' }));
      assert.deepEqual([retry.status, retry.messageId], [AppendStatus.Duplicate, sent[7]!.messageId]);
      const next = await again.runOne(append({ to: 'bob', id: 'new' }));
      assert.equal(next.seq, 51);
      assert.ok(next.messageId > sent[49]!.messageId);
      const second = await again.runOne(login({ device: 'd' }));
      assert.deepEqual([second.cursor, second.generation > first.generation, second.displaced], [20, true, []]);
      const revoked = await again.runOne(login({ device: 'x', user: 'carol', issuedAtMs: WALL_START_MS + 4 }));
      assert.equal(revoked.status, LoginStatus.Revoked);
      await again.close();
    });
  });

  describe(`${name}: dedupe (G3)`, () => {
    test('the same key and body is a duplicate with the original id, another body is a conflict, nothing is stored', async () => {
      const { driver } = await start();
      const original = await driver.runOne(append({ to: 'bob', id: 'a' }));
      const [same, other] = await driver.run(
        append({ to: 'bob', id: 'a' }),
        append({ to: 'bob', id: 'a', text: 'else' }),
      );
      assert.deepEqual([same!.status, same!.messageId, same!.seq], [AppendStatus.Duplicate, original.messageId, 0]);
      assert.equal(same!.timeMs, original.timeMs);
      assert.equal(other!.status, AppendStatus.Conflict);
      assert.equal((await driver.timeline('bob')).length, 1);
      await driver.close();
    });

    test('the key covers app, sender and target (T22)', async () => {
      const { driver } = await start();
      const sent = await driver.run(
        append({ to: 'bob', id: 'a' }),
        append({ to: 'carol', id: 'a' }),
        append({ to: 'bob', from: 'dave', id: 'a' }),
        append({ to: 'bob', id: 'a', app: 'other' }),
      );
      assert.ok(sent.every((operation) => operation.status === AppendStatus.Stored));
      await driver.close();
    });

    test('a retry of an operation that is still in flight answers its id, and not before it is committed', async () => {
      const { driver } = await start();
      const original = append({ to: 'bob', id: 'a' });
      const retry = append({ to: 'bob', id: 'a' });
      driver.store.submit(original);
      await driver.clock.settle();
      await driver.run(retry);
      await driver.close();
      assert.equal(driver.reported.indexOf(original) < driver.reported.indexOf(retry), true);
      assert.deepEqual([retry.status, retry.messageId], [AppendStatus.Duplicate, original.messageId]);
    });

    test('a retry is known for the whole window, also when the clock steps by an hour, and forgotten after it', async () => {
      const { driver, clock } = await start();
      await driver.runOne(append({ to: 'bob', id: 'a' }));
      clock.wallStartMs += 48 * HOUR_MS + HOUR_MS - 60_000;
      assert.equal((await driver.runOne(append({ to: 'bob', id: 'a' }))).status, AppendStatus.Duplicate);
      clock.wallStartMs -= 3 * HOUR_MS;
      assert.equal((await driver.runOne(append({ to: 'bob', id: 'a' }))).status, AppendStatus.Duplicate);
      clock.wallStartMs += 72 * HOUR_MS;
      assert.equal((await driver.runOne(append({ to: 'bob', id: 'a' }))).status, AppendStatus.Stored);
      await driver.close();
    });

    test('message ids and times never go back when the wall clock does', async () => {
      const { driver, clock } = await start();
      const first = await driver.runOne(append({ to: 'bob', id: 'a' }));
      clock.wallStartMs -= HOUR_MS;
      const second = await driver.runOne(append({ to: 'bob', id: 'b' }));
      assert.ok(second.messageId > first.messageId);
      assert.ok(second.timeMs >= first.timeMs);
      await driver.close();
    });
  });

  describe(`${name}: cursors`, () => {
    test('a new device starts at the floor or the head; a cursor moves forward only, within the epoch and the head', async () => {
      const { driver } = await start();
      await driver.run(...Array.from({ length: 5 }, (_, i) => append({ to: 'bob', id: `m${i}` })));
      assert.equal((await driver.runOne(login({ device: 'a' }))).cursor, 0);
      assert.equal((await driver.runOne(login({ device: 'b', newDeviceStart: NewDeviceStart.Head }))).cursor, 5);
      await driver.run(cursor('bob', 'a', 3), cursor('bob', 'a', 2), cursor('bob', 'a', 6), cursor('bob', 'a', 4, 9));
      await driver.run(cursor('bob', 'unknown', 3), cursor('nobody', 'a', 3));
      const again = await driver.runOne(login({ device: 'a' }));
      assert.deepEqual([again.cursor, again.head, again.floor, again.epoch], [3, 5, 1, 1]);
      await driver.close();
    });

    test('a cursor that moves and a login in the same commit agree', async () => {
      const { driver } = await start();
      await driver.run(append({ to: 'bob', id: 'a' }), append({ to: 'bob', id: 'b' }));
      await driver.runOne(login({ device: 'd' }));
      const last = login({ device: 'd' });
      await driver.run(cursor('bob', 'd', 2), last);
      assert.equal(last.cursor, 2);
      await driver.close();
    });
  });

  describe(`${name}: logins (G8)`, () => {
    const current = async (driver: StoreDriver) =>
      (await driver.finish(driver.store.readUser(APP, 'bob' as Uid))).currentGenerations.toSorted((a, b) => a - b);

    test('one per type: another device of the type is displaced, other types stay', async () => {
      const { driver } = await start();
      const [phone, tablet] = await driver.run(
        login({ device: 'a' }),
        login({ device: 't', deviceType: 'tablet' as never }),
      );
      const second = await driver.runOne(login({ device: 'b' }));
      assert.deepEqual(second.displaced, [phone!.generation]);
      assert.deepEqual(await current(driver), [tablet!.generation, second.generation]);
      await driver.close();
    });

    test('one per user: every other device is displaced; many: none', async () => {
      const { driver } = await start();
      const many = { policy: SessionPolicy.Many };
      const three = await driver.run(
        login({ device: 'a', ...many }),
        login({ device: 'b', ...many }),
        login({ device: 'c', ...many }),
      );
      assert.deepEqual(
        await current(driver),
        three.map((operation) => operation.generation),
      );
      const only = await driver.runOne(
        login({ device: 'd', deviceType: 'tv' as never, policy: SessionPolicy.OnePerUser }),
      );
      assert.deepEqual(
        only.displaced.toSorted((a, b) => a - b),
        three.map((operation) => operation.generation),
      );
      assert.deepEqual(await current(driver), [only.generation]);
      await driver.close();
    });

    test('the same device never displaces itself: its generation rises', async () => {
      const { driver } = await start();
      const [first, second] = await driver.run(login({ device: 'a' }), login({ device: 'a' }));
      assert.deepEqual(second!.displaced, []);
      assert.ok(second!.generation > first!.generation);
      assert.deepEqual(await current(driver), [second!.generation]);
      await driver.close();
    });

    test('resume with an older generation while another device is current is replaced; fresh takes over', async () => {
      const { driver } = await start();
      const first = await driver.runOne(login({ device: 'a' }));
      const second = await driver.runOne(login({ device: 'b' }));
      const resume = { intent: LoginIntent.Resume, lastGeneration: first.generation };
      const late = await driver.runOne(login({ device: 'a', ...resume }));
      assert.deepEqual([late.status, late.displaced], [LoginStatus.Replaced, []]);
      assert.deepEqual(await current(driver), [second.generation]);
      const own = { intent: LoginIntent.Resume, lastGeneration: first.generation };
      assert.equal((await driver.runOne(login({ device: 'b', ...own }))).status, LoginStatus.Current);
      const fresh = await driver.runOne(login({ device: 'a' }));
      assert.equal(fresh.status, LoginStatus.Current);
      assert.deepEqual(await current(driver), [fresh.generation]);
      await driver.close();
    });

    test('of 100 racing logins exactly one is current: the one with the largest generation', async () => {
      const { driver } = await start();
      const racing = Array.from({ length: 100 }, (_, i) => login({ device: `d${i}` }));
      await driver.run(...racing);
      const generations = racing.map((operation) => operation.generation);
      assert.equal(new Set(generations).size, 100);
      assert.deepEqual(await current(driver), [Math.max(...generations) as Generation]);
      const displaced = racing.flatMap((operation) => operation.displaced);
      assert.equal(new Set(displaced).size, 99);
      await driver.close();
    });

    test('revocation refuses older credentials, ends their sessions, and never moves back', async () => {
      const { driver } = await start();
      await driver.runOne(login({ device: 'a', issuedAtMs: WALL_START_MS }));
      await driver.run(revoke('bob', WALL_START_MS + 100), revoke('bob', WALL_START_MS + 50));
      assert.deepEqual(await current(driver), []);
      const old = await driver.runOne(login({ device: 'a', issuedAtMs: WALL_START_MS + 99 }));
      assert.equal(old.status, LoginStatus.Revoked);
      const young = await driver.runOne(login({ device: 'a', issuedAtMs: WALL_START_MS + 100 }));
      assert.equal(young.status, LoginStatus.Current);
      await driver.close();
    });

    test('at most 16 devices of a user are known: the least recently used goes, and expires after 90 days', async () => {
      const { driver, clock } = await start();
      await driver.run(append({ to: 'bob', id: 'a' }));
      const many = { policy: SessionPolicy.Many, newDeviceStart: NewDeviceStart.Head };
      for (let i = 0; i < 16; i++) await driver.runOne(login({ device: `d${i}`, ...many }));
      const seventeenth = await driver.runOne(login({ device: 'd16', ...many }));
      assert.equal(seventeenth.displaced.length, 1);
      assert.equal((await current(driver)).length, 16);
      await driver.run(append({ to: 'bob', id: 'b' }));
      assert.equal((await driver.runOne(login({ device: 'd16', ...many }))).cursor, 1);
      clock.wallStartMs += 91 * DAY_MS;
      await driver.runOne(login({ device: 'young', ...many }));
      assert.equal((await current(driver)).length, 1);
      await driver.close();
    });
  });

  describe(`${name}: limits and retention`, () => {
    test('a full queue answers Busy, a closed store Unavailable, and neither stores anything', async () => {
      const { driver } = await start({ queueOperationsMax: 10 });
      await driver.run(...Array.from({ length: 25 }, (_, i) => append({ to: 'bob', id: `m${i}` })));
      assert.equal(driver.refusals.length, 15);
      assert.ok(driver.refusals.every((refusal) => refusal.reason === RefusalReason.Busy));
      assert.equal((await driver.timeline('bob')).length, 10);
      await driver.close();
      await driver.run(append({ to: 'bob', id: 'late' }));
      assert.equal(driver.refusals.at(-1)?.reason, RefusalReason.Unavailable);
    });

    test('close commits what was submitted before it', async () => {
      const { driver } = await start();
      for (let i = 0; i < 100; i++) driver.store.submit(append({ to: 'bob', id: `m${i}` }));
      await driver.close();
      assert.equal(driver.reported.length, 100);
    });

    test('retention by count moves the floor and a reader below it continues there', async () => {
      const { driver } = await start({ retention: { ageMs: 30 * DAY_MS, countMax: 10 } });
      await driver.run(...Array.from({ length: 25 }, (_, i) => append({ to: 'bob', id: `m${i}` })));
      const page = await driver.page('bob', 3);
      assert.deepEqual([page.floor, page.head, page.messages[0]?.seq, page.messages.length], [16, 25, 16, 10]);
      await driver.close();
    });

    test('retention by age moves the floor to head + 1, seqs go on', async () => {
      const { driver, reopen, clock } = await start({ retention: { ageMs: HOUR_MS, countMax: 1000 } });
      await driver.run(...Array.from({ length: 5 }, (_, i) => append({ to: 'bob', id: `m${i}` })));
      clock.wallStartMs += 2 * HOUR_MS;
      await driver.run(append({ to: 'carol', id: 'x' }));
      await clock.advanceAsync(3000, 1000);
      const page = await driver.page('bob');
      assert.deepEqual([page.floor, page.head, page.messages], [6, 5, []]);
      const again = await reopen(driver);
      assert.equal((await again.runOne(append({ to: 'bob', id: 'y' }))).seq, 6);
      await again.close();
    });
  });
}
