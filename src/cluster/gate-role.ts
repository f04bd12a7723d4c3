/** Puts a gate worker together. */
import { availableParallelism } from 'node:os';
import { delay } from '../clock/clock.ts';
import { LoopPacer } from '../clock/loop-pacer.ts';
import { randomHex } from '../clock/random.ts';
import type { Config } from '../config/config.ts';
import { Gate } from '../gate/gate.ts';
import type { GateLimits } from '../gate/gate-options.ts';
import { NodeTransport, reusePortAvailable } from '../net/node-transport.ts';
import type { Address } from '../net/transport.ts';
import { connectionsByDescriptors } from './descriptor-limit.ts';
import { watchAccepting } from './gate-accepting.ts';
import { announceGate } from './gate-announcement.ts';
import { gateMetrics } from './gate-metrics.ts';
import { knownLogics } from './known-logics.ts';
import { registryClient } from './registry-client.ts';
import { listenProblem, type RoleContext, RoleStartError, type RunningRole } from './running-role.ts';
import { trunkAccess, trunkTransport } from './trunk-ends.ts';

const BOOT_ID_BYTES = 8;
const ORPHAN_POLL_MS = 500;

export async function startGate(context: RoleContext): Promise<RunningRole> {
  const { channel, clock, random, log, metrics, start, index } = context;
  const { config, gatePort } = start;
  const workers = config.gate.workers || availableParallelism();
  const transport = new NodeTransport();
  const name = `gate ${index}`;
  const bootId = randomHex(random, BOOT_ID_BYTES);
  const connectionsMax = config.gate.connectionsMax || connectionsByDescriptors();
  const registry = await registryClient(context);
  let announced: readonly string[] = [];
  const gate = new Gate({
    clock,
    random,
    transport,
    log,
    name,
    bootId,
    listen: addresses(config.gate.host, gatePort, config.gate.listeners),
    logics: knownLogics(context, registry),
    trunkTimes: config.trunk,
    trunkAccess: trunkAccess(context),
    trunkTransport: trunkTransport(config),
    limits: limitsOf(config, connectionsMax, workers),
    alternatives: () => [...announced, ...config.gate.alternatives],
    pacer: config.gate.coalesceMs > 0 ? new LoopPacer(clock, config.gate.coalesceMs) : undefined,
    tellAddress: config.limits.addressLoginFailuresMax > 0 || config.limits.userLoginFailuresMax > 0,
  });
  gateMetrics(metrics, gate, transport);
  channel.linked = () => gate.logicUp;
  await gate.start().catch((error: unknown) => {
    const problem = listenProblem(error, config.gate.host, gatePort, 'gate.port');
    throw problem === undefined ? error : new RoleStartError(problem);
  });
  const { port } = gate;
  const accepting = watchAccepting(context, gate, transport, workers);
  const announcement = announceGate(context, registry, {
    name,
    bootId,
    port,
    connectionsMax,
    connections: () => gate.connections,
  });
  const stop = async (): Promise<void> => {
    accepting.stop();
    announced = await announcement.drain();
    await gate.stop();
    await announcement.stop();
  };
  return {
    port,
    stop,
    unfit: accepting.lost,
    orphaned: async () => {
      // Nobody would start another one.
      accepting.stop();
      // A worker with a port of its own goes on accepting; a shared one is served by the primary and is gone with it.
      while (reusePortAvailable() || gate.connections > 0) await delay(clock, ORPHAN_POLL_MS);
    },
  };
}

function limitsOf({ gate, limits }: Config, connectionsMax: number, workers: number): GateLimits {
  // Nobody else would take what a single worker leaves.
  const stopAcceptingPercent = workers === 1 ? 100 : gate.stopAcceptingPercent;
  return { ...gate, ...limits, connectionsMax, stopAcceptingPercent };
}

/** Several listeners accept faster, where each process binds the port itself. */
function addresses(host: string, port: number, listeners: number): Address[] {
  if (!reusePortAvailable()) return [{ host, port }];
  return Array.from({ length: listeners }, () => ({ host, port, reusePort: true }));
}
