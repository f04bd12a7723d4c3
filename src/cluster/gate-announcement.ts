/** Makes a gate worker known to those who send clients, where there is a registry. */
import { delay } from '../clock/clock.ts';
import { Announcer } from '../registry/announcer.ts';
import { GATES } from '../registry/entry-text.ts';
import { alternativesTo } from '../registry/gate-alternatives.ts';
import { RedisRegistry } from '../registry/redis-registry.ts';
import type { GateEntry } from '../registry/registry.ts';
import { advertisedGate } from './advertised-address.ts';
import type { RegistryClient } from './registry-client.ts';
import type { RoleContext } from './running-role.ts';

/** What is announced of a gate at work. */
export interface AnnouncedGate {
  readonly name: string;
  readonly bootId: string;
  readonly port: number;
  readonly connectionsMax: number;
  connections(): number;
}

export interface GateAnnouncement {
  /** Nobody is sent here from now on. Resolves when that is known, or cannot be told, with the gates to go to. */
  drain(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** A registry that does not answer must not hold up a stop for longer. */
const ANSWER_MS_MAX = 500;

/** On one machine the primary knows all gates: nothing is announced. */
export function announceGate(
  context: RoleContext,
  client: RegistryClient | undefined,
  gate: AnnouncedGate,
): GateAnnouncement {
  const { clock, random, metrics, start } = context;
  const { config } = start;
  if (client === undefined) return { drain: () => Promise.resolve([]), stop: () => Promise.resolve() };
  let isDraining = false;
  const describe = (): GateEntry => ({
    name: gate.name,
    bootId: gate.bootId,
    address: advertisedGate(config, gate.port),
    apps: config.gate.apps,
    connections: gate.connections(),
    connectionsMax: gate.connectionsMax,
    draining: isDraining,
  });
  const registry = new RedisRegistry(client.redis, config.redis.keyPrefix, GATES);
  const announcer = new Announcer({ clock, random, registry, leaseMs: config.registry.leaseMs, describe });
  const { leaseMs } = config.registry;
  metrics.gaugeFrom('sluice_registry_announced', 'Gates whose lease in the registry lives.', () =>
    Number(announcer.isAnnounced),
  );
  metrics.counterFrom(
    'sluice_registry_announce_failures_total',
    `Announcements that failed; after a lease (${leaseMs} ms) of them nobody is sent to the gate.`,
    () => announcer.failures,
  );
  void client.opened.then(() => announcer.start());
  const atMost = <Result>(work: Promise<Result>): Promise<Result | undefined> =>
    Promise.race([work, delay(clock, ANSWER_MS_MAX).then(() => undefined)]);
  const others = (): Promise<string[]> =>
    registry.list().then(
      (listed) => alternativesTo(describe(), listed),
      () => [],
    );
  return {
    drain: async () => {
      isDraining = true;
      const [, alternatives] = await Promise.all([atMost(announcer.changed()), atMost(others())]);
      return alternatives ?? [];
    },
    stop: async () => {
      await atMost(announcer.stop());
      client.redis.close();
    },
  };
}
