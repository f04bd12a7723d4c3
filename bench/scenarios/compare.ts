/**
 * `compare`: the same pairs at the same offered rates against Sluice and its peers, in one run, and the ratios.
 *
 * Rates are 10,000/s, 30,000/s and each system's own maximum. The rounds go over all systems before they repeat, so that
 * a busy minute of the machine does not fall on one of them alone.
 */
import type { PairRun } from '../pair-run.ts';
import { measureSystem, type SystemName } from '../pair-systems.ts';
import { atMost, type BySystem, type Finding, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { medianRun } from '../statistics.ts';

const RATES = [10_000, 30_000, 0];
const FLOOR = 'bare';

interface Ratio {
  readonly peer: SystemName;
  readonly rate: number;
  readonly ratio: number;
}

export async function compare(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, budgets, say } = context;
  const rates = settings.rate === undefined ? RATES : [settings.rate];
  const systems: readonly SystemName[] = ['sluice', ...settings.against];
  const runs: PairRun[] = [];
  for (let round = 0; round < settings.repeats; round++) {
    for (const system of systems) runs.push(...(await measureSystem(context, system, rates)));
  }
  const at = (system: SystemName, rate: number): PairRun =>
    medianRun(runs.filter((run) => run.system === system && run.offeredPerSecond === rate));
  const cost = (system: SystemName, rate: number): number => at(system, rate).cpuMicrosPerDelivery;
  const ratios: readonly Ratio[] = settings.against.flatMap((peer) =>
    rates.map((rate) => ({ peer, rate, ratio: cost('sluice', rate) / cost(peer, rate) })),
  );
  for (const { peer, rate, ratio } of ratios) {
    say(`CPU per delivery ${rateText(rate)}: ${ratio.toFixed(2)} × ${peer}`);
  }
  const top = rates.at(-1) ?? 0;
  const bySystem = (key: 'deliveriesPerSecond' | 'cpuMicrosPerDelivery'): BySystem =>
    Object.fromEntries(systems.map((system) => [system, at(system, top)[key]]));
  const ours = runs.filter(({ system }) => system === 'sluice');
  const sum = (key: 'lost' | 'duplicated' | 'reordered'): number => ours.reduce((total, run) => total + run[key], 0);
  const { p50, p99, p999 } = at('sluice', rates[0] ?? 0).latencyMs;
  return {
    metrics: {
      deliveriesPerSecond: bySystem('deliveriesPerSecond'),
      cpuMicrosPerDelivery: bySystem('cpuMicrosPerDelivery'),
      latencyMs: { p50, p99, p999 },
      lost: sum('lost'),
      duplicated: sum('duplicated'),
      reordered: sum('reordered'),
    },
    details: { runs, ratios },
    findings: [
      ...systems.map((system) => reported(`${system}: CPU per delivery, at the top`, cost(system, top), 'µs')),
      ...ratioFindings(ratios, budgets.cpuRatioToMosquitto),
      atMost('messages lost', sum('lost'), 0, ''),
      atMost('messages doubled', sum('duplicated'), 0, ''),
      atMost('messages out of order', sum('reordered'), 0, ''),
    ],
    insufficient: ours.find(({ insufficient }) => insufficient !== undefined)?.insufficient,
  };
}

/**
 * The target is for the maximum, where the processor decides. At a fixed low rate every message pays for system calls of its
 * own: these ratios are told, and the floor's beside them says what the runtime's sockets alone cost.
 */
function ratioFindings(ratios: readonly Ratio[], limit: number): Finding[] {
  return ratios.map(({ peer, rate, ratio }) => {
    const what = `CPU per delivery against ${peer}, ${rateText(rate)}`;
    if (peer === 'mosquitto' && rate === 0) return atMost(what, ratio, limit, '×');
    return reported(what, ratio, peer === FLOOR ? '× the floor' : '×');
  });
}

function rateText(rate: number): string {
  return rate === 0 ? 'at the maximum' : `at ${rate}/s`;
}
