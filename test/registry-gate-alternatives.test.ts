/** Where GOAWAY sends clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALTERNATIVES_MAX, alternativesTo } from '../src/registry/gate-alternatives.ts';
import type { GateEntry, Listed } from '../src/registry/registry.ts';

const LEAVING = gate('10.0.0.1:7400');

function gate(address: string, more: Partial<GateEntry> = {}): GateEntry {
  const about = { name: 'gate 1', bootId: address, apps: [], connections: 0, connectionsMax: 100, draining: false };
  return { ...about, address, ...more };
}

function listed(...gates: readonly GateEntry[]): Listed<GateEntry>[] {
  return gates.map((entry) => ({ entry, leftMs: 1000 }));
}

test('the emptiest gates come first, and each address once', () => {
  const gates = [gate('b:1', { connections: 50 }), gate('c:1', { connections: 10 }), gate('b:1', { connections: 5 })];
  assert.deepEqual(alternativesTo(LEAVING, listed(...gates)), ['b:1', 'c:1']);
});

test('a gate that leaves too, or shares the address of the one that leaves, is none', () => {
  const gates = [gate('b:1', { draining: true }), gate(LEAVING.address, { bootId: 'another worker' })];
  assert.deepEqual(alternativesTo(LEAVING, listed(...gates)), []);
});

test('a gate of some apps is none for the clients of a gate of all', () => {
  assert.deepEqual(alternativesTo(LEAVING, listed(gate('b:1', { apps: ['shop'] }), gate('c:1'))), ['c:1']);
});

test('the clients of a gate of some apps go to gates of at least those, or of all', () => {
  const leaving = gate('a:1', { apps: ['shop', 'chat'] });
  const gates = [gate('b:1', { apps: ['shop'] }), gate('c:1', { apps: ['chat', 'x', 'shop'] }), gate('d:1')];
  assert.deepEqual(alternativesTo(leaving, listed(...gates)), ['c:1', 'd:1']);
});

for (const count of [ALTERNATIVES_MAX - 1, ALTERNATIVES_MAX, ALTERNATIVES_MAX + 1]) {
  test(`of ${count} other gates at most ${ALTERNATIVES_MAX} are named`, () => {
    const gates = Array.from({ length: count }, (_, index) => gate(`b:${index + 1}`));
    assert.equal(alternativesTo(LEAVING, listed(...gates)).length, Math.min(count, ALTERNATIVES_MAX));
  });
}
