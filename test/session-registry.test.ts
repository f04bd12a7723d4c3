import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Session } from '../src/session/session.ts';
import { SessionRegistry, SLOTS_MAX } from '../src/session/session-registry.ts';

const identity = (uid: string, deviceId = 'd1', app = 'demo') => ({
  app,
  uid,
  deviceType: 'phone',
  deviceId,
  generation: 1,
  capabilities: 0,
});

test('a session is found by its connection and by its user', () => {
  const registry = new SessionRegistry<string>();
  const session = registry.open(identity('alice'), { link: 'gate', slot: 3, serial: 7 }, 2, 1, 5, 100);
  assert.equal(registry.find('gate', 3, 7), session);
  assert.equal(registry.lookup('demo', 'alice'), session);
  assert.deepEqual(registry.sessionsOf('demo', 'alice'), [session]);
  assert.equal(registry.size, 1);
  assert.equal(session.ackedSeq, 5);
});

test('another serial, slot, link or app finds nothing', () => {
  const registry = new SessionRegistry<string>();
  registry.open(identity('alice'), { link: 'gate', slot: 3, serial: 7 }, 2, 1, 0, 100);
  assert.equal(registry.find('gate', 3, 8), undefined);
  assert.equal(registry.find('gate', 4, 7), undefined);
  assert.equal(registry.find('other', 3, 7), undefined);
  assert.equal(registry.lookup('shop', 'alice'), undefined);
});

test('a retired session is found neither by its user nor for commands, but stays in its place', () => {
  const registry = new SessionRegistry<string>();
  const session = registry.open(identity('alice'), { link: 'gate', slot: 0, serial: 1 }, 2, 1, 0, 100);
  assert.equal(registry.retire(session), true);
  assert.equal(registry.retire(session), false);
  assert.equal(registry.find('gate', 0, 1), undefined);
  assert.equal(registry.lookup('demo', 'alice'), undefined);
  assert.equal(registry.at('gate', 0), session);
  registry.close(session);
  assert.equal(registry.at('gate', 0), undefined);
  assert.equal(registry.size, 0);
});

test('a new session in a taken place ends the old one', () => {
  const registry = new SessionRegistry<string>();
  const old = registry.open(identity('alice'), { link: 'gate', slot: 0, serial: 1 }, 2, 1, 0, 100);
  const next = registry.open(identity('bob'), { link: 'gate', slot: 0, serial: 2 }, 2, 1, 0, 100);
  assert.equal(old.ended, true);
  assert.equal(registry.lookup('demo', 'alice'), undefined);
  registry.close(old);
  assert.equal(registry.find('gate', 0, 2), next);
});

test('a slot that no gate can have is an error, not an allocation', () => {
  const registry = new SessionRegistry<string>();
  assert.throws(
    () => registry.open(identity('a'), { link: 'gate', slot: SLOTS_MAX, serial: 1 }, 2, 1, 0, 100),
    RangeError,
  );
});

test('the registry agrees with a plain list of sessions under any sequence of changes', () => {
  const change = fc.record({
    what: fc.constantFrom('open', 'open', 'open', 'retire', 'close', 'closeLink'),
    link: fc.constantFrom('g1', 'g2', 'g3'),
    slot: fc.integer({ min: 0, max: 5 }),
    app: fc.constantFrom('a', 'b'),
    uid: fc.constantFrom('u1', 'u2', 'u3'),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const registry = new SessionRegistry<string>();
      let model: Session<string>[] = [];
      let serial = 0;
      for (const { what, link, slot, app, uid } of changes) {
        const here = model.find((one) => one.link === link && one.slot === slot);
        if (what === 'open') {
          model = model.filter((one) => one !== here);
          model.push(registry.open(identity(uid, 'd', app), { link, slot, serial: ++serial }, 2, 1, 0, 100));
        } else if (what === 'retire' && here !== undefined) registry.retire(here);
        else if (what === 'close' && here !== undefined) {
          registry.close(here);
          model = model.filter((one) => one !== here);
        } else if (what === 'closeLink') {
          const closed: Session<string>[] = [];
          registry.closeLink(link, (session) => closed.push(session));
          assert.deepEqual(new Set(closed), new Set(model.filter((one) => one.link === link)));
          model = model.filter((one) => one.link !== link);
        }
        checkAgainst(model, registry);
      }
    }),
    { numRuns: 200 },
  );
});

function checkAgainst(model: readonly Session<string>[], registry: SessionRegistry<string>): void {
  const live = model.filter((one) => !one.ended);
  assert.equal(registry.size, live.length);
  for (const session of model) {
    assert.equal(registry.at(session.link, session.slot), session);
    assert.equal(registry.find(session.link, session.slot, session.serial), session.ended ? undefined : session);
  }
  for (const app of ['a', 'b']) {
    for (const uid of ['u1', 'u2', 'u3']) {
      const expected = live.filter((one) => one.app === app && one.uid === uid);
      assert.deepEqual(new Set(registry.sessionsOf(app, uid)), new Set(expected));
      const found = registry.lookup(app, uid);
      if (expected.length === 0) assert.equal(found, undefined);
      if (expected.length === 1) assert.equal(found, expected[0]);
    }
  }
}

test('what is remembered of the last link and app is not older than they are', () => {
  const registry = new SessionRegistry<string>();
  const place = { link: 'gate', slot: 0, serial: 1 };
  assert.equal(registry.find('gate', 0, 1), undefined);
  assert.equal(registry.lookup('demo', 'alice'), undefined);
  const first = registry.open(identity('alice'), place, 2, 1, 0, 100);
  assert.equal(registry.find('gate', 0, 1), first);
  assert.equal(registry.lookup('demo', 'alice'), first);
  registry.closeLink('gate', () => {});
  assert.equal(registry.find('gate', 0, 1), undefined);
  const second = registry.open(identity('alice'), place, 2, 1, 0, 100);
  assert.equal(registry.find('gate', 0, 1), second);
  assert.equal(registry.lookup('demo', 'alice'), second);
});
