/** How often one may fail to log in (T7) and come back after a broken connection (T10). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countsAsReturn, type LoginLimitOptions, LoginLimits } from '../src/logic/login-limits.ts';
import { KEYS_MAX, PenaltyBox } from '../src/logic/penalty-box.ts';
import { CloseReason } from '../src/protocol/index.ts';
import { ManualClock } from './support/manual-clock.ts';

/** The defaults of the internet profile. */
const INTERNET: LoginLimitOptions = {
  userLoginFailuresMax: 10,
  userLoginFailuresWindowMs: 600_000,
  addressLoginFailuresMax: 20,
  addressLoginFailuresWindowMs: 3_600_000,
  addressBanMs: 900_000,
  addressExempt: ['10.0.0.0/8'],
  loginFailureDelayMs: 1000,
  userLoginsPerMinuteMax: 15,
  userLoginBanMs: 300_000,
};

function limitsOf(options: Partial<LoginLimitOptions> = {}): { limits: LoginLimits; clock: ManualClock } {
  const clock = new ManualClock();
  return { limits: new LoginLimits(clock, { ...INTERNET, ...options }), clock };
}

for (const [title, failures, refusedMs] of [
  ['max − 1', 9, 0],
  ['max', 10, 600_000],
  ['max + 1', 11, 600_000],
] as const) {
  test(`T7: after ${title} failed logins of a user from one address within ten minutes`, () => {
    const { limits, clock } = limitsOf();
    for (let failure = 0; failure < failures; failure++) {
      limits.failed('demo', 'alice', '203.0.113.1', true);
    }
    assert.equal(limits.refusedForMs('demo', 'alice', '203.0.113.1'), refusedMs);
    assert.equal(limits.refusedForMs('demo', 'bob', '203.0.113.1'), 0);
    assert.equal(limits.refusedForMs('shop', 'alice', '203.0.113.1'), 0);
    clock.advance(600_000);
    assert.equal(limits.refusedForMs('demo', 'alice', '203.0.113.1'), 0);
  });
}

for (const [title, failures, refusedMs] of [
  ['max − 1', 19, 0],
  ['max', 20, 900_000],
  ['max + 1', 21, 900_000],
] as const) {
  test(`T7: after ${title} failed logins from one address within an hour, whoever it claims to be`, () => {
    const { limits, clock } = limitsOf();
    for (let failure = 0; failure < failures; failure++) limits.failed('demo', `user${failure}`, '203.0.113.1', false);
    assert.equal(limits.refusedForMs('demo', 'carol', '203.0.113.1'), refusedMs);
    assert.equal(limits.refusedForMs('demo', 'carol', '203.0.113.2'), 0);
    clock.advance(900_000);
    assert.equal(limits.refusedForMs('demo', 'carol', '203.0.113.1'), 0);
  });

  test(`T7: after ${title} failed logins from one IPv6 /64`, () => {
    const { limits } = limitsOf();
    for (let failure = 0; failure < failures; failure++) {
      limits.failed('demo', `user${failure}`, `2001:db8::${failure}`, false);
    }
    assert.equal(limits.refusedForMs('demo', 'carol', '2001:db8::ffff'), refusedMs);
    assert.equal(limits.refusedForMs('demo', 'carol', '2001:db8:0:1::1'), 0);
  });
}

test('T7: failures further apart than the window do not add up', () => {
  const { limits, clock } = limitsOf();
  for (let failure = 0; failure < 30; failure++) {
    limits.failed('demo', 'alice', '203.0.113.1', true);
    clock.advance(100_000);
    assert.equal(limits.refusedForMs('demo', 'alice', '203.0.113.1'), 0);
  }
});

test('T7: a stranger who fails under a user’s name does not lock the user out', () => {
  const { limits } = limitsOf();
  for (let failure = 0; failure < 1000; failure++) {
    limits.failed('demo', 'alice', `203.0.113.${failure % 50}`, false);
  }
  assert.ok(limits.refusedForMs('demo', 'alice', '203.0.113.1') > 0);
  assert.equal(limits.refusedForMs('demo', 'alice', '198.51.100.1'), 0);
});

