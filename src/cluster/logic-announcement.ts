/** Makes a logic known to the gates and apis of other machines, where there is a registry and it listens for them. */
import { delay } from '../clock/clock.ts';
import { Announcer } from '../registry/announcer.ts';
import { LOGICS } from '../registry/entry-text.ts';
import { RedisRegistry } from '../registry/redis-registry.ts';
import { advertisedLogic } from './advertised-address.ts';
import { registryClient } from './registry-client.ts';
import type { RoleContext } from './running-role.ts';

/** A registry that does not answer must not hold up a stop for longer. */
const ANSWER_MS_MAX = 500;

/** Answers how to take it back. @param name of this logic, the same after a restart */
export async function announceLogic(context: RoleContext, name: string, bootId: string): Promise<() => Promise<void>> {
  const { clock, random, metrics, start } = context;
  const { redis, registry: times } = start.config;
  const address = advertisedLogic(start.config);
  const client = address === undefined ? undefined : await registryClient(context);
  if (address === undefined || client === undefined) return () => Promise.resolve();
  const registry = new RedisRegistry(client.redis, redis.keyPrefix, LOGICS);
  const describe = () => ({ name, bootId, address });
  const announcer = new Announcer({ clock, random, registry, leaseMs: times.leaseMs, describe });
  metrics.gaugeFrom('sluice_registry_logics_announced', 'Logics whose lease in the registry lives.', () =>
    Number(announcer.isAnnounced),
  );
  void client.opened.then(() => announcer.start());
  return async () => {
    await Promise.race([announcer.stop(), delay(clock, ANSWER_MS_MAX)]);
    client.redis.close();
  };
}
