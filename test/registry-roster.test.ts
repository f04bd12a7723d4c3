import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GateEntry, LogicEntry } from '../src/registry/registry.ts';
import { type LocalLogic, RegistryDirectory } from '../src/registry/registry-directory.ts';
import { Roster } from '../src/registry/roster.ts';
import { ManualClock } from './support/manual-clock.ts';
import { gateEntry, ScriptedRegistry } from './support/scripted-registry.ts';

const LEASE_MS = 15_000;
const REFRESH_MS = 1000;

function world() {
  const clock = new ManualClock();
  const registry = new ScriptedRegistry<GateEntry>(clock);
  const roster = new Roster({ clock, registry, refreshMs: REFRESH_MS });
  const names = (): string[] => roster.live.map(({ bootId }) => bootId);
  return { clock, registry, roster, names };
}

test('who comes, changes and goes is seen within one refresh', async () => {
  const { clock, registry, roster, names } = world();
  await registry.announce(gateEntry('b'), LEASE_MS);
  await registry.announce(gateEntry('a'), LEASE_MS);
  await roster.start();
  assert.deepEqual(names(), ['a', 'b']);
  await registry.withdraw(gateEntry('a'));
  await registry.announce(gateEntry('b', { draining: true }), LEASE_MS);
  await clock.advanceAsync(REFRESH_MS, 100);
  assert.deepEqual(
    roster.live.map(({ bootId, draining }) => [bootId, draining]),
    [['b', true]],
  );
  roster.stop();
  assert.equal(clock.pendingTimers, 0);
});

test('the array stays the same while the entries say the same, and only then', async () => {
  const { clock, registry, roster } = world();
  await registry.announce(gateEntry('a'), LEASE_MS);
  await roster.start();
  const { live } = roster;
  await registry.announce(gateEntry('a'), LEASE_MS);
  await clock.advanceAsync(3 * REFRESH_MS, 100);
  assert.equal(roster.live, live);
  await registry.announce(gateEntry('a', { connections: 1 }), LEASE_MS);
  await clock.advanceAsync(REFRESH_MS, 100);
  assert.notEqual(roster.live, live);
});

test('while the registry is away nobody is live beyond the lease, and everybody stays listed', async () => {
  const { clock, registry, roster, names } = world();
  await registry.announce(gateEntry('a'), LEASE_MS);
  await clock.advanceAsync(5000, 1000);
  await registry.announce(gateEntry('b'), LEASE_MS);
  await roster.start();
  registry.isAway = true;
  await clock.advanceAsync(LEASE_MS - 5001, 500);
  assert.deepEqual(names(), ['a', 'b']);
  await clock.advanceAsync(1);
  assert.deepEqual(names(), ['b']);
  await clock.advanceAsync(5000, 500);
  assert.deepEqual(names(), []);
  assert.equal(roster.listed.length, 2);
  assert.ok(roster.failures >= 14);
  registry.isAway = false;
  await registry.announce(gateEntry('a'), LEASE_MS);
  await clock.advanceAsync(REFRESH_MS, 100);
  assert.deepEqual(names(), ['a']);
});

test('a slow answer makes leases end earlier here, never later', async () => {
  const { clock, registry, roster, names } = world();
  await registry.announce(gateEntry('a'), LEASE_MS);
  let release: () => void = () => {};
  registry.held = new Promise((resolve) => {
    release = resolve;
  });
  const started = roster.start();
  await clock.advanceAsync(800, 100);
  release();
  await started;
  registry.isAway = true;
  await clock.advanceAsync(LEASE_MS - 1600, 100);
  assert.deepEqual(names(), []);
});

test('logics: a directory follows the registry, keeps links while it is away, and tells changes only', async () => {
  const clock = new ManualClock();
  const registry = new ScriptedRegistry<LogicEntry>(clock);
  const directory = new RegistryDirectory(new Roster({ clock, registry, refreshMs: REFRESH_MS }), () => undefined);
  const logic = (name: string, bootId: string, address: string): LogicEntry => ({ name, bootId, address });
  const seen: string[][] = [];
  await registry.announce(logic('two', 'x', '10.0.0.2:7500'), LEASE_MS);
  await registry.announce(logic('one', 'y', '/run/trunk.sock'), LEASE_MS);
  directory.start(() => seen.push(directory.logics.map(({ name }) => name)));
  await clock.settle();
  assert.deepEqual(directory.logics, [
    { name: 'one', address: { path: '/run/trunk.sock' } },
    { name: 'two', address: { host: '10.0.0.2', port: 7500 } },
  ]);
  registry.isAway = true;
  await clock.advanceAsync(2 * LEASE_MS, REFRESH_MS);
  registry.isAway = false;
  await registry.announce(logic('two', 'x', '10.0.0.2:7500'), LEASE_MS);
  await clock.advanceAsync(REFRESH_MS, 100);
  assert.deepEqual(seen, [['one', 'two'], ['two']]);
  directory.stop();
  assert.equal(clock.pendingTimers, 0);
});

test('logics: the one of this machine has one link, on its socket, whatever it announces', async () => {
  const clock = new ManualClock();
  const registry = new ScriptedRegistry<LogicEntry>(clock);
  let local: LocalLogic | undefined;
  const roster = new Roster({ clock, registry, refreshMs: REFRESH_MS });
  const directory = new RegistryDirectory(roster, () => local);
  await registry.announce({ name: 'here', bootId: 'x', address: '10.0.0.2:7500' }, LEASE_MS);
  await registry.announce({ name: 'there', bootId: 'y', address: '10.0.0.3:7500' }, LEASE_MS);
  registry.isAway = true;
  directory.start(() => {});
  await clock.settle();
  assert.deepEqual(directory.logics, []);
  local = { address: { path: '/run/trunk.sock' }, announcedAs: undefined };
  await clock.advanceAsync(REFRESH_MS, 100);
  const here = { name: 'local', address: { path: '/run/trunk.sock' } };
  assert.deepEqual(directory.logics, [here]);
  local = { ...local, announcedAs: 'here' };
  registry.isAway = false;
  await clock.advanceAsync(REFRESH_MS, 100);
  assert.deepEqual(directory.logics, [here, { name: 'there', address: { host: '10.0.0.3', port: 7500 } }]);
  directory.stop();
});
