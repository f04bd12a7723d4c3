/**
 * From users and messages to machines: the arithmetic of `sluice size`, every step shown.
 *
 *   users ─┬─► connections ─┬─► memory of gates ─┐
 *          │                └─► logins, beats ──┬┴─► machines
 *          └─► messages ────┬─► deliveries ─────┘
 *                           ├─► disk and memory of the embedded store: one machine's, or it does not fit
 *                           └─► memory and CPU of Redis: nodes
 *
 * Costs are measured (`measured-costs.ts`); how many users are online and how uneven the day is are assumptions that the
 * caller can change. No step is rounded down.
 */
import type { Costs } from './measured-costs.ts';

export interface Workload {
  readonly users: number;
  /** Sent by one user. */
  readonly messagesPerDay: number;
  /** Of all users, at the busiest time. */
  readonly onlineShare: number;
  readonly devices: number;
  readonly payloadBytes: number;
  /** The busiest second against the day's mean. */
  readonly peakFactor: number;
  /** Connections that break and come back within an hour, as a share of all. */
  readonly reconnectsPerHour: number;
  readonly retentionDays: number;
  /** Of one user. */
  readonly retentionMessages: number;
  readonly dedupeDays: number;
  readonly heartbeatS: number;
}

export interface MachineShape {
  readonly cores: number;
  readonly memoryBytes: number;
  /** What may be used of a machine: the rest is for bursts and for the loss of another one. */
  readonly loadMax: number;
  readonly connectionsPerGate: number;
  readonly redisNodeBytes: number;
  /** Copies of each node. */
  readonly redisReplicas: number;
}

export interface SizeStep {
  readonly what: string;
  readonly arithmetic: string;
  readonly value: number;
  readonly unit: '' | '/s' | 'B' | 'cores';
}

export interface Size {
  readonly steps: readonly SizeStep[];
  readonly machines: number;
  readonly gateWorkers: number;
  /** Whether one machine has the memory that the embedded store needs. */
  readonly embeddedFits: boolean;
  /** With replicas. */
  readonly redisNodes: number;
}

const DAY_S = 86_400;
const HOUR_S = 3600;
/** A message stands in the timeline of who gets it and in that of who sent it. */
const TIMELINES = 2;
/** Dedupe rows are let go a window at a time. */
const DEDUPE_WINDOWS = 2;

export function sizeOf(workload: Workload, costs: Costs, machine: MachineShape): Size {
  return new Sizing(workload, costs, machine).size();
}

class Sizing {
  readonly #workload: Workload;
  readonly #costs: Costs;
  readonly #machine: MachineShape;
  readonly #steps: SizeStep[] = [];

  constructor(workload: Workload, costs: Costs, machine: MachineShape) {
    this.#workload = workload;
    this.#costs = costs;
    this.#machine = machine;
  }

