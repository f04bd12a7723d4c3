/** What happens to a system whose network is cut, and what must hold meanwhile and afterwards. Titles are requirements. */
import assert from 'node:assert/strict';
import { DEVELOPMENT_APP_ID } from '../../src/config/apps.ts';
import { LEASE_MS, PARTITIONS, type PartitionedWorld, type Placed } from './partitioned-world.ts';
import type { RoleProcess } from './role-process.ts';
import { until } from './system.ts';
import type { Cut } from './test-network.ts';

/** Longer than three heartbeats of the trunk and a lease. */
const LONG_MS = 2 * LEASE_MS;

type Scenario = (world: PartitionedWorld) => Promise<void>;

async function gateFromRedis(world: PartitionedWorld): Promise<void> {
  const { network, redis, gates } = world;
  const [gate] = gates as [Placed, Placed];
  const api = await world.api();
  await until(async () => (await gatesNamedBy(api)).length === 2, 'both gates are named');
  const crowd = await world.people();
  await network.cut(gate.place, redis.place);
  await until(async () => (await gatesNamedBy(api)).length === 1, 'the gate is named no more');
  const address = `${gate.place.host}:${gate.role.gatePort}`;
  assert.ok(!(await gatesNamedBy(api)).includes(address), 'the other one is named');
  await crowd.talk(150);
  await network.heal(gate.place, redis.place);
  await until(async () => (await gatesNamedBy(api)).includes(address), 'the gate is named again');
  await crowd.talk(50);
  await world.judge(crowd, { logins: 0 });
}

async function gateFromLogic(world: PartitionedWorld): Promise<void> {
  const { network, gates, logics } = world;
  const [gate] = gates as [Placed, Placed];
  const [away, there] = logics as [Placed, Placed];
  const crowd = await world.people();
  const kept = await world.owned(there);
  await network.cut(gate.place, away.place);
  const routed = (): Promise<number> => gate.role.metric('sluice_gate_partitions_routed');
  await until(async () => (await routed()) === kept, 'the gate has the partitions of the other logic');
  await crowd.talk(150);
  await world.waitMs(LONG_MS);
  assert.equal(await world.owned(away), PARTITIONS - kept, 'it goes on for the other gate');
  await network.heal(gate.place, away.place);
  await until(async () => (await routed()) === PARTITIONS, 'the gate knows all owners');
  await crowd.talk(100);
  await world.judge(crowd, { logins: 0 });
}

/** Cuts a logic off until the other one has all partitions, and looks who owned what meanwhile. */
async function takenOver(world: PartitionedWorld, cut: () => Promise<void>): Promise<void> {
  const [away, other] = world.logics as [Placed, Placed];
  const before = await world.owned(other);
  await cut();
  await until(async () => {
    const taken = await world.owned(other);
    const left = await world.owned(away);
    if (taken > before) assert.equal(left, 0, `${left} partitions are still served when ${taken - before} are taken`);
    return taken === PARTITIONS;
  }, 'the other logic has all partitions');
}

function logicFromRedis(what: Cut): Scenario {
  return async (world) => {
    const { network, redis, logics } = world;
    const [away] = logics as [Placed, Placed];
    const crowd = await world.people();
    await takenOver(world, () => network.cut(away.place, redis.place, what));
    await crowd.talk(150);
    await network.heal(away.place, redis.place);
    await world.shared();
    await crowd.talk(100);
    await world.judge(crowd, { logins: 0 });
  };
}

async function logicFromAll(world: PartitionedWorld): Promise<void> {
  const { network, redis, logics, gates } = world;
  const [away, other] = logics as [Placed, Placed];
  const crowd = await world.people();
  const rest = [redis.place, ...gates.map(({ place }) => place)];
  for (const place of rest) await network.cut(away.place, place);
  await until(async () => (await world.owned(other)) === PARTITIONS, 'the other logic has all partitions');
  await crowd.talk(150);
  for (const place of rest) await network.heal(away.place, place);
  await world.shared();
  await crowd.talk(100);
  await world.judge(crowd, { logins: 0 });
}

async function gatesNamedBy(api: RoleProcess): Promise<string[]> {
  const answer = await fetch(api.url(`/v1/iplist?app=${DEVELOPMENT_APP_ID}&uid=user1`));
  const body = (await answer.json()) as { gates?: string[] };
  return answer.ok ? (body.gates ?? []) : [];
}

export const PARTITION_SCENARIOS: ReadonlyMap<string, Scenario> = new Map([
  [
    'a gate that is cut off from Redis serves all its clients, is named to nobody new, and is named again',
    gateFromRedis,
  ],
  ['a gate that is cut off from one logic serves the partitions of the other, and drops no connection', gateFromLogic],
  [
    'a logic that is cut off from Redis stops serving before its partitions are taken, and gets its share back',
    logicFromRedis('all'),
  ],
  ['a logic that Redis hears and whose answers are lost: what it wrote is there once', logicFromRedis('answers')],
  ['a logic that is cut off from everybody is replaced, and does no harm when it is back', logicFromAll],
]);
