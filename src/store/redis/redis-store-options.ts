/** What a Redis store is given, and its defaults. */
import type { Clock } from '../../clock/clock.ts';
import type { Random } from '../../clock/random.ts';
import type { AppId } from '../../model/ids.ts';
import { MESSAGE_ID_EPOCH_MS } from '../../model/message-id.ts';
import { PARTITIONS_DEFAULT } from '../../model/partition.ts';
import { DEDUPE_WINDOW_MS_DEFAULT, DEDUPE_WINDOW_MS_MIN } from '../dedupe-rules.ts';
import type { RetentionPolicy } from '../store.ts';
import type { RedisClient } from './client.ts';
import { KEY_PREFIX_DEFAULT } from './keys.ts';
import { NO_EVENTS, type OwnershipEvents } from './ownership.ts';

export interface RedisStoreOptions {
  /** Connected by `open`, closed by `close`. */
  client: RedisClient;
  clock: Clock;
  random: Random;
  retention: (app: AppId) => RetentionPolicy;
  events?: OwnershipEvents;
  /**
   * Of this logic among the others. A start under the name of one that died takes its partitions at once instead of after
   * its lease; two that live under one name take them from each other. Random by default.
   */
  name?: string;
  /** For a new store; an existing one keeps its own. */
  partitions?: number;
  /** Epoch of partitions that nobody has written to; see `epochAt` for the default. */
  firstEpoch?: number;
  keyPrefix?: string;
  /** Open also on a server that loses everything when it restarts. */
  allowVolatile?: boolean;
  dedupeWindowMs?: number;
  leaseMs?: number;
  queueOperationsMax?: number;
  /** The least time between two waves of calls while operations come densely; 0 for none. */
  callIntervalMs?: number;
  /** Partitions beyond so many operations wait for the next wave. */
  callOperationsMax?: number;
  batchOperationsMax?: number;
  batchBytesMax?: number;
  copyWaitMs?: number;
  readTimeoutMs?: number;
  closeTimeoutMs?: number;
  retentionSweepMs?: number;
  /** Users whose state is kept in this process; 0 for none. */
  cacheUsersMax?: number;
  /** Bytes for recent messages of theirs; 0 for none. */
  cacheMessageBytes?: number;
}

const DEFAULTS: Required<Omit<RedisStoreOptions, 'client' | 'clock' | 'random' | 'retention' | 'firstEpoch' | 'name'>> =
  {
    events: NO_EVENTS,
    partitions: PARTITIONS_DEFAULT,
    keyPrefix: KEY_PREFIX_DEFAULT,
    allowVolatile: false,
    dedupeWindowMs: DEDUPE_WINDOW_MS_DEFAULT,
    leaseMs: 15_000,
    queueOperationsMax: 65_536,
    callIntervalMs: 0,
    callOperationsMax: 1024,
    batchOperationsMax: 256,
    batchBytesMax: 512 * 1024,
    copyWaitMs: 200,
    readTimeoutMs: 10_000,
    closeTimeoutMs: 5000,
    retentionSweepMs: 1000,
    cacheUsersMax: 65_536,
    cacheMessageBytes: 33_554_432,
  };

export type FullOptions = RedisStoreOptions & typeof DEFAULTS;

export function withDefaults(options: RedisStoreOptions): FullOptions {
  const full = { ...DEFAULTS, ...options };
  if (full.dedupeWindowMs < DEDUPE_WINDOW_MS_MIN) {
    throw new RangeError(`the dedupe window is at least ${DEDUPE_WINDOW_MS_MIN} ms`);
  }
  return full;
}

/** Seconds since 2026: a store that lost everything, itself included, does not begin with an epoch that clients know. */
export function epochAt(wallMs: number): number {
  return Math.max(1, Math.ceil((wallMs - MESSAGE_ID_EPOCH_MS) / 1000));
}
