import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AppId, DeviceId, DeviceType, Generation, Seq, Uid } from '../src/model/ids.ts';
import { DevicePool } from '../src/store/embedded/device-pool.ts';
import { hashText, TextSlab } from '../src/store/embedded/text-slab.ts';
import { TimelineIndex } from '../src/store/embedded/timeline-index.ts';
import { UserDirectory } from '../src/store/embedded/user-directory.ts';

test('the timeline index answers like a list per user under any appends, take-backs and trims', () => {
  const step = fc.record({
    user: fc.integer({ min: 0, max: 4 }),
    action: fc.constantFrom('append', 'append', 'append', 'append', 'pop', 'trim'),
    amount: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const index = new TimelineIndex();
      const users = Array.from({ length: 5 }, () => ({ head: 0, floor: 1, positions: new Map<number, number>() }));
      let position = 0;
      for (const { user, action, amount } of steps) {
        const model = users[user]!;
        if (action === 'append') {
          for (let i = 0; i < amount; i++) {
            position += 2 ** 33 + 8;
            model.head += 1;
            index.append(user, model.head, position, model.floor);
            model.positions.set(model.head, position);
          }
        } else if (action === 'pop' && model.head >= model.floor) {
          index.pop(user);
          model.positions.delete(model.head--);
        } else if (action === 'trim') {
          model.floor = Math.min(model.floor + amount, model.head + 1);
          index.trim(user, model.floor);
        }
        for (let seq = model.floor; seq <= model.head; seq++) {
          assert.equal(index.position(user, seq), model.positions.get(seq));
        }
        assert.equal(index.position(user, model.head + 1), -1);
      }
    }),
  );
});

test('a timeline of 300,000 messages and a million short ones stay within 16 bytes a message and 16 a user', () => {
  const index = new TimelineIndex();
  for (let seq = 1; seq <= 300_000; seq++) index.append(0, seq, seq * 100, 1);
  assert.equal(index.position(0, 123_456), 12_345_600);
  assert.ok(index.bytes <= 300_000 * 16 + 2 ** 20);
  const before = index.bytes;
  for (let user = 1; user <= 1_000_000; user++) index.append(user, 1, user, 1);
  assert.ok(index.bytes - before <= 16.6 * 1_000_000);
  assert.equal(index.position(777_777, 1), 777_777);
});

test('users keep their numbers; a name that was taken back can come again', () => {
  const directory = new UserDirectory(64, 7);
  const numbers = Array.from({ length: 5000 }, (_, i) => directory.add(`app${i % 3}` as AppId, `u${i}` as Uid));
  assert.deepEqual(
    numbers,
    Array.from({ length: 5000 }, (_, i) => i),
  );
  assert.equal(directory.find('app1' as AppId, 'u4' as Uid), 4);
  assert.equal(directory.find('app2' as AppId, 'u4' as Uid), -1);
  assert.equal(directory.find('none' as AppId, 'u4' as Uid), -1);
  directory.removeNewest();
  assert.equal(directory.find('app1' as AppId, 'u4999' as Uid), -1);
  assert.equal(directory.add('app1' as AppId, 'again' as Uid), 4999);
  assert.equal(directory.uid(4999), 'again');
});

test('device rows are kept per user and their places are used again', () => {
  const pool = new DevicePool();
  const row = (id: string, cursor: number) => ({
    deviceId: id as DeviceId,
    deviceType: 'phone' as DeviceType,
    cursor: cursor as Seq,
    generation: (2 ** 40) as Generation,
    issuedAtMs: 1,
    lastUsedMs: 2,
    sessionExpiresAtS: 3,
    tickets: new Uint8Array(id === 'a' ? 49 : 0).fill(7),
  });
  let first = 0;
  for (let round = 0; round < 1000; round++) first = pool.replace(first, [row('a', round), row('b', 1)]);
  const other = pool.replace(0, [row('a', 7)]);
  assert.deepEqual(pool.load(first), [row('a', 999), row('b', 1)]);
  assert.equal(pool.cursor[pool.find(other, 'a' as DeviceId)], 7);
  assert.equal(pool.find(other, 'b' as DeviceId), 0);
  assert.equal(pool.cursor.length, 256);
});

test('names are found whatever was added and taken back before, the same uid in two apps twice', () => {
  const step = fc.record({
    uid: fc.integer({ min: 0, max: 400 }),
    app: fc.integer({ min: 0, max: 1 }),
    takesBack: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.integer(), (steps, seed) => {
      const directory = new UserDirectory(64, seed);
      const model = new Map<string, number>();
      for (const { uid, app, takesBack } of steps) {
        const name = `${app} ${uid}`;
        const [appId, userId] = [`app${app}` as AppId, `user-${uid}` as Uid];
        assert.equal(directory.find(appId, userId), model.get(name) ?? -1);
        if (model.has(name)) continue;
        const user = directory.add(appId, userId);
        if (takesBack) directory.removeNewest();
        else model.set(name, user);
      }
      for (const [name, user] of model) {
        const [app, uid] = name.split(' ');
        assert.equal(directory.find(`app${app}` as AppId, `user-${uid}` as Uid), user);
      }
    }),
  );
});

test('texts of any script come back whole, compare, hash as strings do, and their places are used again', () => {
  const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 16 }), { maxLength: 200 });
  fc.assert(
    fc.property(texts, fc.integer(), (words, seed) => {
      const slab = new TextSlab();
      const kept = words.map((word) => slab.add(word));
      for (const [i, handle] of kept.entries()) {
        assert.equal(slab.get(handle), words[i]);
        assert.ok(slab.equals(handle, words[i]!));
        assert.ok(!slab.equals(handle, `${words[i]}x`));
        assert.equal(slab.hash(handle, seed), hashText(words[i]!, seed));
      }
      for (const handle of kept) slab.release(handle);
      const again = words.map((word) => slab.add(word));
      assert.deepEqual(
        again.toSorted((a, b) => a - b),
        kept.toSorted((a, b) => a - b),
      );
    }),
  );
});

test('device types beyond those that are shared are kept all the same', () => {
  const pool = new DevicePool();
  const row = (type: string) => ({
    deviceId: 'd' as DeviceId,
    deviceType: type as DeviceType,
    cursor: 0 as Seq,
    generation: 1 as Generation,
    issuedAtMs: 1,
    lastUsedMs: 2,
    sessionExpiresAtS: 3,
    tickets: new Uint8Array(0),
  });
  const users = Array.from({ length: 1100 }, (_, i) => pool.replace(0, [row(`type-${i}`)]));
  for (const [i, first] of users.entries()) assert.deepEqual(pool.load(first), [row(`type-${i}`)]);
  const moved = pool.replace(users[1090]!, [row('type-3')]);
  assert.deepEqual(pool.load(moved), [row('type-3')]);
});
