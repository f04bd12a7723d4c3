/** The connection to the registry, one for each process that has a use for it. */
import { REGISTRY_SCRIPTS } from '../registry/registry-scripts.ts';
import type { RoutingClient } from '../store/redis/routing-client.ts';
import { redisClient } from './redis-engine.ts';
import type { RoleContext } from './running-role.ts';

export interface RegistryClient {
  readonly redis: RoutingClient;
  /** Resolves when Redis is there, or has not come in good time; calls fail until it is. */
  readonly opened: Promise<void>;
}

/** Undefined where there is no Redis: one machine needs no registry. */
export function registryClient(context: RoleContext): RegistryClient | undefined {
  if (context.start.config.store.engine !== 'redis') return undefined;
  const redis = redisClient(context, REGISTRY_SCRIPTS);
  return { redis, opened: redis.connect().catch(() => undefined) };
}
