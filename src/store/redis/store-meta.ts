/** What is fixed for the life of a store: written by whoever comes first, and again when it was flushed. */
import { PARTITIONS_MAX } from '../../model/partition.ts';
import { StoreOpenError } from '../store.ts';
import type { RedisClient } from './client.ts';

const FORMAT = 1;

export interface StoreMeta {
  readonly format: number;
  readonly storeId: string;
  readonly partitions: number;
}

export async function loadMeta(
  client: RedisClient,
  key: string,
  fresh: { storeId: string; partitions: number },
): Promise<StoreMeta> {
  await writeMeta(client, key, { format: FORMAT, ...fresh });
  const text = String(await client.call(key, 'GET', [key]));
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
