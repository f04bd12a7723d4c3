/**
 * One run of one-way pairs against one system: connect, warm up, measure, settle, judge.
 *
 *   open ── warm-up ──●───────── measured ─────────●── no new messages ── settle ── lost? doubled? reordered?
 *                     └ CPU of every process, counts, latency histogram between the two marks ┘
 */
import { type Clock, delay } from '../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../src/config/apps.ts';
import { type Evidence, EvidenceMeter, insufficiency } from './evidence.ts';
import type { DeliveryFaults } from './load/delivery-check.ts';
import { LatencyHistogram, type LatencyPercentiles } from './load/latency-histogram.ts';
import { LoadProcess } from './load/load-process.ts';
import type { PairMark, PairTask } from './load/load-tasks.ts';
import { type MeasuredProcess, type ProcessCpu, totalMicros } from './process-usage.ts';

export interface PairRunOptions {
  readonly system: string;
  readonly protocol: PairTask['protocol'];
  readonly host: string;
  readonly port: number;
  readonly processes: readonly MeasuredProcess[];
  readonly generators: number;
  /** Pairs; listeners of one publisher with `fanout`. */
  readonly pairs: number;
  readonly fanout?: boolean;
  /** Processes of the bench that keep the system busy otherwise. */
  readonly otherGenerators?: readonly MeasuredProcess[];
  readonly beside?: BesideLoad;
  readonly inFlight: number;
  readonly payloadBytes: number;
  /** Messages per second of all pairs; 0: as fast as they go. */
  readonly rate: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly runId: string;
}

/** What else happens to the system during the measured time. */
export interface BesideLoad {
  begin(): Promise<void>;
  end(): Promise<void>;
}

export interface PairRun extends DeliveryFaults {
  readonly system: string;
  /** 0: the maximum was looked for. */
  readonly offeredPerSecond: number;
  readonly deliveriesPerSecond: number;
  readonly delivered: number;
  readonly refused: number;
  /** Messages that were due and had not been sent at the end: the system was slower than the offer. */
  readonly waitingAtEnd: number;
  readonly cpuMicrosPerDelivery: number;
  readonly cpuByProcess: readonly ProcessCpu[];
  readonly latencyMs: LatencyPercentiles;
  readonly latencyCurve: readonly (readonly [number, number])[];
  readonly generator: GeneratorLoad;
  /** Share of the machine that neither the system nor the generator used, the kernel's own work included. */
  readonly othersShare: number;
  /** Set when the load says nothing about the system. */
  readonly insufficient: string | undefined;
}

export interface GeneratorLoad {
  /** Share of one core, of the busiest generator. */
  readonly cpuShare: number;
  readonly lagMaxMs: number;
  readonly micros: number;
}

export async function runPairs(clock: Clock, options: PairRunOptions): Promise<PairRun> {
  const generators = Array.from({ length: options.generators }, () => new LoadProcess());
  try {
    const share = Math.floor(options.pairs / generators.length);
    await Promise.all(generators.map((generator, i) => generator.call('openPairs', taskOf(options, i * share, share))));
    await Promise.all(generators.map((generator) => generator.call('startPairs', options.rate / generators.length)));
    await delay(clock, options.warmUpMs);
    await options.beside?.begin();
    const before = await markAll(generators);
    const own = generators.map(({ pid }, i) => ({ name: `load ${i + 1}`, pid }));
    const meter = new EvidenceMeter(clock, options.processes, [...own, ...(options.otherGenerators ?? [])]);
    await delay(clock, options.measureMs);
    const evidence = meter.finish();
    const after = await markAll(generators);
    await options.beside?.end();
    const faults = await Promise.all(generators.map((generator) => generator.call('finishPairs')));
    await Promise.all(generators.map((generator) => generator.call('closePairs')));
    return await summarise(options, before, after, faults, evidence);
  } finally {
    for (const generator of generators) generator.end();
  }
}

function taskOf(options: PairRunOptions, firstPair: number, pairs: number): PairTask {
  const { protocol, host, port, inFlight, payloadBytes, runId, fanout = false } = options;
  const app = { app: DEVELOPMENT_APP_ID, secret: DEVELOPMENT_SECRET };
  return { protocol, fanout, host, port, inFlight, payloadBytes, runId, firstPair, pairs, ...app };
}

function markAll(generators: readonly LoadProcess[]): Promise<PairMark[]> {
  return Promise.all(generators.map((generator) => generator.call('markPairs')));
}

async function summarise(
  options: PairRunOptions,
  before: readonly PairMark[],
  after: readonly PairMark[],
  faults: readonly DeliveryFaults[],
  evidence: Evidence,
): Promise<PairRun> {
  const { cpu, seconds, generatorShare, generatorMicros, othersShare } = evidence;
  const delivered = difference(before, after, 'delivered');
  const histogram = await LatencyHistogram.merged(after.map(({ latency }) => latency));
  const latencyMs = histogram.percentiles();
  const latencyCurve = histogram.curve();
  histogram.destroy();
  const generator: GeneratorLoad = {
    cpuShare: generatorShare,
    lagMaxMs: Math.max(...after.map(({ lagMaxMs }) => lagMaxMs)),
    micros: generatorMicros,
  };
  return {
    system: options.system,
    offeredPerSecond: options.rate,
    deliveriesPerSecond: Math.round(delivered / seconds),
    delivered,
    refused: difference(before, after, 'refused'),
    waitingAtEnd: sum(after.map(({ waiting }) => waiting)),
    cpuMicrosPerDelivery: delivered === 0 ? 0 : totalMicros(cpu) / delivered,
    cpuByProcess: cpu,
    latencyMs,
    latencyCurve,
    generator,
    lost: sum(faults.map(({ lost }) => lost)),
    duplicated: sum(faults.map(({ duplicated }) => duplicated)),
    reordered: sum(faults.map(({ reordered }) => reordered)),
    othersShare,
    insufficient: voidness(after, delivered) ?? insufficiency(evidence),
  };
}

/** Why the traffic itself says nothing about the system. */
function voidness(after: readonly PairMark[], delivered: number): string | undefined {
  const broken = after.find((mark) => mark.broken !== undefined)?.broken;
  return broken ?? (delivered === 0 ? 'nothing was delivered' : undefined);
}

function difference(before: readonly PairMark[], after: readonly PairMark[], key: 'delivered' | 'refused'): number {
  return sum(after.map((mark) => mark[key])) - sum(before.map((mark) => mark[key]));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
