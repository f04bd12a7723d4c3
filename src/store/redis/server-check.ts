/**
 * What a server promises to keep, read from its own settings at start. The weakest server of a cluster counts.
 *
 *   disk     appendonly yes, appendfsync always, also during rewrites   an answer leaves after the fsync
 *   os       appendonly yes, appendfsync everysec or no                 written before the answer; a power loss costs what was
 *                                                                       not yet synced: about a second, or what the kernel held
 *   memory   no append-only file, with or without snapshots             refused unless allowed
 *
 * Eviction would remove messages at random: any other policy than noeviction is refused like a server that keeps nothing.
 */
import { Durability } from '../../model/durability.ts';
import { StoreOpenError } from '../store.ts';
import { CallOutcome, RedisCallError, type RedisClient, type RedisReply, type RedisServer } from './client.ts';

export interface ServerFacts {
  readonly durability: Durability;
  /** A replica may become the primary, and may lack what the primary had answered. */
  readonly hasReplicas: boolean;
  /** One line for each server, for the log. */
  readonly descriptions: readonly string[];
}

const VERSION_MIN = 7;

export async function checkServers(client: RedisClient, allowVolatile: boolean): Promise<ServerFacts> {
  const servers = await Promise.all(client.servers().map(factsOf));
  for (const { address, version, policy, durability } of servers) {
    if (Number.parseInt(version, 10) < VERSION_MIN) {
      throw new StoreOpenError(`Redis at ${address} is version ${version}; ${VERSION_MIN}.0 or later is needed`);
    }
    if (allowVolatile) continue;
    if (durability === Durability.Memory) {
      throw new StoreOpenError(
        `Redis at ${address} would lose acknowledged messages when it restarts: set "appendonly yes" there, or allow it`,
      );
    }
    if (policy !== 'noeviction') {
      throw new StoreOpenError(`Redis at ${address} may evict messages: set "maxmemory-policy noeviction" there`);
    }
  }
  return {
    durability: Math.min(...servers.map((server) => server.durability)) as Durability,
    hasReplicas: servers.some((server) => server.replicas > 0),
    descriptions: servers.map((server) => server.description),
  };
}

interface OneServer {
  address: string;
  version: string;
  durability: Durability;
  policy: string;
  replicas: number;
  description: string;
}

async function factsOf(server: RedisServer): Promise<OneServer> {
  const [info, replication, settings] = await Promise.all([
    server.call('INFO', ['server']),
    server.call('INFO', ['replication']),
    settingsOf(server),
  ]);
  const version = /^redis_version:([\d.]+)/m.exec(String(info))?.[1] ?? '0';
  const replicas = Number(/^connected_slaves:(\d+)/m.exec(String(replication))?.[1] ?? 0);
  const kept = settings.get('appendonly') === 'yes' ? `append-only file, fsync ${settings.get('appendfsync')}` : 'none';
  return {
    address: server.address,
    version,
    durability: durabilityOf(settings),
    policy: settings.get('maxmemory-policy') ?? 'unknown',
    replicas,
    description:
      `${server.address}: Redis ${version}, persistence: ${kept}, snapshots "${settings.get('save') ?? ''}", ` +
      `${replicas} replicas, writes need ${settings.get('min-replicas-to-write') ?? '0'}`,
  };
}

function durabilityOf(settings: ReadonlyMap<string, string>): Durability {
  if (settings.get('appendonly') !== 'yes') return Durability.Memory;
  const isSynced = settings.get('appendfsync') === 'always' && settings.get('no-appendfsync-on-rewrite') !== 'yes';
  return isSynced ? Durability.Disk : Durability.Os;
}

/** Empty when the server does not let its settings be read: then nothing is known to be kept. */
async function settingsOf(server: RedisServer): Promise<Map<string, string>> {
  const names = ['append*', 'no-appendfsync-on-rewrite', 'save', 'maxmemory-policy', 'min-replicas-to-write'];
  const settings = new Map<string, string>();
  const reply = await server.call('CONFIG', ['GET', ...names]).catch((error: unknown) => {
    if (error instanceof RedisCallError && error.outcome === CallOutcome.Fatal) return [];
    throw error;
  });
  const pairs = reply as RedisReply[];
  for (let i = 0; i + 1 < pairs.length; i += 2) settings.set(String(pairs[i]), String(pairs[i + 1]));
  return settings;
}
