/**
 * Two gates, two logics, an api and a Redis, each in a place of its own in a network that can be cut:
 *
 *   clients ── gate 1 ──┬── logic 1 ──┐
 *           ── gate 2 ──┴── logic 2 ──┴── redis        gates and api read the registry in Redis too
 */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay, SystemClock } from '../../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID } from '../../src/config/apps.ts';
import { formatReport } from '../../tools/history/report.ts';
import { KEEPS_ALL, RedisTestServer } from './redis-server.ts';
import { type Role, type RoleProcess, startRole, stopLeftRoles } from './role-process.ts';
import { until } from './system.ts';
import { type NetworkForm, type NetworkPlace, startNetwork, type TestNetwork } from './test-network.ts';
import { WatchedCrowd } from './watched-crowd.ts';

export const PARTITIONS = 64;
export const LEASE_MS = 2000;
const USERS = 12;
/** A client that was sent away comes back after its first back-off; and a busy machine. */
const OUTAGE_MS_MAX = 3000;
const KEY = 'a-key-that-nobody-but-this-test-knows';
const clock = new SystemClock();
const TIMES = {
  'redis.leaseMs': String(LEASE_MS),
  'redis.commandTimeoutMs': '400',
  'registry.leaseMs': String(LEASE_MS),
  'registry.refreshMs': '100',
  'trunk.heartbeatMs': '250',
  'trunk.handshakeTimeoutMs': '800',
};

export interface Placed {
  readonly place: NetworkPlace;
  readonly role: RoleProcess;
}

export class PartitionedWorld {
  readonly network: TestNetwork;
  readonly redis: { readonly place: NetworkPlace; readonly server: RedisTestServer };
  readonly logics: Placed[] = [];
  readonly gates: Placed[] = [];
  crowd: WatchedCrowd | undefined;
  readonly #config: string;

  private constructor(network: TestNetwork, place: NetworkPlace, server: RedisTestServer) {
    this.network = network;
    this.redis = { place, server };
    this.#config = join(mkdtempSync(join(tmpdir(), 'sluice-partitions-')), 'sluice.toml');
    const key = `{ algorithm = "HS256", secret = "${KEY}" }`;
    writeFileSync(this.#config, `[[apps]]\nid = "${DEVELOPMENT_APP_ID}"\nkeys = [${key}]\n`);
  }

  static async start(form: NetworkForm): Promise<PartitionedWorld> {
    const network = await startNetwork(form);
    const place = await network.place('redis');
    const server = await RedisTestServer.start(KEEPS_ALL, await network.freePort(place), place);
    const world = new PartitionedWorld(network, place, server);
    const trunks: [NetworkPlace, number][] = [];
    for (const name of ['logic 1', 'logic 2']) {
      const at = await network.place(name);
      const port = await network.freePort(at);
      trunks.push([at, port]);
      const role = await world.#role('logic', at, { 'trunk.listen': `${at.host}:${port}` });
      world.logics.push({ place: at, role });
    }
    for (const name of ['gate 1', 'gate 2']) {
      const at = await network.place(name);
      const logics = await Promise.all(trunks.map(([logic, port]) => network.route(at, logic, port)));
      world.gates.push({ place: at, role: await world.#role('gate', at, { 'trunk.logics': logics.join(',') }) });
    }
    await world.shared();
    return world;
  }

  /** An api that names gates. */
  async api(): Promise<RoleProcess> {
    const place = await this.network.place('api');
    const nobody = `${place.host}:${await this.network.freePort(place)}`;
    return this.#role('api', place, { 'api.host': place.host, 'api.key': KEY, 'trunk.logics': nobody });
  }

  /** Everybody online, and talking. */
  async people(): Promise<WatchedCrowd> {
    const gates = this.gates.map(({ place, role }) => ({ host: place.host, port: role.gatePort }));
    this.crowd = new WatchedCrowd(USERS, gates, USERS / 2, KEY);
    await this.crowd.start();
    await this.crowd.talk(50);
    return this.crowd;
  }

  owned({ role }: Placed): Promise<number> {
    return role.metric('sluice_logic_partitions_owned');
  }

  /** Each partition has one owner, both logics own some, and both gates know it. */
  async shared(): Promise<void> {
    await until(async () => {
      const owned = await Promise.all(this.logics.map((logic) => this.owned(logic)));
      const routed = await Promise.all(this.gates.map(({ role }) => role.metric('sluice_gate_partitions_routed')));
      const isWhole = owned.reduce((sum, count) => sum + count, 0) === PARTITIONS && owned.every((count) => count > 0);
      return isWhole && routed.every((count) => count === PARTITIONS);
    }, 'the partitions are shared');
  }

  async waitMs(ms: number): Promise<void> {
    await delay(clock, ms);
  }

  /** Nothing lost, repeated or inverted, and nobody away for longer than a back-off. */
  async judge(crowd: WatchedCrowd, expected: { logins: number }): Promise<void> {
    const report = await crowd.judge();
    assert.ok(report.ok, formatReport(report));
    assert.equal(report.looked.readersAtEnd, USERS + USERS / 2);
    assert.deepEqual(crowd.problems, []);
    assert.ok(crowd.longestOutageMs <= OUTAGE_MS_MAX, `offline for ${crowd.longestOutageMs} ms`);
    assert.equal(crowd.logins, USERS + USERS / 2 + expected.logins);
    console.log(formatReport(report));
  }

  async stop(): Promise<void> {
    await this.crowd?.end();
    await stopLeftRoles();
    await this.redis.server.stop();
    await this.network.stop();
  }

  async #role(role: Role, place: NetworkPlace, keys: Readonly<Record<string, string>>): Promise<RoleProcess> {
    const redis = await this.network.route(place, this.redis.place, this.redis.server.port);
    const hosts = { 'gate.host': place.host, 'admin.host': place.host, 'admin.key': KEY };
    const store = { 'store.engine': 'redis', 'redis.servers': redis, 'trunk.secret': KEY.repeat(2) };
    const all = { config: this.#config, profile: 'trusted', ...hosts, ...store, ...TIMES, ...keys };
    return startRole(role, all, {}, place.launcher);
  }
}
