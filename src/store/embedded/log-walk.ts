/**
 * Goes over the messages and dedupe rows of a log that was found intact, in order, a record at a time. Positions are those
 * of the entries and grow from one to the next.
 *
 * Needs memory for one segment.
 */
import { AppendEntry, type DedupeEntry, decodeAppendContent, decodeAppendIndex, decodeDedupe } from './entry-codec.ts';
import { EntryType, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, viewOf } from './format.ts';
import { blocksAreIntact, firstEntry, nextEntry, readRecordHeader } from './record-reader.ts';
import type { SegmentSet } from './segment-set.ts';
import { StoreReadError } from './timeline-reader.ts';

export interface LogVisitor {
  /** `entry` is used again for the next message; its payload is not. */
  append(entry: AppendEntry, position: number): void;
  dedupe?(row: DedupeEntry): void;
  /** After each record; the walk goes on when the answer resolves. */
  pause?(): Promise<void> | undefined;
}

export async function walkLog(segments: SegmentSet, secret: number, visitor: LogVisitor): Promise<void> {
  let buffer = Buffer.alloc(0);
  for (const { base, end } of segments.segments) {
    const length = end - base;
    if (buffer.length < length) buffer = Buffer.allocUnsafeSlow(length);
    const bytes = buffer.subarray(0, length);
    await segments.read(bytes, base);
    const view = viewOf(bytes);
    for (let at = SEGMENT_HEADER_BYTES; at < length; ) {
      const header = readRecordHeader(bytes, view, at, secret);
      if (header === undefined || !blocksAreIntact(bytes, view, at, header, secret)) {
        throw new StoreReadError(`the log is damaged at position ${base + at}; run \`sluice fsck\``);
      }
      visitRecord(bytes, view, { from: at, to: at + header.length, base }, visitor);
      at += header.length;
      await visitor.pause?.();
    }
  }
}

function visitRecord(
  bytes: Buffer,
  view: DataView,
  record: { from: number; to: number; base: number },
  visitor: LogVisitor,
): void {
  const entry = new AppendEntry();
  for (let block = record.from + RECORD_HEADER_BYTES; block < record.to; block += view.getUint32(block, true)) {
    const length = view.getUint32(block, true);
    for (let at = firstEntry(view, block, length); at >= 0; at = nextEntry(view, at, block, length)) {
      const type = view.getUint16(at, true);
      if (type === EntryType.Dedupe) visitor.dedupe?.(decodeDedupe(view, at));
      if (type !== EntryType.Append) continue;
      decodeAppendIndex(view, at, entry);
      decodeAppendContent(view, bytes, at, entry);
      visitor.append(entry, record.base + at);
    }
  }
}
