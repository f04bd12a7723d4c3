/** What makes two sends the same message; shared by every engine that decides in JavaScript. */
import { crc32 } from 'node:zlib';
import { AppendStatus } from './store.ts';

export const DEDUPE_WINDOW_MS_DEFAULT: number = 48 * 3_600_000;
export const DEDUPE_WINDOW_MS_MIN: number = 24 * 3_600_000;
/** The wall clock may be wrong by this much without a retry inside the window being taken for a new message. */
export const CLOCK_ERROR_MS_MAX: number = 3_600_000;

/** From this size on the call into native code costs less than the loop. */
const NATIVE_BYTES_MIN = 192;

/** A signed 32-bit number that tells one body from another: an identical retry always matches, another body almost never. */
export function bodyFingerprint(payload: Uint8Array): number {
  const length = payload.length;
  if (length >= NATIVE_BYTES_MIN) return crc32(payload) ^ length;
  let hash = length;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    const word = payload[i]! | (payload[i + 1]! << 8) | (payload[i + 2]! << 16) | (payload[i + 3]! << 24);
    hash = Math.imul(((hash << 13) | (hash >>> 19)) ^ Math.imul(word ^ (word >>> 15), 0x9e3779b1), 0x01000193);
  }
  for (; i < length; i++) hash = Math.imul(hash ^ payload[i]!, 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x85ebca6b);
}

/** The answer to a second send under a known key. */
export function repeatStatus(storedFingerprint: number, fingerprint: number): AppendStatus {
  return storedFingerprint === fingerprint ? AppendStatus.Duplicate : AppendStatus.Conflict;
}
