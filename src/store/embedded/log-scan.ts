/**
 * Walks over the records of one segment and follows the chain that ties them together. What a break in it means is for
 * the caller to decide: recovery refuses or cuts, fsck reports.
 */
import { checksum, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SegmentField } from './format.ts';
import type { StoreMeta } from './meta-file.ts';
import { blocksAreIntact, readRecordHeader } from './record-reader.ts';

/** Where the walk is: what the next record has to state. */
export interface LogChain {
  position: number;
  commit: number;
  previousCrc: number;
  /** The log was on stable storage up to here when the last record was written. */
  durableMark: number;
}

export const ScanProblem = { Damaged: 1, Misplaced: 2, Inconsistent: 3 } as const;
export type ScanProblem = (typeof ScanProblem)[keyof typeof ScanProblem];

export interface ScanStop {
  problem: ScanProblem;
  what: string;
}

/** Is called for each intact record; a text says what is wrong in it and ends the walk. */
export type RecordVisitor = (offset: number, length: number) => string | undefined;

/** Checks a segment's header and that it continues `before`, when the two are neighbours. A text says what is wrong. */
export function startChain(
  meta: StoreMeta,
  base: number,
  bytes: Buffer,
  view: DataView,
  before: LogChain | undefined,
): LogChain | string {
  if (
    bytes.length < SEGMENT_HEADER_BYTES ||
    view.getUint32(SegmentField.Magic, true) !== SEGMENT_MAGIC ||
    checksum(bytes, 0, SegmentField.HeaderCrc, meta.secret[0]!) !== view.getUint32(SegmentField.HeaderCrc, true) ||
    view.getFloat64(SegmentField.Base, true) !== base ||
    bytes.toString('hex', SegmentField.StoreId, SegmentField.StoreId + 16) !== meta.storeId
  ) {
    return 'the header is damaged or belongs to another store';
  }
  const chain: LogChain = {
    position: base + SEGMENT_HEADER_BYTES,
    commit: view.getFloat64(SegmentField.FirstCommit, true),
    previousCrc: view.getUint32(SegmentField.PreviousCrc, true),
    durableMark: base,
  };
  const isNeighbour = before !== undefined && before.position === base;
  if (isNeighbour && (before.commit !== chain.commit || before.previousCrc !== chain.previousCrc)) {
    return 'the segment does not continue the one before it';
  }
  return chain;
}

/** Moves `chain` over all intact records of the segment at `base`. Undefined when it reaches the end of `bytes`. */
export function scanRecords(
  bytes: Buffer,
  view: DataView,
  base: number,
  chain: LogChain,
  secret: number,
  visit: RecordVisitor,
): ScanStop | undefined {
  while (chain.position - base < bytes.length) {
    const offset = chain.position - base;
    const header = readRecordHeader(bytes, view, offset, secret);
    if (header === undefined || header.length < RECORD_HEADER_BYTES) return DAMAGED;
    if (
      header.position !== chain.position ||
      header.commit !== chain.commit ||
      header.previousCrc !== chain.previousCrc
    ) {
      return MISPLACED;
    }
    if (!blocksAreIntact(bytes, view, offset, header, secret)) return DAMAGED;
    const what = visit(offset, header.length);
    if (what !== undefined) return { problem: ScanProblem.Inconsistent, what };
    chain.position += header.length;
    chain.commit += 1;
    chain.previousCrc = header.crc;
    chain.durableMark = header.durableMark;
  }
  return undefined;
}

const DAMAGED: ScanStop = { problem: ScanProblem.Damaged, what: 'a record is damaged' };
const MISPLACED: ScanStop = {
  problem: ScanProblem.Misplaced,
  what: 'a record does not follow the one before it: one is missing or out of place',
};
