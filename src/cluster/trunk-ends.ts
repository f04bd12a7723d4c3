/** The ends of the trunk, from the configuration: where they are, who is let in, and what is said about those who are not. */
import { readFileSync } from 'node:fs';
import type { Random } from '../clock/random.ts';
import { parseAddresses } from '../config/addresses.ts';
import type { Config } from '../config/config.ts';
import { LogSampler } from '../log/log-sampler.ts';
import { NodeTransport } from '../net/node-transport.ts';
import type { Address } from '../net/transport.ts';
import { type HandshakeFailureReason, type TrunkAccess, TrunkSecret } from '../trunk/trunk-access.ts';
import { type RoleContext, RoleStartError } from './running-role.ts';

const LINES_PER_SECOND_MAX = 1;

const ADVICE: Readonly<Record<HandshakeFailureReason, string>> = {
  secret: 'the two ends have different secrets; set the same trunk.secret on all machines',
  version: 'the other end speaks another version of the trunk; bring all machines to one version',
  timeout: 'no handshake in time; the address, a firewall or TLS on one side only may be the reason',
  crowded: 'too many connections without a handshake; something that is no gate dials logic',
  nonsense: 'the other end does not speak the trunk; something else dials or listens there',
};

/** Where logic listens: always for its own machine, and on the network where it is told to. */
export function listenAddresses(config: Config, trunkPath: string): Address[] {
  return [{ path: trunkPath }, ...parseAddresses(config.trunk.listen)];
}

/** @throws RoleStartError when a file cannot be used */
export function trunkTransport({ trunk }: Config): NodeTransport {
  const pem = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      throw new RoleStartError(`${path} cannot be read; see the keys trunk.tls… of the configuration`);
    }
  };
  return new NodeTransport({
    ...(trunk.tlsCert === '' ? {} : { cert: pem(trunk.tlsCert), key: pem(trunk.tlsKey) }),
    ...(trunk.tlsCa === '' ? {} : { ca: pem(trunk.tlsCa) }),
    ...(trunk.tlsServerName === '' ? {} : { serverName: trunk.tlsServerName }),
  });
}

/** Counts and logs what does not get through. */
export function trunkAccess({ clock, random, log, metrics, start }: RoleContext): TrunkAccess {
  const failures = new Map<string, number>();
  const help = 'Trunk links that failed before they were up.';
  metrics.labelledCounterFrom('sluice_trunk_handshake_failures_total', help, 'reason', () => failures);
  const sampler = new LogSampler(clock, LINES_PER_SECOND_MAX);
  return {
    ...accessOf(start.config, random),
    onFailure: ({ reason, peer, address }) => {
      failures.set(reason, (failures.get(reason) ?? 0) + 1);
      const line = sampler.admit();
      if (line !== undefined) log.warn({ reason, peer, address, ...line, advice: ADVICE[reason] }, 'no trunk link');
    },
  };
}

function accessOf({ trunk }: Config, random: Random): Omit<TrunkAccess, 'onFailure'> {
  const { secret, handshakeTimeoutMs, strangersMax } = trunk;
  return {
    secret: secret === '' ? undefined : new TrunkSecret(secret, random),
    handshakeTimeoutMs,
    strangersMax,
  };
}
