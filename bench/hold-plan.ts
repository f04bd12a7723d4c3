/**
 * How many processes hold so many connections, and whether the machine has the memory for it.
 *
 *   gate workers   connections ÷ (descriptors × 0.96): a worker near its limit leaves the rest to the others
 *   memory         connections × (both ends in the kernel + our end + the generator's end) + processes × their base
 */
import { openFilesMax } from './machine.ts';

/** Of the places of a gate worker that are taken at the end. */
const FILL = 0.965;
/** Descriptors that a gate worker keeps for itself; `gate.connectionsMax` follows from the rest. */
const RESERVED = 64;
/** Of a generator process. */
const GENERATOR_RESERVED = 500;
/** Measured here; see docs/capacity.md. */
const BYTES = { kernel: 8600, gate: 1500, logic: 550, generator: 2300, process: 34e6 };

export interface HoldPlan {
  readonly connections: number;
  readonly gateWorkers: number;
  readonly generators: number;
  readonly neededBytes: number;
}

export function holdPlan(connections: number, gateWorkersMin: number, generatorsMin: number): HoldPlan {
  const places = openFilesMax() - RESERVED;
  const gateWorkers = Math.max(gateWorkersMin, Math.ceil(connections / (places * FILL)));
  const generators = Math.max(generatorsMin, Math.ceil(connections / (openFilesMax() - GENERATOR_RESERVED)));
  const each = BYTES.kernel + BYTES.gate + BYTES.logic + BYTES.generator;
  const neededBytes = connections * each + (gateWorkers + generators) * BYTES.process;
  return { connections, gateWorkers, generators, neededBytes };
}
