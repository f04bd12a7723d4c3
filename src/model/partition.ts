import type { AppId, PartitionNumber } from './ids.ts';

/** How many partitions a new store gets; fixed for its life. */
export const PARTITIONS_DEFAULT = 64;
/** The message id keeps 10 bits for the partition. */
export const PARTITIONS_MAX = 1024;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The partition that owns a user or group: FNV-1a (32 bit) over the UTF-16 code units of `app`, a zero and `id`,
 * finished with murmur3's avalanche, modulo `partitions`. Gate and logic must agree on it, so it never changes.
 */
export function partitionOf(app: AppId, id: string, partitions: number): PartitionNumber {
  let hash = partitionSeed(app);
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), FNV_PRIME);
  return finished(hash, partitions);
}

/** Where the hash stands after `app` and the zero: the same for all ids of an app. */
export function partitionSeed(app: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < app.length; i++) hash = Math.imul(hash ^ app.charCodeAt(i), FNV_PRIME);
  return Math.imul(hash, FNV_PRIME);
}

/** As `partitionOf`, from the bytes of an id in ASCII, as all identifiers are; allocates nothing. */
export function partitionOfBytes(
  seed: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  partitions: number,
): PartitionNumber {
  let hash = seed;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), FNV_PRIME);
  return finished(hash, partitions);
}

function finished(state: number, partitions: number): PartitionNumber {
  let hash = state ^ (state >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return ((hash >>> 0) % partitions) as PartitionNumber;
}
