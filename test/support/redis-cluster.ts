/** A real Redis Cluster of a test's own: three primaries, each with a replica, on the loopback. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { delay, SystemClock } from '../../src/clock/clock.ts';
import { freePort, KEEPS_ALL, type RedisSettings, RedisTestServer } from './redis-server.ts';

const run = promisify(execFile);
const clock = new SystemClock();
const MEMBERS = 6;
const READY_MS_MAX = 20_000;

export interface ClusterSettings {
  nodeTimeoutMs: number;
  settings: RedisSettings;
}

export class RedisTestCluster {
  readonly members: readonly RedisTestServer[];

  private constructor(members: readonly RedisTestServer[]) {
    this.members = members;
  }

  static async start(overrides: Partial<ClusterSettings> = {}): Promise<RedisTestCluster> {
    const { nodeTimeoutMs, settings } = { nodeTimeoutMs: 1000, settings: KEEPS_ALL, ...overrides };
    const members: RedisTestServer[] = [];
    const cluster = new RedisTestCluster(members);
    try {
      for (let i = 0; i < MEMBERS; i++) {
        const port = await freePort();
        const own = { 'cluster-enabled': 'yes', 'cluster-node-timeout': String(nodeTimeoutMs) };
        const more = { 'cluster-replica-validity-factor': '0', 'repl-diskless-sync-delay': '0' };
        members.push(await RedisTestServer.start({ ...settings, ...own, ...more }, port));
      }
      const addresses = members.map((member) => `127.0.0.1:${member.port}`);
      await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']);
      await cluster.#untilReady();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** The output of one command on one member. */
  async ask(member: RedisTestServer, ...command: string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', String(member.port), ...command]);
    return stdout.trim();
  }

  async primaries(): Promise<RedisTestServer[]> {
    const roles = await Promise.all(this.members.map((member) => this.ask(member, 'ROLE')));
    return this.members.filter((_, place) => roles[place]!.startsWith('master'));
  }

  /** The replica that follows `primary`. */
  async replicaOf(primary: RedisTestServer): Promise<RedisTestServer> {
    for (const member of this.members) {
      const [role, , port] = (await this.ask(member, 'ROLE')).split('\n');
      if (role === 'slave' && Number(port) === primary.port) return member;
    }
    throw new Error(`no replica follows ${primary.port}`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }

  async #untilReady(): Promise<void> {
    const deadlineMs = clock.monotonicMs() + READY_MS_MAX;
    for (;;) {
      const states = await Promise.all(this.members.map((member) => this.ask(member, 'CLUSTER', 'INFO')));
      const roles = await Promise.all(this.members.map((member) => this.ask(member, 'ROLE')));
      const linked = roles.filter((role) => role.startsWith('slave') && role.includes('connected')).length;
      if (states.every((state) => state.includes('cluster_state:ok')) && linked === MEMBERS / 2) return;
      if (clock.monotonicMs() > deadlineMs) throw new Error('the cluster does not come up');
      await delay(clock, 50);
    }
  }
}
