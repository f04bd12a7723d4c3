/**
 * From users and messages to machines: the arithmetic of `sluice size`, every step shown.
 *
 * The costs are measured ones (see `MEASURED_COSTS`); what a deployment looks like (how many users are online, how uneven
 * the day is) are assumptions that the caller can change. No step is rounded down.
 */

export interface Workload {
  readonly users: number;
  readonly messagesPerUserPerDay: number;
  /** Of all users, at the busiest time. */
  readonly onlineShare: number;
  readonly devicesPerUser: number;
  readonly payloadBytes: number;
  /** The busiest second against the day's mean. */
  readonly peakFactor: number;
  readonly retentionDays: number;
  /** Sessions that break and come back within an hour, as a share of all. */
  readonly reconnectsPerHour: number;
}

export interface Costs {
  /** CPU of all processes for one delivery: committed, pushed, acknowledged. */
  readonly cpuMicrosPerDelivery: number;
  readonly cpuMicrosPerLogin: number;
  readonly cpuMicrosPerHeartbeat: number;
  /** Memory of all our processes for one idle connection. */
  readonly processBytesPerConnection: number;
  /** The kernel's share of the server's end of one. */
  readonly kernelBytesPerConnection: number;
  readonly gateProcessBytes: number;
  /** Of the log, beside the payload, which both timelines share. What the store keeps in memory is not in it. */
  readonly storeBytesPerMessage: number;
}

export interface MachineShape {
  readonly cores: number;
  readonly memoryBytes: number;
  /** File descriptors of one process. */
  readonly openFilesMax: number;
  /** What may be used: the rest is for bursts, the system, and the loss of a machine. */
  readonly loadMax: number;
}

export interface SizeStep {
  readonly what: string;
  readonly arithmetic: string;
  readonly value: number;
  readonly unit: string;
}

export interface Size {
  readonly steps: readonly SizeStep[];
  readonly machines: number;
  readonly gateWorkers: number;
  readonly storeBytes: number;
}

/** Assumptions, not measurements. */
export const WORKLOAD_DEFAULT: Workload = {
  users: 100_000,
  messagesPerUserPerDay: 50,
  onlineShare: 0.3,
  devicesPerUser: 1.3,
  payloadBytes: 200,
  peakFactor: 4,
  retentionDays: 30,
  reconnectsPerHour: 0.5,
};

/**
 * On 2 cores of an Intel Xeon, Node 24, Linux 6.18, one gate, other work on the machine; measure your own with
 * `npm run bench`. The kernel's share is taken from a million connections to bare `net` servers.
 */
export const MEASURED_COSTS: Costs = {
  // At 10,000 deliveries a second, where little is coalesced: the dearest case. At the maximum it is 7.
  cpuMicrosPerDelivery: 50,
  cpuMicrosPerLogin: 110,
  cpuMicrosPerHeartbeat: 13,
  processBytesPerConnection: 2500,
  kernelBytesPerConnection: 3300,
  gateProcessBytes: 60e6,
  storeBytesPerMessage: 105,
};

export const MACHINE_DEFAULT: MachineShape = { cores: 8, memoryBytes: 32e9, openFilesMax: 1_048_576, loadMax: 0.5 };

const DAY_S = 86_400;
const HOUR_S = 3600;
const HEARTBEAT_S = 60;
/** An assumption: how many one gate worker should hold, whatever the descriptor limit allows. */
const CONNECTIONS_PER_WORKER = 100_000;

type AddStep = (what: string, arithmetic: string, value: number, unit: string) => number;

interface Demand {
  readonly connections: number;
  readonly perSecond: number;
  readonly logins: number;
}

function demandOf(workload: Workload, step: AddStep): Demand {
  const { users, onlineShare, devicesPerUser, messagesPerUserPerDay, peakFactor, reconnectsPerHour } = workload;
  const connections = step(
    'connections at the busiest time',
    `${users} users × ${onlineShare} online × ${devicesPerUser} devices`,
    users * onlineShare * devicesPerUser,
    '',
  );
  const perSecond = step(
    'deliveries in the busiest second',
    `${users} × ${messagesPerUserPerDay} a day ÷ ${DAY_S} s × peak ${peakFactor} × ${devicesPerUser} devices`,
    ((users * messagesPerUserPerDay) / DAY_S) * peakFactor * devicesPerUser,
    '/s',
  );
  const logins = step(
    'logins per second',
    `${Math.round(connections)} × ${reconnectsPerHour} ÷ ${HOUR_S} s × peak ${peakFactor}`,
    ((connections * reconnectsPerHour) / HOUR_S) * peakFactor,
    '/s',
  );
  return { connections, perSecond, logins };
}

export function sizeOf(
  workload: Workload,
  costs: Costs = MEASURED_COSTS,
  machine: MachineShape = MACHINE_DEFAULT,
): Size {
  const { users, messagesPerUserPerDay } = workload;
  const steps: SizeStep[] = [];
  const step: AddStep = (what, arithmetic, value, unit) => {
    steps.push({ what, arithmetic, value, unit });
    return value;
  };
  const { connections, perSecond, logins } = demandOf(workload, step);
  const cores = step(
    'cores in use',
    `(${costs.cpuMicrosPerDelivery} µs × deliveries + ${costs.cpuMicrosPerLogin} µs × logins + ` +
      `${costs.cpuMicrosPerHeartbeat} µs × connections ÷ ${HEARTBEAT_S} s) ÷ 10⁶`,
    (costs.cpuMicrosPerDelivery * perSecond +
      costs.cpuMicrosPerLogin * logins +
      (costs.cpuMicrosPerHeartbeat * connections) / HEARTBEAT_S) /
      1e6,
    'cores',
  );
  const perWorker = Math.min(machine.openFilesMax, CONNECTIONS_PER_WORKER);
  const workers = step('gate workers', `connections ÷ ${perWorker} a worker`, Math.ceil(connections / perWorker), '');
  const bytesEach = costs.processBytesPerConnection + costs.kernelBytesPerConnection;
  const memory = step(
    'memory',
    `connections × ${bytesEach} B + ${workers} workers × ${costs.gateProcessBytes / 1e6} MB`,
    connections * bytesEach + workers * costs.gateProcessBytes,
    'B',
  );
  const stored = users * messagesPerUserPerDay * workload.retentionDays;
  const store = step(
    'store',
    `${users} × ${messagesPerUserPerDay} × ${workload.retentionDays} days × (${workload.payloadBytes} B + ${costs.storeBytesPerMessage} B)`,
    stored * (workload.payloadBytes + costs.storeBytesPerMessage),
    'B',
  );
  const machines = step(
    'machines',
    `the larger of ${cores.toFixed(2)} cores ÷ (${machine.cores} × ${machine.loadMax}) and memory ÷ (${machine.memoryBytes / 1e9} GB × ${machine.loadMax})`,
    Math.max(1, Math.ceil(Math.max(cores / machine.cores, memory / machine.memoryBytes) / machine.loadMax)),
    '',
  );
  return { steps, machines, gateWorkers: workers, storeBytes: store };
}
