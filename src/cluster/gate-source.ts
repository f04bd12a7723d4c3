/** The gates that clients may be sent to: of the registry, or those of this machine. */
import type { GateSource } from '../iplist/iplist.ts';
import { GATES } from '../registry/entry-text.ts';
import { RedisRegistry } from '../registry/redis-registry.ts';
import type { GateEntry } from '../registry/registry.ts';
import { Roster } from '../registry/roster.ts';
import { advertisedGate } from './advertised-address.ts';
import type { StatusMessage } from './child-messages.ts';
import type { RegistryClient } from './registry-client.ts';
import type { RoleContext } from './running-role.ts';

export interface KnownGates extends GateSource {
  stop(): void;
}

export function knownGates(context: RoleContext, client: RegistryClient | undefined): KnownGates {
  const { channel, start } = context;
  if (client !== undefined) return announcedGates(context, client);
  return new LocalGates(advertisedGate(start.config, start.gatePort), start.config.gate.apps, () => channel.status);
}

function announcedGates({ clock, metrics, start }: RoleContext, client: RegistryClient): KnownGates {
  const { redis, registry: times } = start.config;
  const registry = new RedisRegistry(client.redis, redis.keyPrefix, GATES);
  const roster = new Roster({ clock, registry, refreshMs: times.refreshMs, opened: client.opened });
  metrics.gaugeFrom('sluice_registry_gates', 'Gate processes whose lease lives.', () => roster.live.length);
  metrics.counterFrom('sluice_registry_reads_total', 'Readings of the list of gates.', () => roster.reads);
  metrics.counterFrom(
    'sluice_registry_read_failures_total',
    'Readings of the list of gates that failed.',
    () => roster.failures,
  );
  void roster.start();
  return {
    get live() {
      return roster.live;
    },
    stop: () => roster.stop(),
  };
}

/** All gates of a machine share one address; the kernel chooses among them. */
class LocalGates implements KnownGates {
  readonly #gates: readonly GateEntry[];
  readonly #status: () => Omit<StatusMessage, 'type'>;

  constructor(address: string, apps: readonly string[], status: () => Omit<StatusMessage, 'type'>) {
    const here = { name: 'gates', bootId: 'here', address, apps };
    this.#gates = [{ ...here, connections: 0, connectionsMax: 1, draining: false }];
    this.#status = status;
  }

  get live(): readonly GateEntry[] {
    const { gatesListening, stopping } = this.#status();
    return gatesListening > 0 && !stopping ? this.#gates : NONE;
  }

  stop(): void {}
}

const NONE: readonly GateEntry[] = [];
