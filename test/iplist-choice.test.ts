import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Iplist } from '../src/iplist/iplist.ts';
import type { GateEntry } from '../src/registry/registry.ts';
import { gateEntry } from './support/scripted-registry.ts';
import { SeededRandom } from './support/seeded-random.ts';

const TIMES = { heartbeatMs: 60_000, backoffBaseMs: 1000, backoffMaxMs: 60_000, ttlMs: 300_000 };

function iplistOf(gates: readonly GateEntry[]): Iplist {
  return new Iplist({ random: new SeededRandom(1), gates: { live: gates }, gatesMax: 5, times: TIMES });
}

/** The first parts of the addresses. */
function chosen(gates: readonly GateEntry[], app = 'demo', uid = 'alice'): string[] {
  return (iplistOf(gates).answer(app, uid)?.gates ?? []).map((address) => address.split('.')[0] ?? '');
}

/** How many of `users` are sent to which gate first. */
function firsts(gates: readonly GateEntry[], users: number): Record<string, number> {
  const iplist = iplistOf(gates);
  const counts: Record<string, number> = {};
  for (let i = 0; i < users; i++) {
    const first = iplist.answer('demo', `user-${i}`)?.gates[0]?.split('.')[0] ?? 'nobody';
    counts[first] = (counts[first] ?? 0) + 1;
  }
  return counts;
}

function ten(): GateEntry[] {
  return Array.from({ length: 10 }, (_, i) => gateEntry(`g${i}`));
}

test('an answer names five gates at most, none twice, with the times of the configuration', () => {
  const answer = iplistOf(ten()).answer('demo', 'alice');
  assert.equal(new Set(answer?.gates).size, 5);
  assert.deepEqual(
    { ...answer, gates: [] },
    { gates: [], heartbeatMs: 60_000, backoff: { baseMs: 1000, maxMs: 60_000 }, ttlMs: 300_000 },
  );
  assert.deepEqual(chosen([gateEntry('only')]), ['only']);
  assert.equal(iplistOf([]).answer('demo', 'alice'), undefined);
});

test('a user gets the same answer while nothing changes; without a uid chance decides', () => {
  assert.deepEqual(chosen(ten()), chosen(ten()));
  const iplist = iplistOf(ten());
  const different = new Set(Array.from({ length: 50 }, () => JSON.stringify(iplist.answer('demo', '')?.gates)));
  assert.ok(different.size > 30, `${different.size} of 50`);
});

test('a burst between two announcements spreads over all gates by the room they have', () => {
  const gates = [
    gateEntry('half', { connections: 500, connectionsMax: 1000 }),
    gateEntry('empty', { connectionsMax: 1000 }),
    gateEntry('big', { connectionsMax: 2500 }),
  ];
  const counts = firsts(gates, 40_000);
  for (const [name, share] of [
    ['half', 5000],
    ['empty', 10_000],
    ['big', 25_000],
  ] as const) {
    assert.ok(Math.abs((counts[name] ?? 0) - share) < 0.05 * share, `${name}: ${counts[name]} instead of ${share}`);
  }
});

test('a gate that goes moves its own users only', () => {
  const all = iplistOf(ten());
  const left = iplistOf(ten().slice(1));
  for (let i = 0; i < 500; i++) {
    const before = all.answer('demo', `user-${i}`)?.gates[0];
    const now = left.answer('demo', `user-${i}`)?.gates[0];
    if (before !== 'g0.example:7400') assert.equal(now, before);
  }
});

test('a draining gate is never named, also when it is the only one', () => {
  assert.deepEqual(chosen([gateEntry('a'), gateEntry('b', { draining: true })]), ['a']);
  assert.deepEqual(chosen([gateEntry('b', { draining: true })]), []);
});

test('a full gate is named only when all are full', () => {
  const full = { connections: 100, connectionsMax: 100 };
  assert.deepEqual(chosen([gateEntry('a'), gateEntry('b', full)]), ['a']);
  assert.deepEqual(chosen([gateEntry('a', full), gateEntry('b', { connections: 101 })]).sort(), ['a', 'b']);
});

test('the processes behind one address are one gate with the room of all that do not drain', () => {
  const address = 'shared.example:7400';
  const gates = [
    gateEntry('w1', { address, connections: 100 }),
    gateEntry('w2', { address }),
    gateEntry('w3', { address, draining: true }),
    gateEntry('other'),
  ];
  const counts = firsts(gates, 20_000);
  assert.deepEqual(Object.keys(counts).sort(), ['other', 'shared']);
  assert.ok(Math.abs((counts['shared'] ?? 0) - 10_000) < 500, `${counts['shared']}`);
});

test('an app with gates of its own is sent to those, every other app to the others', () => {
  const gates = [
    gateEntry('shop1', { apps: ['shop'] }),
    gateEntry('two', { apps: ['shop', 'bank'] }),
    gateEntry('all'),
  ];
  assert.deepEqual(chosen(gates, 'shop').sort(), ['shop1', 'two']);
  assert.deepEqual(chosen(gates, 'bank'), ['two']);
  assert.deepEqual(chosen(gates, 'demo'), ['all']);
  assert.deepEqual(chosen(gates, 'does-not-exist'), ['all']);
});

test('an app whose own gates are all gone or draining is sent to those for all', () => {
  const own = gateEntry('own', { apps: ['shop'], draining: true });
  assert.deepEqual(chosen([own, gateEntry('all')], 'shop'), ['all']);
  assert.deepEqual(chosen([own], 'shop'), []);
  assert.deepEqual(chosen([gateEntry('own', { apps: ['shop'] })], 'demo'), []);
});

test('a change of the gates is seen by the next question', () => {
  const source = { live: [gateEntry('a')] as readonly GateEntry[] };
  const iplist = new Iplist({ random: new SeededRandom(1), gates: source, gatesMax: 5, times: TIMES });
  assert.deepEqual(iplist.answer('demo', 'alice')?.gates, ['a.example:7400']);
  source.live = [gateEntry('b')];
  assert.deepEqual(iplist.answer('demo', 'alice')?.gates, ['b.example:7400']);
});
