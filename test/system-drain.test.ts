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

  it('G10: a rolling restart of every role, one after the other', async () => {
    let folder = '';
    const { start, ports } = await cluster(() => folder);
    const logic = await start.logic();
    folder = logic.folder;
    const running: Record<string, RoleProcess> = { logic };
    for (const name of ['gate 1', 'gate 2', 'api'] as const) running[name] = await start[name]();
    const ready = (): Promise<boolean> =>
      Promise.all(Object.values(running).map((role) => role.isReady())).then((all) => all.every(Boolean));
    await until(ready, 'everything is ready');
    crowd = new WatchedCrowd(USERS, ports);
    await crowd.start();
    for (const name of ['gate 1', 'logic', 'gate 2', 'api'] as const) {
      await crowd.talk(100);
      const role = running[name] as RoleProcess;
      role.signal('SIGTERM');
      assert.equal(await role.exited, 0, name);
      running[name] = await start[name]();
      await until(ready, `everything is ready after ${name}`);
    }
    await crowd.talk(100);
    const report = await crowd.judge();
    assert.ok(report.ok, formatReport(report));
    assert.equal(report.looked.readersAtEnd, USERS);
    assert.deepEqual(crowd.problems, []);
    assert.ok(crowd.longestOutageMs <= OUTAGE_MS_MAX, `offline for ${crowd.longestOutageMs} ms`);
  });

  it('G10: a rolling restart of two logics that share a Redis', async () => {
    const redis = await RedisTestServer.start();
    try {
      const [one, two, clients] = [await freePort(), await freePort(), await freePort()];
      const store = { 'store.engine': 'redis', 'redis.servers': `127.0.0.1:${redis.port}` };
      const shared = { ...store, 'trunk.secret': SECRET };
      const links = { ...shared, 'trunk.logics': `127.0.0.1:${one},127.0.0.1:${two}` };
      const startLogic = (port: number): Promise<RoleProcess> =>
        startRole('logic', { ...shared, 'trunk.listen': `127.0.0.1:${port}` });
      const logics = [await startLogic(one), await startLogic(two)];
      const gate = await startRole('gate', { ...links, 'gate.port': String(clients) });
      await until(() => gate.isReady(), 'the gate is ready');
      crowd = new WatchedCrowd(USERS, [clients]);
      await crowd.start();
      for (const [index, port] of [one, two].entries()) {
        await crowd.talk(100);
        const logic = logics[index] as RoleProcess;
        logic.signal('SIGTERM');
        assert.equal(await logic.exited, 0);
        await crowd.talk(100);
        logics[index] = await startLogic(port);
      }
      await crowd.talk(100);
      const report = await crowd.judge();
      assert.ok(report.ok, formatReport(report));
      assert.equal(report.looked.readersAtEnd, USERS);
      assert.deepEqual(crowd.problems, []);
      assert.equal(crowd.logins, USERS, 'no connection is lost');
      for (const role of [gate, ...logics]) await role.stop();
    } finally {
      await redis.stop();
    }
  });
});
