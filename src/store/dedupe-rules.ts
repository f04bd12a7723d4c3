/** What makes two sends the same message; shared by every engine that decides in JavaScript. */
import { crc32 } from 'node:zlib';
import { EncodedAppend } from './encoded-append.ts';
import type { MessageChunk } from './message-arena.ts';
import { type AppendOperation, AppendStatus } from './store.ts';

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

/** The same of the payload in `chunk[start … end)`, four bytes at a time. */
export function chunkFingerprint({ bytes, view }: MessageChunk, start: number, end: number): number {
  const length = end - start;
  if (length >= NATIVE_BYTES_MIN) return crc32(bytes.subarray(start, end)) ^ length;
  let hash = length;
  let at = start;
  for (; at + 3 < end; at += 4) {
    const word = view.getInt32(at, true);
    hash = Math.imul(((hash << 13) | (hash >>> 19)) ^ Math.imul(word ^ (word >>> 15), 0x9e3779b1), 0x01000193);
  }
  for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x85ebca6b);
}

/** The fingerprint of an append's payload, from what it has. */
export function fingerprintOf(operation: AppendOperation): number {
  if (!(operation instanceof EncodedAppend)) return bodyFingerprint(operation.payload);
  return chunkFingerprint(operation.chunk, operation.payloadStart, operation.payloadEnd);
}

/** The answer to a second send under a known key. */
export function repeatStatus(storedFingerprint: number, fingerprint: number): AppendStatus {
  return storedFingerprint === fingerprint ? AppendStatus.Duplicate : AppendStatus.Conflict;
}
