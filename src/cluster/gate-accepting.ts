/** Watches that a gate worker gets connections (`AcceptProbe`), where it can be told from what others do wrong. */
import { dialHost } from '../config/hosts.ts';
import { AcceptProbe } from '../gate/accept-probe.ts';
import type { Gate } from '../gate/gate.ts';
import { type NodeTransport, reusePortAvailable } from '../net/node-transport.ts';
import { HEARTBEAT_MS } from './child-messages.ts';
import { connectionsByDescriptors } from './descriptor-limit.ts';
import type { RoleContext } from './running-role.ts';

export interface AcceptingWatch {
  /** Resolves, if ever, with what to tell about a worker that gets none any more. */
  readonly lost: Promise<string>;
  stop(): void;
}

const PRIMARY_SILENT_MS_MAX = 3 * HEARTBEAT_MS;

export function watchAccepting(
  { channel, clock, log, metrics, start }: RoleContext,
  gate: Gate,
  transport: NodeTransport,
  workers: number,
): AcceptingWatch {
  const { host, acceptProbeMs } = start.config.gate;
  const connectionsMax = connectionsByDescriptors();
  const descriptorsLeft = (): boolean => gate.connections < connectionsMax;
  // Where workers cannot share a port by themselves the primary accepts for all of them.
  const acceptorAlive = (): boolean => reusePortAvailable() || channel.silentMs < PRIMARY_SILENT_MS_MAX;
  let tell: (reason: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const probe = new AcceptProbe({
    clock,
    transport,
    log,
    target: { host: dialHost(host), port: gate.port },
    workers,
    everyMs: acceptProbeMs,
    accepts: () => gate.counters.offered,
    shouldAccept: () => gate.listening && descriptorsLeft() && acceptorAlive(),
    onDeaf: () => tell('no connections come in'),
  });
  metrics.counterFrom(
    'sluice_gate_accept_probe_failures_total',
    'Rounds in which a gate did not get even its own dials.',
    () => probe.deafRounds,
  );
  probe.start();
  return { lost, stop: () => probe.stop() };
}
