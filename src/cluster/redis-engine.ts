/** The store on Redis, from the configuration. */
import type { Clock } from '../clock/clock.ts';
import { parseAddresses } from '../config/addresses.ts';
import type { Config } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { UserCache } from '../store/redis/cache/user-cache.ts';
import type { RedisScript } from '../store/redis/client.ts';
import type { OwnershipEvents } from '../store/redis/ownership.ts';
import { RedisStore } from '../store/redis/redis-store.ts';
import { RoutingClient } from '../store/redis/routing-client.ts';
import { retentionByApp } from './retention-by-app.ts';
import type { RoleContext } from './running-role.ts';

/** Longer than the waits between the restarts of a role, so that a Redis that is away for a while ends no system. */
const OPEN_TIMEOUT_MS = 15_000;

/** The connections that every part of a process shares. @param scripts loaded on each of them before it is used */
export function redisClient({ clock, start }: RoleContext, scripts: readonly RedisScript[]): RoutingClient {
  return redisClientFor(clock, start.config.redis, scripts);
}

export function redisClientFor(clock: Clock, redis: Config['redis'], scripts: readonly RedisScript[]): RoutingClient {
  return new RoutingClient({
    clock,
    scripts,
    servers: parseAddresses(redis.servers),
    cluster: redis.cluster,
    ...(redis.username === '' ? {} : { username: redis.username }),
    ...(redis.password === '' ? {} : { password: redis.password }),
    tls: redis.tls,
    commandTimeoutMs: redis.commandTimeoutMs,
    connectTimeoutMs: redis.commandTimeoutMs,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    replicas: redis.replicas,
    replicaTimeoutMs: redis.replicaTimeoutMs,
  });
}

/** @param name of this logic, the same after a restart */
export function redisStore(
  context: RoleContext,
  client: RoutingClient,
  name: string,
  events: OwnershipEvents,
  closeTimeoutMs: number,
): RedisStore {
  const { clock, random, start } = context;
  const { redis, store } = start.config;
  return new RedisStore({
    client,
    clock,
    random,
    name,
    events,
    retention: retentionByApp(start.config),
    partitions: store.partitions,
    dedupeWindowMs: store.dedupeWindowMs,
    keyPrefix: redis.keyPrefix,
    allowVolatile: redis.allowVolatile,
    leaseMs: redis.leaseMs,
    callIntervalMs: store.commitIntervalMs,
    cacheUsersMax: redis.cacheUsersMax,
    cacheMessageBytes: redis.cacheMessageBytes,
    closeTimeoutMs,
  });
}

export function redisMetrics(metrics: Metrics, store: RedisStore, { redis }: Config): void {
  const { counters } = store;
  const gauge = metrics.gaugeFrom.bind(metrics);
  gauge('sluice_redis_partitions_owned', 'Partitions whose owner is here.', () => store.partitionsOwned);
  gauge('sluice_redis_replicas_wanted', 'Replicas waited for (redis.replicas).', () => redis.replicas);
  gauge('sluice_redis_replicas_confirmed', 'Replicas that confirmed the last call.', () => counters.replicasConfirmed);
  const totals: [name: string, help: string, read: () => number][] = [
    ['calls', 'Script calls that wrote.', () => counters.calls],
    ['batches', 'Batches of a partition in them.', () => counters.batches],
    ['operations', 'Operations in them: messages, logins, cursors.', () => counters.operations],
    ['sends', 'Messages in them; divided by the calls: how well they share them.', () => counters.sends],
    ['retries', 'Calls repeated because their outcome was not known or Redis was away.', () => counters.retries],
    ['lost_operations', 'Acknowledged operations that Redis had lost.', () => counters.lostOperations],
    ['epochs_raised', 'New epochs after a loss; the clients concerned are told.', () => counters.epochsRaised],
    ['partitions_lost', 'Partitions that another logic took, or may take.', () => counters.partitionsLost],
    [
      'leases_lapsed',
      'Partitions given up because Redis could not be reached for a lease.',
      () => counters.leasesLapsed,
    ],
    ['batches_unconfirmed', 'Calls that too few replicas confirmed.', () => counters.batchesUnconfirmed],
    ['copies_elsewhere', "Senders' copies for another logic to make.", () => counters.copiesElsewhere],
  ];
  for (const [name, help, read] of totals) metrics.counterFrom(`sluice_redis_${name}_total`, help, read);
  cacheMetrics(metrics, store.cache);
}

/** By what is read, and by what goes. */
function cacheMetrics(metrics: Metrics, cache: UserCache): void {
  const { counters } = cache;
  metrics.gaugeFrom('sluice_cache_users', 'Users in the cache of logic.', () => cache.users);
  metrics.gaugeFrom('sluice_cache_message_bytes', 'Bytes of messages in it.', () => cache.messageBytes);
  metrics.labelledCounterFrom('sluice_cache_hits_total', 'Reads answered without Redis.', 'read', () => [
    ['timeline', counters.timelineHits],
    ['user', counters.userHits],
  ]);
  metrics.labelledCounterFrom('sluice_cache_misses_total', 'Reads that went to Redis.', 'read', () => [
    ['timeline', counters.timelineMisses],
    ['user', counters.userMisses],
  ]);
  metrics.labelledCounterFrom('sluice_cache_evictions_total', 'What went to make room.', 'entry', () => [
    ['user', counters.usersEvicted],
    ['message', counters.messagesEvicted],
  ]);
}
