/** The connection to the registry, one for each process that has a use for it. */
import { REGISTRY_SCRIPTS } from '../registry/registry-scripts.ts';
import type { RoutingClient } from '../store/redis/routing-client.ts';
import type { RoleContext } from './running-role.ts';

export interface RegistryClient {
  readonly redis: RoutingClient;
  /** Resolves when Redis is there, or has not come in good time; calls fail until it is. */
  readonly opened: Promise<void>;
}

/**
 * Undefined where there is no Redis: one machine needs no registry. The driver is loaded only where it is used: it costs
 * every process a tenth of a second and some megabytes.
 */
export async function registryClient(context: RoleContext): Promise<RegistryClient | undefined> {
  if (context.start.config.store.engine !== 'redis') return undefined;
  const { redisClient } = await import('./redis-engine.ts');
  const redis = redisClient(context, REGISTRY_SCRIPTS);
  return { redis, opened: redis.connect().catch(() => undefined) };
}
