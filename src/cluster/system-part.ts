/** What one primary supervises: the whole system of a machine, or one of its roles by itself. */
import { availableParallelism } from 'node:os';
import type { Config } from '../config/config.ts';

/** `all`: `sluice start`. */
export type SystemPart = 'all' | 'gate' | 'logic' | 'api';

/** How many processes of each kind there are. `admin` is the HTTP side of parts without an api. */
export interface ProcessCounts {
  readonly gate: number;
  readonly logic: 0 | 1;
  readonly api: 0 | 1;
  readonly admin: 0 | 1;
}

export function processCounts(part: SystemPart, config: Config): ProcessCounts {
  return {
    gate: part === 'all' || part === 'gate' ? config.gate.workers || availableParallelism() : 0,
    logic: part === 'all' || part === 'logic' ? 1 : 0,
    api: part === 'all' || part === 'api' ? 1 : 0,
    admin: part === 'gate' || part === 'logic' ? 1 : 0,
  };
}

/** Where the HTTP side of a part listens. */
export function httpPort(part: SystemPart, config: Config): number {
  switch (part) {
    case 'gate':
      return config.admin.gatePort;
    case 'logic':
      return config.admin.logicPort;
    default:
      return config.api.port;
  }
}
