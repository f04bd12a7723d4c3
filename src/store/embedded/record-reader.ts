/**
 * Checks records and walks over their entries; the counterpart of `RecordBuilder`. Nothing that comes out of here has
 * failed a checksum, and no length is believed before it was.
 */
import { ENTRY_BYTES_MIN } from './entry-codec.ts';
import {
  ALIGNMENT,
  align,
  BLOCK_HEADER_BYTES,
  BLOCK_TRAILER_BYTES,
  checksum,
  FORMAT_VERSION,
  RECORD_HEADER_BYTES,
  RECORD_MAGIC,
  RecordField,
} from './format.ts';

export interface RecordHeader {
  readonly length: number;
  readonly previousCrc: number;
  readonly commit: number;
  readonly position: number;
  readonly durableMark: number;
  readonly lastBlockCrc: number;
  readonly crc: number;
}

/** The header at `offset`, or undefined when there is none that passes its checksum. */
export function readRecordHeader(
  bytes: Buffer,
  view: DataView,
  offset: number,
  secret: number,
): RecordHeader | undefined {
  if (offset + RECORD_HEADER_BYTES > bytes.length) return undefined;
  if (view.getUint32(offset, true) !== RECORD_MAGIC) return undefined;
  const crc = view.getUint32(offset + RecordField.HeaderCrc, true);
  if (checksum(bytes, offset, offset + RecordField.HeaderCrc, secret) !== crc) return undefined;
  if (view.getUint8(offset + RecordField.Version) !== FORMAT_VERSION) return undefined;
  return {
    length: view.getUint32(offset + RecordField.Length, true),
    previousCrc: view.getUint32(offset + RecordField.PreviousCrc, true),
    commit: view.getFloat64(offset + RecordField.Commit, true),
    position: view.getFloat64(offset + RecordField.Position, true),
    durableMark: view.getFloat64(offset + RecordField.DurableMark, true),
    lastBlockCrc: view.getUint32(offset + RecordField.LastBlockCrc, true),
    crc,
  };
}

/** True when every block of the record at `offset` is whole and the chain ends where the header says. */
export function blocksAreIntact(
  bytes: Buffer,
  view: DataView,
  offset: number,
  header: RecordHeader,
  secret: number,
): boolean {
  const end = offset + header.length;
  if (end > bytes.length) return false;
  let previousCrc = header.previousCrc;
  let block = offset + RECORD_HEADER_BYTES;
  while (block < end) {
    if (end - block < BLOCK_HEADER_BYTES + BLOCK_TRAILER_BYTES) return false;
    const length = view.getUint32(block, true);
    if (length > end - block || !blockIsIntact(bytes, view, block, length, secret)) return false;
    if (view.getUint32(block + 4, true) !== previousCrc) return false;
    previousCrc = view.getUint32(block + length - BLOCK_TRAILER_BYTES, true);
    block += length;
  }
  return block === end && previousCrc === header.lastBlockCrc;
}

/** Checks the one block of `length` bytes at `block`; all of it must be in `bytes`. */
export function blockIsIntact(bytes: Buffer, view: DataView, block: number, length: number, secret: number): boolean {
  if (length < BLOCK_HEADER_BYTES + BLOCK_TRAILER_BYTES || length !== align(length)) return false;
  const trailer = block + length - BLOCK_TRAILER_BYTES;
  return checksum(bytes, block, trailer, secret) === view.getUint32(trailer, true);
}

/** Offset of the first entry of the block at `block`, or -1. */
export function firstEntry(view: DataView, block: number, blockLength: number): number {
  return entryAt(view, block + BLOCK_HEADER_BYTES, block, blockLength);
}

/** Offset of the entry after the one at `entry`, or -1. */
export function nextEntry(view: DataView, entry: number, block: number, blockLength: number): number {
  return entryAt(view, entry + view.getUint32(entry + 4, true), block, blockLength);
}

function entryAt(view: DataView, entry: number, block: number, blockLength: number): number {
  const room = block + blockLength - BLOCK_TRAILER_BYTES - entry;
  if (room < ENTRY_BYTES_MIN) return -1;
  const length = view.getUint32(entry + 4, true);
  return view.getUint16(entry, true) === 0 || length < ENTRY_BYTES_MIN || length > room ? -1 : entry;
}

/**
 * Looks behind a damaged record at `offset` (log position `position`) for an intact record that proves that the log
 * was already on stable storage beyond `position` when it was written.
 */
export function laterRecordProvesDurable(
  bytes: Buffer,
  view: DataView,
  offset: number,
  position: number,
  secret: number,
): boolean {
  for (let at = offset + ALIGNMENT; at + RECORD_HEADER_BYTES <= bytes.length; at += ALIGNMENT) {
    if (view.getUint32(at, true) !== RECORD_MAGIC) continue;
    const header = readRecordHeader(bytes, view, at, secret);
    if (header !== undefined && header.position === position + (at - offset) && header.durableMark > position) {
      return true;
    }
  }
  return false;
}
