import { readFileSync } from 'node:fs';

/** What a gate needs beside its clients: listeners, trunk, log, channel, the runtime's own. */
const RESERVED = 64;
const CONNECTIONS_MIN = 16;
/** Systems that do not tell get the common default. */
const DESCRIPTORS_DEFAULT = 1024;

/** How many clients one process may hold before the system would refuse descriptors without a word. */
export function connectionsByDescriptors(descriptors: number = descriptorLimit()): number {
  return Math.max(CONNECTIONS_MIN, descriptors - RESERVED);
}

/** The soft limit of open files of this process. */
function descriptorLimit(): number {
  try {
    const match = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return match?.[1] === 'unlimited' ? 1_048_576 : Number(match?.[1] ?? DESCRIPTORS_DEFAULT);
  } catch {
    return DESCRIPTORS_DEFAULT;
  }
}
