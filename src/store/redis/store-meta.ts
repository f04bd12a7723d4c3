/** What is fixed for the life of a store: written by whoever comes first, and again when it was flushed. */
import { PARTITIONS_MAX } from '../../model/partition.ts';
import { StoreOpenError } from '../store.ts';
import type { RedisClient } from './client.ts';

export const FORMAT = 1;

export const MigrationState = { Copying: 'copying', Complete: 'complete' } as const;
export type MigrationState = (typeof MigrationState)[keyof typeof MigrationState];

/** How a store came here from another engine. What is under way is nobody's store yet. */
export interface MigrationRecord {
  readonly state: MigrationState;
  /** Which state of which store. */
  readonly source: { readonly storeId: string; readonly generation: number; readonly end: number };
  /** Retention was applied as of this time, unix milliseconds. */
  readonly asOfMs: number;
  /** Of heads and floors. */
  readonly fingerprint: string;
  /** By partition. */
  readonly epochs: readonly number[];
}

export interface StoreMeta {
  readonly format: number;
  readonly storeId: string;
  readonly partitions: number;
  readonly migration?: MigrationRecord;
}

export async function loadMeta(
  client: RedisClient,
  key: string,
  fresh: { storeId: string; partitions: number },
): Promise<StoreMeta> {
  await writeMeta(client, key, { format: FORMAT, ...fresh });
  const meta = await readMeta(client, key);
  if (meta === undefined) throw new StoreOpenError(`${key} went away while it was read; start again`);
  if (meta.migration?.state === MigrationState.Copying) {
    throw new StoreOpenError('a migration into this store is not complete: run the same `sluice migrate` again');
  }
  return meta;
}

/** Undefined when there is no store. */
export async function readMeta(client: RedisClient, key: string): Promise<StoreMeta | undefined> {
  const reply = await client.call(key, 'GET', [key]);
  if (reply === null) return undefined;
  const text = String(reply);
  const meta = parse(text);
  if (meta === undefined) throw new StoreOpenError(`${key} is not the description of a store: ${text.slice(0, 80)}`);
  if (meta.format !== FORMAT)
    throw new StoreOpenError(`the store has format ${meta.format}, this version reads ${FORMAT}`);
  return meta;
}

export async function writeMeta(client: RedisClient, key: string, meta: StoreMeta): Promise<void> {
  await client.call(key, 'SET', [key, JSON.stringify(meta), 'NX']);
}

function parse(text: string): StoreMeta | undefined {
  try {
    const meta = JSON.parse(text) as Partial<StoreMeta>;
    const { format, storeId, partitions } = meta;
    const isMeta = typeof format === 'number' && typeof storeId === 'string' && Number.isInteger(partitions);
    return isMeta && partitions! >= 1 && partitions! <= PARTITIONS_MAX ? (meta as StoreMeta) : undefined;
  } catch {
    return undefined;
  }
}
