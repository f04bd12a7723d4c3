/** What one more connection costs: slopes of memory over the steps of a ramp. */
import type { MemorySample } from './memory-probe.ts';
import { slope } from './statistics.ts';

export interface MemoryStep {
  readonly connections: number;
  /** Of the bare server, which is one process. */
  readonly bareConnections: number;
  readonly loginsPerSecond: number;
  readonly failed: number;
  readonly system: readonly MemorySample[];
  readonly bare: readonly MemorySample[];
  readonly kernelBytes: number;
}

type SlopeName =
  | 'gate'
  | 'system'
  | 'bare'
  | 'gateUncollected'
  | 'systemUncollected'
  | 'gateHeap'
  | 'logicHeap'
  | 'bareHeap'
  | 'gateResident'
  | 'kernel';

/** Slopes over the number of connections, in bytes for each. */
export function slopesOf(steps: readonly MemoryStep[]): Record<SlopeName, number> {
  const over = (of: (step: MemoryStep) => number): number =>
    slope(steps.map((step) => [step.connections, of(step)] as const));
  const overBare = (of: (samples: readonly MemorySample[]) => number): number =>
    slope(steps.map((step) => [step.bareConnections, of(step.bare)] as const));
  return {
    gate: over(({ system }) => collected(system, 'gate')),
    system: over(({ system }) => collected(system, '')),
    bare: overBare((samples) => collected(samples, '')),
    gateUncollected: over(({ system }) => total(system, 'gate', ({ anonymousBytes }) => anonymousBytes)),
    systemUncollected: over(({ system }) => total(system, '', ({ anonymousBytes }) => anonymousBytes)),
    gateHeap: over(({ system }) => total(system, 'gate', heapUsed)),
    logicHeap: over(({ system }) => total(system, 'logic', heapUsed)),
    bareHeap: overBare((samples) => total(samples, '', heapUsed)),
    gateResident: over(({ system }) => total(system, 'gate', ({ rssBytes }) => rssBytes)),
    kernel: over(({ kernelBytes }) => kernelBytes),
  };
}

/** Anonymous memory after collection, of the processes whose name starts so. */
export function collected(samples: readonly MemorySample[], prefix: string): number {
  return total(samples, prefix, (sample) => sample.collected?.anonymousBytes ?? sample.anonymousBytes);
}

function total(samples: readonly MemorySample[], prefix: string, of: (sample: MemorySample) => number): number {
  return samples.filter(({ name }) => name.startsWith(prefix)).reduce((sum, sample) => sum + of(sample), 0);
}

function heapUsed({ collected: after }: MemorySample): number {
  return after?.heapUsedBytes ?? 0;
}
