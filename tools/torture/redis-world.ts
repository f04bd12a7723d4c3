/** The Redis of one torture run: a server, or a cluster of three primaries and three replicas. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { RedisTestCluster } from '../../test/support/redis-cluster.ts';
import { RedisTestServer } from '../../test/support/redis-server.ts';

const run = promisify(execFile);

export const RedisKind = { Single: 'single', Cluster: 'cluster' } as const;
export type RedisKind = (typeof RedisKind)[keyof typeof RedisKind];

export interface RedisChoice {
  readonly kind: RedisKind;
  readonly fsync: 'always' | 'everysec';
  /** Replicas that have to confirm; of a cluster. */
  readonly replicas: 0 | 1;
}

export class RedisWorld {
  readonly servers: readonly RedisTestServer[];
  readonly cluster: RedisTestCluster | undefined;
  readonly #choice: RedisChoice;

  private constructor(choice: RedisChoice, servers: readonly RedisTestServer[], cluster?: RedisTestCluster) {
    this.#choice = choice;
    this.servers = servers;
    this.cluster = cluster;
  }

  static async start(choice: RedisChoice): Promise<RedisWorld> {
    const settings = { appendonly: 'yes', appendfsync: choice.fsync };
    if (choice.kind === RedisKind.Single) return new RedisWorld(choice, [await RedisTestServer.start(settings)]);
    const cluster = await RedisTestCluster.start({ settings });
    return new RedisWorld(choice, cluster.members, cluster);
  }

  /** Keys of the configuration of whoever uses it. */
  get config(): Record<string, string> {
    const { kind, replicas } = this.#choice;
    return {
      'store.engine': 'redis',
      'redis.servers': this.servers.map(({ port }) => `127.0.0.1:${port}`).join(','),
      ...(kind === RedisKind.Cluster ? { 'redis.cluster': 'true', 'redis.replicas': String(replicas) } : {}),
    };
  }

  get losesByKill(): boolean {
    return this.#choice.fsync !== 'always' || this.losesByFailover;
  }

  /** A replica that takes over may lack what its primary had answered. */
  get losesByFailover(): boolean {
    return this.#choice.kind === RedisKind.Cluster && this.#choice.replicas === 0;
  }

  async stop(): Promise<void> {
    await (this.cluster?.stop() ?? Promise.all(this.servers.map((server) => server.stop())));
  }
}

/** The output of one command. */
export async function askRedis(server: RedisTestServer, ...command: string[]): Promise<string> {
  const { stdout } = await run('redis-cli', ['-p', String(server.port), ...command]);
  return stdout.trim();
}
