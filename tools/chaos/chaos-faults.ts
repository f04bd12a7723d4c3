/** What can be wrong with a connection. */
import type { Random } from '../../src/clock/random.ts';

export interface ChaosFaults {
  /** Each chunk arrives this much later. */
  readonly latencyMs: number;
  /** Every byte in a write of its own. */
  readonly oneByte: boolean;
  /** In each direction; 0: no limit. */
  readonly bytesPerSecondMax: number;
  /** Nothing passes in these directions, and the end of the connection does not either. */
  readonly blackHole: 'none' | 'up' | 'down' | 'both';
  /** RST once this many bytes have passed, both directions counted; 0: never. */
  readonly cutAfterBytes: number;
}

export const NO_FAULTS: ChaosFaults = {
  latencyMs: 0,
  oneByte: false,
  bytesPerSecondMax: 0,
  blackHole: 'none',
  cutAfterBytes: 0,
};

/** One fault, or none, drawn at random; black holes are left to those who also end them. */
export function drawFaults(random: Random): ChaosFaults {
  const amount = random.fraction();
  const choice = Math.floor(random.fraction() * 5);
  if (choice === 0) return { ...NO_FAULTS, latencyMs: Math.ceil(amount * 200) };
  if (choice === 1) return { ...NO_FAULTS, oneByte: true };
  if (choice === 2) return { ...NO_FAULTS, bytesPerSecondMax: Math.ceil(1024 + amount * 16_384) };
  if (choice === 3) return { ...NO_FAULTS, cutAfterBytes: Math.ceil(1 + amount * 8192) };
  return NO_FAULTS;
}
