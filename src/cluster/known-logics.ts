/** The logics that a gate or api dials. */
import { parseAddress } from '../config/addresses.ts';
import { LOGICS } from '../registry/entry-text.ts';
import { RedisRegistry } from '../registry/redis-registry.ts';
import { type LocalLogic, RegistryDirectory } from '../registry/registry-directory.ts';
import { Roster } from '../registry/roster.ts';
import { type LogicDirectory, StaticDirectory } from '../trunk/logic-directory.ts';
import type { RegistryClient } from './registry-client.ts';
import { RunDirectory } from './run-directory.ts';
import type { RoleContext } from './running-role.ts';

/** Those that the configuration lists; else those of the registry and the one of this machine; else that one alone. */
export function knownLogics(context: RoleContext, client: RegistryClient | undefined): LogicDirectory {
  const { clock, metrics, start } = context;
  const { trunk, redis, registry: times } = start.config;
  if (trunk.logics.length > 0) {
    return new StaticDirectory(
      trunk.logics.map((name) => ({ name, address: parseAddress(name) ?? { path: start.trunkPath } })),
    );
  }
  if (client === undefined) return new StaticDirectory([{ name: 'local', address: { path: start.trunkPath } }]);
  const registry = new RedisRegistry(client.redis, redis.keyPrefix, LOGICS);
  const roster = new Roster({ clock, registry, refreshMs: times.refreshMs, opened: client.opened });
  const directory = new RegistryDirectory(roster, () => localLogic(context));
  metrics.gaugeFrom('sluice_registry_logics_known', 'Logics that are dialled, by all processes together.', () => {
    return directory.logics.length;
  });
  return directory;
}

/** A logic that shares the data directory is dialled on its socket, whatever address it announces. */
function localLogic({ start }: RoleContext): LocalLogic | undefined {
  const announcedAs = new RunDirectory(start.dataDirectory).readLogicName(1);
  if (announcedAs === undefined && start.part !== 'all') return undefined;
  return { address: { path: start.trunkPath }, announcedAs };
}
