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
import { median, medianRun } from '../statistics.ts';

const RATES = [10_000, 30_000, 0];
const FLOOR = 'bare';

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
  const ratios = settings.against.flatMap((peer) =>
    rates.map((rate) => ({ peer, rate, ratio: cost('sluice', rate) / cost(peer, rate) })),
  );
  for (const { peer, rate, ratio } of ratios) {
    say(`CPU per delivery at ${rate === 0 ? 'the maximum' : `${rate}/s`}: ${ratio.toFixed(2)} × ${peer}`);
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

function ratioFindings(ratios: readonly { peer: string; ratio: number }[], limit: number): Finding[] {
  return [...new Set(ratios.map(({ peer }) => peer))].map((peer) => {
    const middle = median(ratios.filter((each) => each.peer === peer).map(({ ratio }) => ratio));
    const what = `CPU per delivery against ${peer}, median of the rates`;
    return peer === 'mosquitto'
      ? atMost(what, middle, limit, '×')
      : reported(what, middle, peer === FLOOR ? '× the floor' : '×');
  });
}