test('T7: exempt and unknown addresses are shared by everybody: nothing is counted there', () => {
  const { limits } = limitsOf();
  for (const address of ['10.1.2.3', '']) {
    for (let failure = 0; failure < 100; failure++) limits.failed('demo', 'alice', address, false);
    assert.equal(limits.refusedForMs('demo', 'alice', address), 0);
  }
});

test('T7: tickets that nobody knows, as after a restore, do not ban the address of a whole office', () => {
  const { limits } = limitsOf();
  for (let user = 0; user < 100; user++) limits.failed('demo', `user${user}`, '203.0.113.1', true);
  assert.equal(limits.refusedForMs('demo', 'carol', '203.0.113.1'), 0);
});

for (const [title, returns, refusedMs] of [
  ['max − 1', 14, 0],
  ['max', 15, 300_000],
  ['max + 1', 16, 300_000],
] as const) {
  test(`T10: after ${title} broken connections within a minute the next login is refused for five minutes`, () => {
    const { limits, clock } = limitsOf();
    for (let end = 0; end < returns; end++) limits.ended('demo', 'alice', CloseReason.PeerClosed, 60_000);
    assert.equal(limits.refusedForMs('demo', 'alice', ''), refusedMs);
    assert.equal(limits.refusedForMs('demo', 'bob', ''), 0);
    clock.advance(300_000);
    assert.equal(limits.refusedForMs('demo', 'alice', ''), 0);
  });
}

test('T10: a user who loses a connection every five seconds is never refused', () => {
  const { limits, clock } = limitsOf();
  for (let end = 0; end < 500; end++) {
    limits.ended('demo', 'alice', CloseReason.PeerClosed, 4900);
    clock.advance(5000);
    assert.equal(limits.refusedForMs('demo', 'alice', ''), 0);
  }
});

test('T10: a DISCONNECT never counts, what the server did never counts, the rest by its length or kind', () => {
  for (const [reason, livedMs, counts] of [
    [CloseReason.Normal, 1, false],
    [CloseReason.Shutdown, 1, false],
    [CloseReason.InternalError, 1, false],
    [CloseReason.MemoryPressure, 1, false],
    [CloseReason.Superseded, 4999, true],
    [CloseReason.Superseded, 5000, false],
    [CloseReason.Replaced, 4999, true],
    [CloseReason.Replaced, 5000, false],
    [CloseReason.Kicked, 5000, false],
    [CloseReason.PeerClosed, 5000, true],
    [CloseReason.IdleTimeout, 90_000, true],
    [CloseReason.ProtocolError, 90_000, true],
  ] as const) {
    assert.equal(countsAsReturn(reason, livedMs), counts, `${reason} after ${livedMs} ms`);
  }
});

test('without limits nobody is refused and nothing is remembered', () => {
  const none = { userLoginFailuresMax: 0, addressLoginFailuresMax: 0, userLoginsPerMinuteMax: 0 };
  const { limits } = limitsOf({ ...none, loginFailureDelayMs: 0 });
  for (let failure = 0; failure < 1000; failure++) {
    limits.failed('demo', 'alice', '203.0.113.1', false);
    limits.ended('demo', 'alice', CloseReason.PeerClosed, 1);
  }
  assert.equal(limits.refusedForMs('demo', 'alice', '203.0.113.1'), 0);
  assert.equal(limits.failureDelayMs, 0);
  const box = new PenaltyBox({ max: 0, windowMs: 1000 });
  box.count('a', 0);
  assert.equal(box.size, 0);
});

test('expired keys are forgotten, and ever new ones are bounded', () => {
  const box = new PenaltyBox({ max: 3, windowMs: 1000 });
  for (let key = 0; key < 1000; key++) box.count(`old${key}`, 0);
  for (let key = 0; key < 1000; key++) box.count(`new${key}`, 2000);
  assert.equal(box.size, 1000);
  for (let key = 0; key < KEYS_MAX + 5000; key++) box.count(`many${key}`, 2000);
  assert.ok(box.size <= KEYS_MAX);
});
