/**
 * Whole MessagePack values for tools, tests and diagnostics, through `@msgpack/msgpack`: the only file that imports it.
 * Never used on the hot path, and on foreign bytes only behind the guard, because a 15-byte body can make a general
 * decoder allocate hundreds of megabytes.
 */
import { decode, encode } from '@msgpack/msgpack';
import { MessagePackReader } from './message-pack-reader.ts';

const reader = new MessagePackReader();

/** The body as plain values, or undefined when it breaks a limit. Integers above 2^53 are refused by the guard. */
export function decodeBody(body: Buffer): unknown[] | undefined {
  if (!reader.reset(body, 0, body.length).guard()) return undefined;
  return decode(body, { useBigInt64: false }) as unknown[];
}

/** One body from plain values, by the general encoder. */
export function encodeBody(values: readonly unknown[]): Buffer {
  return Buffer.from(encode(values));
}
