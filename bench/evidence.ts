/**
 * Whether a stretch of time says anything about the system: what its processes, the generators and everybody else took of
 * the machine meanwhile.
 *
 *   insufficient   other processes took more than 15 % of the machine, or
 *                  a generator used more than 70 % of a core, the busiest process of the system less, and the machine had room
 */
import { availableParallelism } from 'node:os';
import type { Clock } from '../src/clock/clock.ts';
import { CpuMeter, type MeasuredProcess, machineMicros, type ProcessCpu, totalMicros } from './process-usage.ts';

const GENERATOR_SHARE_MAX = 0.7;
const MACHINE_SHARE_FULL = 0.9;
const OTHERS_SHARE_MAX = 0.15;

export interface Evidence {
  readonly seconds: number;
  /** Of each process of the system. */
  readonly cpu: readonly ProcessCpu[];
  /** Share of one core, of the busiest generator. */
  readonly generatorShare: number;
  readonly generatorMicros: number;
  /** Share of the machine that neither the system nor the generators used, the kernel's own work included. */
  readonly othersShare: number;
}

/** Measures from its construction on. */
export class EvidenceMeter {
  readonly #clock: Clock;
  readonly #system: CpuMeter;
  readonly #generators: CpuMeter;
  readonly #machineMicros: number = machineMicros();
  readonly #startMs: number;

  constructor(clock: Clock, system: readonly MeasuredProcess[], generators: readonly MeasuredProcess[]) {
    this.#clock = clock;
    this.#system = new CpuMeter(system);
    this.#generators = new CpuMeter(generators);
    this.#startMs = clock.monotonicMs();
  }

  /** To be called once. */
  finish(): Evidence {
    const seconds = (this.#clock.monotonicMs() - this.#startMs) / 1000;
    const cpu = this.#system.lap();
    const generators = this.#generators.lap();
    const generatorMicros = totalMicros(generators);
    const busyMicros = machineMicros() - this.#machineMicros;
    const othersMicros = busyMicros - totalMicros(cpu) - generatorMicros;
    return {
      seconds,
      cpu,
      generatorShare: Math.max(0, ...generators.map(({ micros }) => micros)) / (seconds * 1e6),
      generatorMicros,
      othersShare: Math.max(0, othersMicros) / (seconds * 1e6 * availableParallelism()),
    };
  }
}

/** Why nothing can be said; undefined when it can. */
export function insufficiency(evidence: Evidence): string | undefined {
  return disturbance(evidence) ?? generatorLimit(evidence);
}

/** Others were at work. */
export function disturbance({ othersShare }: Evidence): string | undefined {
  if (othersShare <= OTHERS_SHARE_MAX) return undefined;
  return `other processes took ${Math.round(othersShare * 100)} % of the machine`;
}

/** The generator was the limit: what was reached is less than what the system can do. */
export function generatorLimit({ cpu, seconds, generatorShare, generatorMicros }: Evidence): string | undefined {
  const busiest = Math.max(0, ...cpu.map(({ micros }) => micros)) / (seconds * 1e6);
  const machine = (totalMicros(cpu) + generatorMicros) / (seconds * 1e6 * availableParallelism());
  if (generatorShare <= GENERATOR_SHARE_MAX || busiest >= generatorShare || machine >= MACHINE_SHARE_FULL) {
    return undefined;
  }
  return `the generator used ${Math.round(generatorShare * 100)} % of a core, the system less`;
}
