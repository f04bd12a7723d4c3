/** Starts a system under test, runs pairs against it at several rates, and stops it. */
import { randomHex } from '../src/clock/random.ts';
import { type PairRun, type PairRunOptions, runPairs } from './pair-run.ts';
import { Peer, type PeerName } from './peers/peer.ts';
import type { ScenarioContext } from './scenario.ts';
import { startSluice } from './start-sluice.ts';

export type SystemName = 'sluice' | PeerName;

const WARM_UP_MS = 2000;
const SECONDS_DEFAULT = 5;
const RUN_ID_BYTES = 4;

interface Started {
  readonly description: string;
  readonly target: Pick<PairRunOptions, 'protocol' | 'host' | 'port' | 'processes'>;
  readonly stop: () => Promise<void>;
}

/** One run for each rate (0: the maximum), all on one start of the system. */
export async function measureSystem(
  context: ScenarioContext,
  system: SystemName,
  rates: readonly number[],
): Promise<PairRun[]> {
  const started = await startSystem(context, system);
  const { settings, clock, random } = context;
  const { pairs, inFlight, payloadBytes, generators } = settings;
  try {
    const runs: PairRun[] = [];
    for (const rate of rates) {
      const run = await runPairs(clock, {
        ...started.target,
        system,
        rate,
        pairs,
        inFlight,
        payloadBytes,
        generators,
        warmUpMs: WARM_UP_MS,
        measureMs: (settings.seconds ?? SECONDS_DEFAULT) * 1000,
        runId: randomHex(random, RUN_ID_BYTES),
      });
      context.say(describeRun(run));
      runs.push(run);
    }
    return runs;
  } finally {
    await started.stop();
  }
}

export function describeRun(run: PairRun): string {
  const split = run.cpuByProcess
    .filter(({ micros }) => micros / Math.max(1, run.delivered) >= 0.01)
    .map(({ name, micros }) => `${name} ${(micros / run.delivered).toFixed(2)}`)
    .join(', ');
  const { p50, p99, p999 } = run.latencyMs;
  const offered = run.offeredPerSecond === 0 ? 'maximum' : `${run.offeredPerSecond}/s`;
  const faults = run.lost + run.duplicated + run.reordered + run.refused;
  return [
    `${run.system.padEnd(9)} ${offered.padEnd(9)} ${String(run.deliveriesPerSecond).padStart(7)}/s`,
    `${run.cpuMicrosPerDelivery.toFixed(2)} µs (${split})`,
    `p50 ${p50.toFixed(1)} p99 ${p99.toFixed(1)} p99.9 ${p999.toFixed(1)} ms`,
    `generator ${Math.round(run.generator.cpuShare * 100)} %, others ${Math.round(run.othersShare * 100)} %`,
    ...(faults === 0
      ? []
      : [`lost ${run.lost} doubled ${run.duplicated} reordered ${run.reordered} refused ${run.refused}`]),
    ...(run.insufficient === undefined ? [] : [`void: ${run.insufficient}`]),
  ].join('  ');
}

async function startSystem(context: ScenarioContext, system: SystemName): Promise<Started> {
  const { runtime } = context;
  if (system !== 'sluice') {
    const peer = await Peer.start(system, runtime);
    const protocol = system === 'bare' ? 'relay' : 'mqtt';
    const target = { protocol, host: peer.host, port: peer.port, processes: peer.processes() } as const;
    return { description: peer.description, target, stop: () => peer.stop() };
  }
  const { sluice, stop } = await startSluice(context);
  return {
    description: `sluice on Node ${runtime.version}`,
    target: { protocol: 'sluice', host: sluice.host, port: sluice.gatePort, processes: sluice.processes() },
    stop,
  };
}
