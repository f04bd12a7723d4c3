/** What a machine full of connections uses: memory by who holds it, and CPU by who spends it. */
import { readFileSync } from 'node:fs';
import { CpuMeter, kernelSlabBytes, type MeasuredProcess, memoryOf, totalMicros } from './process-usage.ts';

export interface HeldMemory {
  readonly gates: number;
  readonly logic: number;
  /** Gates, logic, api and primary. */
  readonly system: number;
  readonly generators: number;
  /** Slabs, which hold the sockets of both ends, above what they were before. */
  readonly kernelSlabs: number;
  /** All that is not available to others, before and now. */
  readonly machineBefore: number;
  readonly machine: number;
}

export interface MachineBefore {
  readonly slabBytes: number;
  readonly usedBytes: number;
}

export function machineBefore(): MachineBefore {
  return { slabBytes: kernelSlabBytes(), usedBytes: usedBytes() };
}

export function heldMemory(
  system: readonly MeasuredProcess[],
  generators: readonly MeasuredProcess[],
  before: MachineBefore,
): HeldMemory {
  const sum = (processes: readonly MeasuredProcess[]): number =>
    processes.reduce((bytes, { pid }) => bytes + memoryOf(pid).anonymousBytes, 0);
  return {
    gates: sum(system.filter(({ name }) => name.startsWith('gate'))),
    logic: sum(system.filter(({ name }) => name.startsWith('logic'))),
    system: sum(system),
    generators: sum(generators),
    kernelSlabs: kernelSlabBytes() - before.slabBytes,
    machineBefore: before.usedBytes,
    machine: usedBytes(),
  };
}

/** Cores that processes kept busy between two instants. */
export class BusyCores {
  readonly #meter: CpuMeter;
  readonly #sinceMs: number;

  constructor(processes: readonly MeasuredProcess[], nowMs: number) {
    this.#meter = new CpuMeter(processes);
    this.#sinceMs = nowMs;
  }

  until(nowMs: number): number {
    return totalMicros(this.#meter.lap()) / ((nowMs - this.#sinceMs) * 1000);
  }
}

function usedBytes(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  return (kib('MemTotal') - kib('MemAvailable')) * 1024;
}
