import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Announcer } from '../src/registry/announcer.ts';
import type { GateEntry } from '../src/registry/registry.ts';
import { ManualClock } from './support/manual-clock.ts';
import { gateEntry, ScriptedRegistry } from './support/scripted-registry.ts';
import { SeededRandom } from './support/seeded-random.ts';

const LEASE_MS = 15_000;

function world() {
  const clock = new ManualClock();
  const registry = new ScriptedRegistry<GateEntry>(clock);
  const gate = { connections: 0, draining: false };
  const describe = (): GateEntry => gateEntry('a', { ...gate });
  const announcer = new Announcer({ clock, random: new SeededRandom(1), registry, leaseMs: LEASE_MS, describe });
  return { clock, registry, gate, announcer };
}

test('an entry stays listed without a gap, with its load, at no more than four calls a lease', async () => {
  const { clock, registry, gate, announcer } = world();
  await announcer.start();
  for (let second = 1; second <= 150; second++) {
    gate.connections = second * 1000;
    await clock.advanceAsync(1000, 1000);
    assert.equal(registry.listed().length, 1, `second ${second}`);
  }
  assert.ok((registry.listed()[0]?.entry.connections ?? 0) > 140_000);
  assert.ok(registry.calls >= 30 && registry.calls <= 40, `${registry.calls} calls in ten leases`);
});

test('what others must know at once is announced at once, and what changes meanwhile right after', async () => {
  const { clock, registry, gate, announcer } = world();
  await announcer.start();
  await clock.advanceAsync(1000);
  let release: () => void = () => {};
  registry.held = new Promise((resolve) => {
    release = resolve;
  });
  gate.connections = 1;
  const first = announcer.changed();
  gate.draining = true;
  const second = announcer.changed();
  registry.held = undefined;
  release();
  await Promise.all([first, second]);
  assert.equal(registry.listed()[0]?.entry.draining, true);
  assert.equal(registry.calls, 3);
});

test('while the registry is away the entry is tried every second, and is known not to be seen after its lease', async () => {
  const { clock, registry, announcer } = world();
  await announcer.start();
  registry.isAway = true;
  await clock.advanceAsync(LEASE_MS - 1, 100);
  assert.equal(announcer.isAnnounced, true);
  await clock.advanceAsync(1);
  assert.equal(announcer.isAnnounced, false);
  assert.ok(announcer.failures >= 9 && announcer.failures <= 12, `${announcer.failures} failures`);
  registry.isAway = false;
  await clock.advanceAsync(1000, 100);
  assert.equal(announcer.isAnnounced, true);
  assert.equal(registry.listed().length, 1);
});

test('a stop takes the entry out of the list, once, and announces nothing after it', async () => {
  const { clock, registry, announcer } = world();
  await announcer.start();
  const stopped = announcer.stop();
  assert.equal(announcer.stop(), stopped);
  await stopped;
  assert.deepEqual(registry.listed(), []);
  await announcer.changed();
  await clock.advanceAsync(LEASE_MS, 1000);
  assert.equal(registry.calls, 2);
  assert.equal(clock.pendingTimers, 0);
});

test('a stop ends also when the registry is away', async () => {
  const { clock, registry, announcer } = world();
  registry.isAway = true;
  await announcer.start();
  await announcer.stop();
  assert.equal(clock.pendingTimers, 0);
});
