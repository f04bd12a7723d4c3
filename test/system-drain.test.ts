/** G10 over several machines: a planned restart of any role is nobody's loss. */
import assert from 'node:assert/strict';
import { after, afterEach, describe, it } from 'node:test';
import { formatReport } from '../tools/history/report.ts';
import { freePort, RedisTestServer } from './support/redis-server.ts';
import { type RoleProcess, startRole, stopLeftRoles } from './support/role-process.ts';
import { until } from './support/system.ts';
import { WatchedCrowd } from './support/watched-crowd.ts';

const SECRET = 'a trunk secret that only this test knows';
const USERS = 12;
const DRAIN_MS = 1500;
/** The first back-off of the SDK, and time for a login on a busy machine. */
const OUTAGE_MS_MAX = 3000;

interface Cluster {
  readonly ports: readonly number[];
  readonly start: Record<'gate 1' | 'gate 2' | 'logic' | 'api', () => Promise<RoleProcess>>;
}

async function cluster(folder: () => string): Promise<Cluster> {
  const [trunk, first, second, http] = (await Promise.all([1, 2, 3, 4].map(() => freePort()))) as [
    number,
    number,
    number,
    number,
  ];
  const links = { 'trunk.secret': SECRET, 'trunk.logics': `127.0.0.1:${trunk}`, 'gate.drainMs': String(DRAIN_MS) };
  const gate = (own: number, other: number) => () =>
    startRole('gate', { ...links, 'gate.port': String(own), 'gate.alternatives': `127.0.0.1:${other}` });
  return {
    ports: [first, second],
    start: {
      'gate 1': gate(first, second),
      'gate 2': gate(second, first),
      logic: () =>
        startRole('logic', {
          'trunk.secret': SECRET,
          'trunk.listen': `127.0.0.1:${trunk}`,
          ...(folder() === '' ? {} : { 'data.directory': folder() }),
        }),
      api: () => startRole('api', { ...links, 'api.port': String(http) }),
    },
  };
}

describe('under load, two gates and a logic', () => {
  let crowd: WatchedCrowd | undefined;

  afterEach(async () => {
    await crowd?.end();
    crowd = undefined;
  });
  after(stopLeftRoles);

  it('G10: SIGTERM to one gate: its clients go to the other, nothing is lost, repeated or inverted', async () => {
    const { start, ports } = await cluster(() => '');
    const logic = await start.logic();
    const [first, second] = await Promise.all([start['gate 1'](), start['gate 2']()]);
    await until(async () => (await first.isReady()) && (await second.isReady()), 'both gates are ready');
    // The probes at the end ask the second gate: the first is gone then.
    crowd = new WatchedCrowd(USERS, [...ports].reverse());
    await crowd.start();
    await crowd.talk(100);
    first.signal('SIGTERM');
    await until(async () => !(await first.isReady()), 'the gate is not ready');
    assert.equal(await first.exited, 0);
    await crowd.talk(200);
    const report = await crowd.judge();
    assert.ok(report.ok, formatReport(report));
    assert.equal(report.looked.readersAtEnd, USERS);
    assert.deepEqual(crowd.problems, []);
    assert.ok(crowd.logins >= USERS + USERS / 2, `${crowd.logins} logins`);
    assert.ok(crowd.longestOutageMs <= OUTAGE_MS_MAX, `offline for ${crowd.longestOutageMs} ms`);
    for (const role of [first, second, logic]) await role.stop();
  });

  /** Everything of `start`, then each of `order` stopped in good order and started again, under load; judged. */
  async function restarted(
    start: Readonly<Record<string, () => Promise<RoleProcess>>>,
    order: readonly string[],
    ports: readonly number[],
  ): Promise<void> {
    const running: Record<string, RoleProcess> = {};
    for (const name of Object.keys(start)) running[name] = await start[name]!();
    const ready = (): Promise<boolean> =>
      Promise.all(Object.values(running).map((role) => role.isReady())).then((all) => all.every(Boolean));
    await until(ready, 'everything is ready');
    crowd = new WatchedCrowd(USERS, ports);
    await crowd.start();
    for (const name of order) {
      await crowd.talk(100);
      const role = running[name] as RoleProcess;
      role.signal('SIGTERM');
      assert.equal(await role.exited, 0, name);
      running[name] = await start[name]!();
      await until(ready, `everything is ready after ${name}`);
    }
    await crowd.talk(100);
    const report = await crowd.judge();
    assert.ok(report.ok, formatReport(report));
    assert.equal(report.looked.readersAtEnd, USERS);
    assert.deepEqual(crowd.problems, []);
    assert.ok(crowd.longestOutageMs <= OUTAGE_MS_MAX, `offline for ${crowd.longestOutageMs} ms`);
    for (const role of Object.values(running)) await role.stop();
  }

  it('G10: a rolling restart of every role, one after the other', async () => {
    let folder = '';
    const { start, ports } = await cluster(() => folder);
    const logic = async (): Promise<RoleProcess> => {
      const role = await start.logic();
      if (folder === '') folder = role.folder;
      return role;
    };
    await restarted(
      { logic, 'gate 1': start['gate 1'], 'gate 2': start['gate 2'], api: start.api },
      ['gate 1', 'logic', 'gate 2', 'api'],
      ports,
    );
  });

  it('G10: a rolling restart of every role, two gates, two logics and an api on a Redis', async () => {
    const redis = await RedisTestServer.start();
    try {
      const ports = await Promise.all([1, 2, 3, 4, 5].map(() => freePort()));
      const [one, two, first, second, http] = ports as [number, number, number, number, number];
      const store = { 'store.engine': 'redis', 'redis.servers': `127.0.0.1:${redis.port}` };
      const shared = { ...store, 'trunk.secret': SECRET };
      const links = { ...shared, 'trunk.logics': `127.0.0.1:${one},127.0.0.1:${two}` };
      const drain = { 'gate.drainMs': String(DRAIN_MS) };
      const logic = (port: number) => () => startRole('logic', { ...shared, 'trunk.listen': `127.0.0.1:${port}` });
      const gate = (port: number) => () => startRole('gate', { ...links, ...drain, 'gate.port': String(port) });
      const start = {
        'logic 1': logic(one),
        'logic 2': logic(two),
        'gate 1': gate(first),
        'gate 2': gate(second),
        api: () => startRole('api', { ...links, 'api.port': String(http) }),
      };
      await restarted(start, ['gate 1', 'logic 1', 'gate 2', 'logic 2', 'api'], [first, second]);
    } finally {
      await redis.stop();
    }
  });
});
