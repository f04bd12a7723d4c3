/**
 * One run of one-way pairs against one system: connect, warm up, measure, settle, judge.
 *
 *   open ── warm-up ──●───────── measured ─────────●── no new messages ── settle ── lost? doubled? reordered?
 *                     └ CPU of every process, counts, latency histogram between the two marks ┘
 */
import { availableParallelism } from 'node:os';
import { type Clock, delay } from '../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../src/config/apps.ts';
import type { DeliveryFaults } from './load/delivery-check.ts';
import { LatencyHistogram, type LatencyPercentiles } from './load/latency-histogram.ts';
import { LoadProcess } from './load/load-process.ts';
import type { PairMark, PairTask } from './load/load-tasks.ts';
import { CpuMeter, type MeasuredProcess, machineMicros, type ProcessCpu, totalMicros } from './process-usage.ts';

export interface PairRunOptions {
  readonly system: string;
  readonly protocol: PairTask['protocol'];
  readonly host: string;
  readonly port: number;
  readonly processes: readonly MeasuredProcess[];
  readonly generators: number;
  readonly pairs: number;
  readonly inFlight: number;
  readonly payloadBytes: number;
  /** Messages per second of all pairs; 0: as fast as they go. */
  readonly rate: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly runId: string;
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

/** From here on a generator measures itself, unless the system under test is as busy. */
const GENERATOR_SHARE_MAX = 0.7;
const MACHINE_SHARE_FULL = 0.9;
/** Of all cores: what is not the system's and not the generator's. */
const OTHERS_SHARE_MAX = 0.15;

interface MeasuredTime {
  readonly cpu: readonly ProcessCpu[];
  readonly machine: number;
  readonly seconds: number;
}

export async function runPairs(clock: Clock, options: PairRunOptions): Promise<PairRun> {
  const generators = Array.from({ length: options.generators }, () => new LoadProcess());
  try {
    const share = Math.floor(options.pairs / generators.length);
    await Promise.all(generators.map((generator, i) => generator.call('openPairs', taskOf(options, i * share, share))));
    await Promise.all(generators.map((generator) => generator.call('startPairs', options.rate / generators.length)));
    await delay(clock, options.warmUpMs);
    const before = await markAll(generators);
    const meter = new CpuMeter(options.processes);
    const machineBefore = machineMicros();
    const startMs = clock.monotonicMs();
    await delay(clock, options.measureMs);
    const cpu = meter.lap();
    const machine = machineMicros() - machineBefore;
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    const after = await markAll(generators);
    const faults = await Promise.all(generators.map((generator) => generator.call('finishPairs')));
    await Promise.all(generators.map((generator) => generator.call('closePairs')));
    return await summarise(options, before, after, faults, { cpu, machine, seconds });
  } finally {
    for (const generator of generators) generator.end();
  }
}

function taskOf(options: PairRunOptions, firstPair: number, pairs: number): PairTask {
  const { protocol, host, port, inFlight, payloadBytes, runId } = options;
  const app = { app: DEVELOPMENT_APP_ID, secret: DEVELOPMENT_SECRET };
  return { protocol, host, port, inFlight, payloadBytes, runId, firstPair, pairs, ...app };
}

function markAll(generators: readonly LoadProcess[]): Promise<PairMark[]> {
  return Promise.all(generators.map((generator) => generator.call('markPairs')));
}

async function summarise(
  options: PairRunOptions,
  before: readonly PairMark[],
  after: readonly PairMark[],
  faults: readonly DeliveryFaults[],
  { cpu, machine, seconds }: MeasuredTime,
): Promise<PairRun> {
  const delivered = difference(before, after, 'delivered');
  const histogram = await LatencyHistogram.merged(after.map(({ latency }) => latency));
  const latencyMs = histogram.percentiles();
  const latencyCurve = histogram.curve();
  histogram.destroy();
  const micros = after.map((mark, i) => mark.cpuMicros - (before[i]?.cpuMicros ?? 0));
  const generator: GeneratorLoad = {
    cpuShare: Math.max(...micros) / (seconds * 1e6),
    lagMaxMs: Math.max(...after.map(({ lagMaxMs }) => lagMaxMs)),
    micros: sum(micros),
  };
  const capacity = seconds * 1e6 * availableParallelism();
  const othersShare = Math.max(0, (machine - totalMicros(cpu) - generator.micros) / capacity);
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
    insufficient: insufficiency(after, generator, cpu, seconds, delivered, othersShare),
  };
}

/** Why a run says nothing about the system. */
function insufficiency(
  after: readonly PairMark[],
  generator: GeneratorLoad,
  cpu: readonly ProcessCpu[],
  seconds: number,
  delivered: number,
  othersShare: number,
): string | undefined {
  const broken = after.find((mark) => mark.broken !== undefined)?.broken;
  if (broken !== undefined) return broken;
  if (delivered === 0) return 'nothing was delivered';
  if (othersShare > OTHERS_SHARE_MAX) {
    return `other processes took ${Math.round(othersShare * 100)} % of the machine`;
  }
  const busiest = Math.max(...cpu.map(({ micros }) => micros)) / (seconds * 1e6);
  const machine = (totalMicros(cpu) + generator.micros) / (seconds * 1e6 * availableParallelism());
  if (generator.cpuShare <= GENERATOR_SHARE_MAX || busiest >= generator.cpuShare) return undefined;
  if (machine >= MACHINE_SHARE_FULL) return undefined;
  return `the generator used ${Math.round(generator.cpuShare * 100)} % of a core, the system less`;
}

function difference(before: readonly PairMark[], after: readonly PairMark[], key: 'delivered' | 'refused'): number {
  return sum(after.map((mark) => mark[key])) - sum(before.map((mark) => mark[key]));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
