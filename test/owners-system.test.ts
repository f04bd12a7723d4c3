/** Several logics on one Redis behind one gate, as real processes: joining, dying, freezing and leaving under load. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { formatReport } from '../tools/history/report.ts';
import { freePort, KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';
import { type RoleProcess, startRole, stopLeftRoles } from './support/role-process.ts';
import { until } from './support/system.ts';
import { WatchedCrowd } from './support/watched-crowd.ts';

const clock = new SystemClock();
const SECRET = 'a trunk secret that only this test knows';
const USERS = 10;
const WITH_DESKTOP = 5;
const READERS = USERS + WITH_DESKTOP;
const LEASE_MS = 1500;
const PARTITIONS = 64;

class Owners {
  readonly gate: RoleProcess;
  readonly #redis: RedisTestServer;
  readonly #ports: readonly number[];

  private constructor(redis: RedisTestServer, ports: readonly number[], gate: RoleProcess) {
    this.#redis = redis;
    this.#ports = ports;
    this.gate = gate;
  }

  static async start(): Promise<Owners> {
    const redis = await RedisTestServer.start(KEEPS_ALL);
    const ports = await Promise.all([0, 1, 2].map(() => freePort()));
    const logics = ports.map((port) => `127.0.0.1:${port}`).join(',');
    const gate = await startRole('gate', { 'trunk.secret': SECRET, 'trunk.logics': logics });
    return new Owners(redis, ports, gate);
  }

  /** Again on `folder`, as after a restart of its machine. */
  logic(place: number, folder?: string): Promise<RoleProcess> {
    return startRole('logic', {
      'trunk.secret': SECRET,
      'trunk.listen': `127.0.0.1:${this.#ports[place]}`,
      'store.engine': 'redis',
      'redis.servers': `127.0.0.1:${this.#redis.port}`,
      'redis.leaseMs': String(LEASE_MS),
      ...(folder === undefined ? {} : { 'data.directory': folder }),
    });
  }

  async stop(): Promise<void> {
    await stopLeftRoles();
    await this.#redis.stop();
  }
}

const owned = (logic: RoleProcess): Promise<number> => logic.metric('sluice_logic_partitions_owned');

/** Every partition has one owner of these, each owns some, and the gate knows them all. */
async function shared(owners: Owners, ...logics: RoleProcess[]): Promise<void> {
  await until(async () => {
    const counts = await Promise.all(logics.map(owned));
    const routed = await owners.gate.metric('sluice_gate_partitions_routed');
    const sum = counts.reduce((total, count) => total + count, 0);
    return sum === PARTITIONS && routed === PARTITIONS && counts.every((count) => count > 0);
  }, 'the partitions are shared');
}

/** The process of the role and the one that watches it, as when their machine goes. */
function signalMachine(logic: RoleProcess, signal: NodeJS.Signals): void {
  const worker = Number(readFileSync(join(logic.folder, 'run', 'logic-1.pid'), 'utf8'));
  logic.signal(signal);
  process.kill(worker, signal);
}

describe('logics that share a Redis', () => {
  let crowd: WatchedCrowd | undefined;
  let owners: Owners | undefined;

  async function begin(): Promise<{ world: Owners; first: RoleProcess; people: WatchedCrowd }> {
    owners = await Owners.start();
    const first = await owners.logic(0);
    await shared(owners, first);
    crowd = new WatchedCrowd(USERS, [owners.gate.gatePort], WITH_DESKTOP);
    await crowd.start();
    await crowd.talk(50);
    return { world: owners, first, people: crowd };
  }

  async function judge(people: WatchedCrowd): Promise<void> {
    const report = await people.judge();
    assert.ok(report.ok, formatReport(report));
    assert.equal(report.looked.readersAtEnd, READERS);
    assert.deepEqual(people.problems, []);
    assert.equal(people.logins, READERS, 'no client had to come back');
  }

  afterEach(async () => {
    await crowd?.end();
    await owners?.stop();
    crowd = undefined;
    owners = undefined;
  });
  after(stopLeftRoles);

  it('G10: one joins, sends cross owners, one leaves in order: nothing is lost, repeated or inverted', async () => {
    const { world, first, people } = await begin();
    const second = await world.logic(1);
    await people.talk(100);
    await shared(world, first, second);
    await people.talk(200);
    assert.ok((await world.gate.metric('sluice_gate_guest_forwards_total')) > 0);
    assert.equal(await first.stop(), 0);
    await shared(world, second);
    await people.talk(200);
    await judge(people);
  });

  it('G10: one is killed and comes back: nothing is lost, repeated or inverted', async () => {
    const { world, first, people } = await begin();
    const second = await world.logic(1);
    await shared(world, first, second);
    await people.talk(100);
    signalMachine(second, 'SIGKILL');
    await shared(world, first);
    await people.talk(100);
    const third = await world.logic(1);
    await shared(world, first, third);
    await people.talk(100);
    await judge(people);
  });

  it('G10: one freezes past its lease and goes on: the others have its partitions, and it does no harm', async () => {
    const { world, first, people } = await begin();
    const second = await world.logic(1);
    await shared(world, first, second);
    await people.talk(100);
    signalMachine(second, 'SIGSTOP');
    await until(async () => (await owned(first)) === PARTITIONS, 'the other one has them all');
    await people.talk(100);
    signalMachine(second, 'SIGCONT');
    await shared(world, first, second);
    await people.talk(100);
    await delay(clock, LEASE_MS);
    await judge(people);
  });
});
