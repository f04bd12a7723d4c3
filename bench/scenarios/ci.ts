/**
 * `ci`: the short form that gates every change. Counts, which a busy machine does not move, and ratios within one run
 * with a margin; no times.
 */
import { randomHex } from '../../src/clock/random.ts';
import { runPairs } from '../pair-run.ts';
import { measureSystem } from '../pair-systems.ts';
import { atMost, type Finding, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { startSluice } from '../start-sluice.ts';
import { idle } from './idle.ts';

const IDLE_CONNECTIONS = 6000;
const PAIR_SECONDS = 3;
const WARM_UP_MS = 1000;
const RUN_ID_BYTES = 4;
/** On top of a budget, for machines and days. */
const MARGIN = 1.25;

export async function ci(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { budgets, settings } = context;
  const counted = await countPerDelivery(context);
  const short = { ...context, settings: { ...settings, seconds: PAIR_SECONDS, connections: IDLE_CONNECTIONS } };
  const [ours] = await measureSystem(short, 'sluice', [0]);
  const [floor] = await measureSystem(short, 'bare', [0]);
  const held = await idle({ ...short, settings: { ...short.settings, seconds: 1 } });
  const { gate = Number.NaN, system = Number.NaN, bare = Number.NaN } = held.metrics.bytesPerConnection ?? {};
  const ratio = (ours?.cpuMicrosPerDelivery ?? Number.NaN) / (floor?.cpuMicrosPerDelivery ?? Number.NaN);
  return {
    metrics: {
      ...held.metrics,
      cpuMicrosPerDelivery: { sluice: ours?.cpuMicrosPerDelivery ?? 0, bare: floor?.cpuMicrosPerDelivery ?? 0 },
      lost: counted.lost,
      duplicated: counted.duplicated,
      reordered: counted.reordered,
    },
    details: { counted },
    findings: [
      atMost('socket writes per delivery', counted.socketWrites, budgets.socketWritesPerDelivery * MARGIN, ''),
      atMost('trunk frames to logic per delivery', counted.trunkFrames, budgets.trunkFramesPerDelivery * MARGIN, ''),
      atMost('store commits per delivery', counted.commits, budgets.commitsPerDelivery * MARGIN, ''),
      atMost('CPU per delivery against the bare relay', ratio, budgets.cpuRatioToBare * MARGIN, '×'),
      atMost('gate memory per connection against bare net', gate / bare, budgets.gateBytesRatio * MARGIN, '×'),
      atMost('all memory per connection against bare net', system / bare, budgets.systemBytesRatio * MARGIN, '×'),
      ...zero('messages lost', counted.lost),
      ...zero('messages doubled', counted.duplicated),
      ...zero('messages out of order', counted.reordered),
    ],
  };
}

function zero(what: string, value: number): Finding[] {
  return [atMost(what, value, 0, '')];
}

/** What one delivery takes at the maximum, from the system's own counters. */
async function countPerDelivery(context: ScenarioContext): Promise<Record<CountName, number>> {
  const { settings, clock, random } = context;
  const { pairs, inFlight, payloadBytes, generators } = settings;
  const { sluice, stop } = await startSluice(context);
  try {
    const run = await runPairs(clock, {
      system: 'sluice',
      protocol: 'sluice',
      host: sluice.host,
      port: sluice.gatePort,
      processes: sluice.processes(),
      rate: settings.rate ?? 0,
      pairs,
      inFlight,
      payloadBytes,
      generators,
      warmUpMs: WARM_UP_MS,
      measureMs: PAIR_SECONDS * 1000,
      runId: randomHex(random, RUN_ID_BYTES),
    });
    const metrics = await sluice.metrics();
    const stored = metrics.get('sluice_logic_messages_stored_total') ?? Number.NaN;
    const per = (name: string): number => (metrics.get(name) ?? Number.NaN) / stored;
    return {
      socketWrites: per('sluice_gate_socket_writes_total'),
      trunkFrames: per('sluice_logic_trunk_frames_in_total'),
      commits: per('sluice_logic_commits_total'),
      lost: run.lost,
      duplicated: run.duplicated,
      reordered: run.reordered,
    };
  } finally {
    await stop();
  }
}

type CountName = 'socketWrites' | 'trunkFrames' | 'commits' | 'lost' | 'duplicated' | 'reordered';