  size(): Size {
    const { users, messagesPerDay, peakFactor } = this.#workload;
    const perSecond = this.#step(
      'messages in the busiest second',
      `${users} users × ${messagesPerDay} a day ÷ ${DAY_S} s × peak ${peakFactor}`,
      ((users * messagesPerDay) / DAY_S) * peakFactor,
      '/s',
    );
    const connections = this.#connections();
    const gateWorkers = this.#gateWorkers(connections);
    const machines = this.#machines(this.#cores(connections, perSecond), this.#memory(connections, gateWorkers));
    const kept = this.#kept();
    const recent = this.#recent();
    const embeddedFits = this.#embedded(kept, recent);
    return {
      steps: this.#steps,
      machines,
      gateWorkers,
      embeddedFits,
      redisNodes: this.#redis(kept, recent, perSecond),
    };
  }

  #connections(): number {
    const { users, onlineShare, devices } = this.#workload;
    const arithmetic = `${users} users × ${onlineShare} online × ${devices} devices`;
    return this.#step('connections at the busiest time', arithmetic, users * onlineShare * devices, '');
  }

  #gateWorkers(connections: number): number {
    const { connectionsPerGate } = this.#machine;
    const workers = Math.ceil(connections / connectionsPerGate);
    return this.#step('gate workers', `connections ÷ ${connectionsPerGate} a worker, or one per core`, workers, '');
  }

  #cores(connections: number, messages: number): number {
    const { devices, reconnectsPerHour, peakFactor, heartbeatS } = this.#workload;
    const { cpuMicrosPerDelivery, cpuMicrosPerLogin, cpuMicrosPerHeartbeat } = this.#costs;
    const deliveries = this.#step(
      'deliveries in the busiest second',
      `messages × (${devices} devices of who gets it + ${round(devices - 1)} others of who sent it)`,
      messages * (2 * devices - 1),
      '/s',
    );
    const logins = this.#step(
      'logins in the busiest second',
      `connections × ${reconnectsPerHour} an hour ÷ ${HOUR_S} s × peak ${peakFactor}`,
      ((connections * reconnectsPerHour) / HOUR_S) * peakFactor,
      '/s',
    );
    return this.#step(
      'cores in use',
      `(${cpuMicrosPerDelivery} µs × deliveries + ${cpuMicrosPerLogin} µs × logins + ${cpuMicrosPerHeartbeat} µs × connections ÷ ${heartbeatS} s) ÷ 10⁶`,
      (cpuMicrosPerDelivery * deliveries +
        cpuMicrosPerLogin * logins +
        (cpuMicrosPerHeartbeat * connections) / heartbeatS) /
        1e6,
      'cores',
    );
  }

  #memory(connections: number, gateWorkers: number): number {
    const { processBytesPerConnection, kernelBytesPerConnection, gateProcessBytes } = this.#costs;
    return this.#step(
      'memory for connections',
      `connections × (${processBytesPerConnection} B in our processes + ${kernelBytesPerConnection} B in the kernel) + gate workers × ${gateProcessBytes / 1e6} MB`,
      connections * (processBytesPerConnection + kernelBytesPerConnection) + gateWorkers * gateProcessBytes,
      'B',
    );
  }

  #machines(cores: number, memory: number): number {
    const { cores: coresEach, memoryBytes, loadMax } = this.#machine;
    return this.#step(
      'machines for gates and logic',
      `the larger of cores ÷ ${coresEach} and memory ÷ ${gigabytes(memoryBytes)}, ÷ ${loadMax} that may be used`,
      Math.max(1, Math.ceil(Math.max(cores / coresEach, memory / memoryBytes) / loadMax)),
      '',
    );
  }

  #kept(): number {
    const { users, messagesPerDay, retentionDays, retentionMessages } = this.#workload;
    // A timeline has what its user got and what they sent.
    const each = Math.min(messagesPerDay * retentionDays, retentionMessages / TIMELINES);
    const arithmetic = `${users} users × the lesser of ${messagesPerDay} a day × ${round(retentionDays)} days and ${retentionMessages} ÷ ${TIMELINES} timelines`;
    return this.#step('messages kept', arithmetic, users * each, '');
  }

  /** Messages whose retries are still known. */
  #recent(): number {
    const { users, messagesPerDay, dedupeDays } = this.#workload;
    const arithmetic = `${users} users × ${messagesPerDay} a day × ${round(dedupeDays)} days × ${DEDUPE_WINDOWS} windows`;
    const value = users * messagesPerDay * dedupeDays * DEDUPE_WINDOWS;
    return this.#step('messages whose retry is recognised', arithmetic, value, '');
  }

  #embedded(kept: number, recent: number): boolean {
    const { users, payloadBytes } = this.#workload;
    const { logBytesPerMessage, indexBytesPerUser, indexBytesPerMessage, dedupeBytesPerMessage } = this.#costs;
    this.#step(
      'embedded store: disk',
      `messages kept × (${payloadBytes} B + ${logBytesPerMessage} B)`,
      kept * (payloadBytes + logBytesPerMessage),
      'B',
    );
    const memory = this.#step(
      'embedded store: memory of logic',
      `${users} users × ${indexBytesPerUser} B + messages kept × ${TIMELINES} timelines × ${indexBytesPerMessage} B + recognised × ${dedupeBytesPerMessage} B`,
      users * indexBytesPerUser + kept * TIMELINES * indexBytesPerMessage + recent * dedupeBytesPerMessage,
      'B',
    );
    return memory <= this.#machine.memoryBytes * this.#machine.loadMax;
  }

  #redis(kept: number, recent: number, perSecond: number): number {
    const { payloadBytes } = this.#workload;
    const { redisBytesPerMessage, redisDedupeBytesPerMessage, redisMicrosPerMessage } = this.#costs;
    const { redisNodeBytes, redisReplicas, loadMax } = this.#machine;
    const memory = this.#step(
      'Redis: memory',
      `messages kept × ${TIMELINES} timelines × (${payloadBytes} B + ${redisBytesPerMessage} B) + recognised × ${redisDedupeBytesPerMessage} B`,
      kept * TIMELINES * (payloadBytes + redisBytesPerMessage) + recent * redisDedupeBytesPerMessage,
      'B',
    );
    const cores = this.#step(
      'Redis: cores in use',
      `messages × ${redisMicrosPerMessage} µs ÷ 10⁶; a node has one`,
      (perSecond * redisMicrosPerMessage) / 1e6,
      'cores',
    );
    const masters = Math.max(1, Math.ceil(Math.max(memory / redisNodeBytes, cores) / loadMax));
    return this.#step(
      'Redis: nodes',
      `the larger of memory ÷ ${gigabytes(redisNodeBytes)} and cores, ÷ ${loadMax} that may be used: ${masters}; × ${1 + redisReplicas} with replicas`,
      masters * (1 + redisReplicas),
      '',
    );
  }

  #step(what: string, arithmetic: string, value: number, unit: SizeStep['unit']): number {
    this.#steps.push({ what, arithmetic, value, unit });
    return value;
  }
}

function gigabytes(bytes: number): string {
  return `${round(bytes / 1e9)} GB`;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
