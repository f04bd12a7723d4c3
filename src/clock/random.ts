/**
 * Randomness as an argument. This file is the only owner of `Math.random` and `node:crypto`'s random bytes.
 */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** A number in [0, 1): for jitter and sampling. */
  fraction(): number;
  /** Unpredictable bytes: for secrets, tickets and ids that nobody may guess. */
  bytes(length: number): Uint8Array;
}

export class SystemRandom implements Random {
  fraction(): number {
    return Math.random();
  }

  bytes(length: number): Uint8Array {
    return randomBytes(length);
  }
}

/** A random lower-case hex name of `length` bytes (2 characters each). */
export function randomHex(random: Random, length: number): string {
  return Buffer.from(random.bytes(length)).toString('hex');
}
