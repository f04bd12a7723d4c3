/**
 * The bytes of the commit log. Everything is little-endian; a log position is a file's base plus an offset in it.
 *
 *   segment  = segment header (64) · record · record · …
 *   record   = record header (48) · block · block · …            one record = one commit
 *   block    = length u32 · previous CRC u32 · entries, zero-padded to 8 · CRC u32
 *   entry    = type u8 · flags u8 · partition u16 · length u32 · fields
 *
 * Every CRC starts from the store's secret, so bytes of another store (or bytes that somebody sent as a payload) never
 * pass for a record. A block's CRC covers the CRC before it, the record header holds the last one, and the next record
 * holds this header's CRC: one chain from the segment header to the end. A block can be verified alone, so reading one
 * message costs one block (4 KiB and up), not one record.
 */
import { crc32 } from 'node:zlib';

export const FORMAT_VERSION = 2;

export const SEGMENT_MAGIC = 0x53474c53;
export const SEGMENT_HEADER_BYTES = 64;

export const RECORD_MAGIC = 0x52474c53;
export const RECORD_HEADER_BYTES = 48;
/** Records start at multiples of this, which lets the search behind a damaged one step over the rest. */
export const ALIGNMENT = 8;

export const BLOCK_HEADER_BYTES = 8;
export const BLOCK_TRAILER_BYTES = 4;
/** A block is closed by the first entry that makes it this long. */
export const BLOCK_BYTES = 4096;

export const ENTRY_HEADER_BYTES = 8;

export const EntryType = { User: 1, Append: 2, Sessions: 3, Cursor: 4, Timeline: 5, Dedupe: 6 } as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** Offsets within a record header. */
export const RecordField = {
  Magic: 0,
  Version: 4,
  Durability: 5,
  Length: 8,
  PreviousCrc: 12,
  Commit: 16,
  Position: 24,
  DurableMark: 32,
  LastBlockCrc: 40,
  HeaderCrc: 44,
} as const;

/** Offsets within a segment header. */
export const SegmentField = {
  Magic: 0,
  Version: 4,
  Base: 8,
  FirstCommit: 16,
  PreviousCrc: 24,
  Partitions: 28,
  StoreId: 32,
  HeaderCrc: 60,
} as const;

export function align(bytes: number): number {
  return (bytes + (ALIGNMENT - 1)) & ~(ALIGNMENT - 1);
}

export function checksum(bytes: Buffer, start: number, end: number, secret: number): number {
  return crc32(bytes.subarray(start, end), secret);
}

export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
