/**
 * `multicast`: one message to many sessions, over a gate and over its peers, at one offered rate and at each system's
 * maximum. No store takes part: the bench stands in for logic and makes one trunk frame of each message.
 */
import { randomHex } from '../../src/clock/random.ts';
import { type PairRun, type PairRunOptions, runPairs } from '../pair-run.ts';
import { describeRun, type SystemName } from '../pair-systems.ts';
import { MulticastRig } from '../peers/multicast-rig.ts';
import { Peer } from '../peers/peer.ts';
import { atMost, type BySystem, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { medianRun } from '../statistics.ts';

const SESSIONS_DEFAULT = 1000;
/** What all of them can do; 0 is the maximum. */
const RATES = [100_000, 0];
const SECONDS_DEFAULT = 5;
const WARM_UP_MS = 1500;
const RUN_ID_BYTES = 4;
const YARDSTICK = 'mosquitto';

type Target = Pick<PairRunOptions, 'protocol' | 'host' | 'port' | 'processes'>;

export async function multicast(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, budgets, say } = context;
  const rates = settings.rate === undefined ? RATES : [settings.rate];
  const systems: readonly SystemName[] = ['sluice', ...settings.against];
  const runs: PairRun[] = [];
  for (let round = 0; round < settings.repeats; round++) {
    for (const system of systems) runs.push(...(await measure(context, system, rates)));
  }
  const at = (system: SystemName, rate: number): PairRun =>
    medianRun(runs.filter((run) => run.system === system && run.offeredPerSecond === rate));
  const cost = (system: SystemName, rate: number): number => at(system, rate).cpuMicrosPerDelivery;
  const top = rates.at(-1) ?? 0;
  const ours = at('sluice', top);
  const ratios = settings.against.flatMap((peer) =>
    rates.map((rate) => ({ peer, rate, ratio: cost('sluice', rate) / cost(peer, rate) })),
  );
  for (const { peer, rate, ratio } of ratios) say(`${rateName(rate)}: ${ratio.toFixed(2)} × ${peer}`);
  const bySystem = (key: 'deliveriesPerSecond' | 'cpuMicrosPerDelivery'): BySystem =>
    Object.fromEntries(systems.map((system) => [system, at(system, top)[key]]));
  const { p50, p99, p999 } = ours.latencyMs;
  return {
    metrics: {
      connectionsHeld: settings.connections ?? SESSIONS_DEFAULT,
      deliveriesPerSecond: bySystem('deliveriesPerSecond'),
      cpuMicrosPerDelivery: bySystem('cpuMicrosPerDelivery'),
      latencyMs: { p50, p99, p999 },
      lost: ours.lost,
      duplicated: ours.duplicated,
      reordered: ours.reordered,
    },
    details: { runs, ratios, withoutStore: true },
    findings: [
      ...systems.map((system) => reported(`${system}: CPU per delivery, ${rateName(top)}`, cost(system, top), 'µs')),
      ...ratios.map(({ peer, rate, ratio }) => {
        const what = `CPU per delivery against ${peer}, ${rateName(rate)}`;
        const isTarget = peer === YARDSTICK && rate === top;
        return isTarget ? atMost(what, ratio, budgets.multicastRatioToMosquitto, '×') : reported(what, ratio, '×');
      }),
      atMost('deliveries lost', ours.lost, 0, ''),
      atMost('deliveries doubled', ours.duplicated, 0, ''),
      atMost('deliveries out of order', ours.reordered, 0, ''),
    ],
    insufficient: runs.find(({ insufficient }) => insufficient !== undefined)?.insufficient,
  };
}

function rateName(rate: number): string {
  return rate === 0 ? 'at the maximum' : `at ${rate}/s`;
}

async function measure(context: ScenarioContext, system: SystemName, rates: readonly number[]): Promise<PairRun[]> {
  const { settings, clock, random, say } = context;
  const { target, stop } = await start(context, system);
  try {
    const runs: PairRun[] = [];
    for (const rate of rates) {
      const run = await runPairs(clock, {
        ...target,
        system,
        rate,
        fanout: true,
        generators: 1,
        pairs: settings.connections ?? SESSIONS_DEFAULT,
        inFlight: settings.inFlight,
        payloadBytes: settings.payloadBytes,
        warmUpMs: WARM_UP_MS,
        measureMs: (settings.seconds ?? SECONDS_DEFAULT) * 1000,
        runId: randomHex(random, RUN_ID_BYTES),
      });
      say(describeRun(run));
      runs.push(run);
    }
    return runs;
  } finally {
    await stop();
  }
}

async function start(
  { runtime, settings }: ScenarioContext,
  system: SystemName,
): Promise<{ target: Target; stop: () => Promise<void> }> {
  if (system === 'sluice') {
    const rig = await MulticastRig.start(runtime, settings.nodeFlags);
    const target = { protocol: 'sluice', host: rig.host, port: rig.gatePort, processes: rig.processes } as const;
    return { target, stop: async () => rig.stop() };
  }
  const peer = await Peer.start(system, runtime);
  const protocol = system === 'bare' ? 'relay' : 'mqtt';
  const target = { protocol, host: peer.host, port: peer.port, processes: peer.processes() } as const;
  return { target, stop: () => peer.stop() };
}
