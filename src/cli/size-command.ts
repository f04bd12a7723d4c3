/** `sluice size`: how many machines so many users take, with the arithmetic. */
import type { Config } from '../config/config.ts';
import { ExitCode } from './cli-error.ts';
import { type Costs, MEASURED_COSTS, MEASURED_ON } from './measured-costs.ts';
import { type MachineShape, type Size, type SizeStep, sizeOf, type Workload } from './sizing.ts';
import { writeLine } from './terminal.ts';

const DAY_MS = 86_400_000;
const GIGABYTE = 1e9;
/** An assumption: what one gate worker should hold, whatever its descriptors allow. */
const CONNECTIONS_PER_GATE = 100_000;

export interface SizeOptions {
  readonly users: number;
  readonly messagesPerDay: number;
  readonly online: number;
  readonly devices: number;
  readonly payload: number;
  readonly peak: number;
  readonly reconnectsPerHour: number;
  readonly retentionDays?: number;
  readonly cores: number;
  readonly memoryGb: number;
  readonly load: number;
  readonly redisNodeGb: number;
  readonly redisReplicas: number;
  readonly cpuPerDelivery?: number;
  readonly cpuPerLogin?: number;
  readonly json?: boolean;
}

export async function size(config: Config, options: SizeOptions): Promise<ExitCode> {
  const workload: Workload = {
    users: options.users,
    messagesPerDay: options.messagesPerDay,
    onlineShare: options.online,
    devices: options.devices,
    payloadBytes: options.payload,
    peakFactor: options.peak,
    reconnectsPerHour: options.reconnectsPerHour,
    retentionDays: options.retentionDays ?? config.store.retentionAgeMs / DAY_MS,
    retentionMessages: config.store.retentionCount,
    dedupeDays: config.store.dedupeWindowMs / DAY_MS,
    heartbeatS: config.gate.heartbeatMs / 1000,
  };
  const machine: MachineShape = {
    cores: options.cores,
    memoryBytes: options.memoryGb * GIGABYTE,
    loadMax: options.load,
    connectionsPerGate: CONNECTIONS_PER_GATE,
    redisNodeBytes: options.redisNodeGb * GIGABYTE,
    redisReplicas: options.redisReplicas,
  };
  const costs: Costs = {
    ...MEASURED_COSTS,
    cpuMicrosPerDelivery: options.cpuPerDelivery ?? MEASURED_COSTS.cpuMicrosPerDelivery,
    cpuMicrosPerLogin: options.cpuPerLogin ?? MEASURED_COSTS.cpuMicrosPerLogin,
  };
  const result = sizeOf(workload, costs, machine);
  if (options.json) await writeLine(JSON.stringify({ workload, machine, costs, measuredOn: MEASURED_ON, ...result }));
  else for (const line of describe(result)) await writeLine(line);
  return ExitCode.Done;
}

function describe({ steps, machines, gateWorkers, embeddedFits, redisNodes }: Size): string[] {
  const values = steps.map(format);
  const whatWidth = Math.max(...steps.map(({ what }) => what.length));
  const valueWidth = Math.max(...values.map(({ length }) => length));
  const engine = embeddedFits
    ? `the embedded store fits on one machine; with Redis ${count(redisNodes, 'node')}`
    : `the embedded store does not fit on one machine: Redis, ${count(redisNodes, 'node')}`;
  return [
    ...steps.map(
      ({ what, arithmetic }, i) =>
        `${what.padEnd(whatWidth)}  ${(values[i] ?? '').padStart(valueWidth)}  = ${arithmetic}`,
    ),
    '',
    `${count(machines, 'machine')}, ${count(gateWorkers, 'gate worker')}; ${engine}.`,
    `Costs from ${MEASURED_ON}. Measure yours: npm run bench.`,
  ];
}

function format({ value, unit }: SizeStep): string {
  if (unit !== 'B') return `${number(value)}${unit === '' || unit === '/s' ? unit : ` ${unit}`}`;
  const scales: [number, string][] = [
    [1e12, 'TB'],
    [1e9, 'GB'],
    [1e6, 'MB'],
  ];
  const [scale, name] = scales.find(([from]) => value >= from) ?? [1e6, 'MB'];
  return `${number(value / scale)} ${name}`;
}

function number(value: number): string {
  return value >= 100 ? Math.ceil(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}

function count(amount: number, noun: string): string {
  return `${amount.toLocaleString('en-US')} ${noun}${amount === 1 ? '' : 's'}`;
}
