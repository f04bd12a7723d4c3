/**
 * The files of the log.
 *
 *   log/00000000000000.seg   log/00000004000a80.seg   log/0000000800ff20.seg ← takes records
 *       base 0, sealed           base = end of the last, sealed
 *
 * A file's name is its base: the log position of its first byte, in hexadecimal. Files in the middle may be missing
 * once retention deleted them. One open file each.
 */
import type { Disk, DiskFile } from '../disk.ts';
import { checksum, FORMAT_VERSION, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SegmentField, viewOf } from './format.ts';
import type { StoreMeta } from './meta-file.ts';

export const LOG_DIRECTORY = 'log';
const NAME_DIGITS = 14;

export interface Segment {
  readonly base: number;
  /** Log position after its last record. */
  end: number;
  readonly file: DiskFile;
  /** Timeline places at or above their floors that point into it. */
  liveRows: number;
  /** Reads under way; the file is closed after the last one when the segment is gone. */
  readers: number;
  gone: boolean;
}

export function segmentPath(base: number): string {
  return `${LOG_DIRECTORY}/${base.toString(16).padStart(NAME_DIGITS, '0')}.seg`;
}

/** The base in a file's name, or undefined when it is not a segment's. */
export function segmentBase(name: string): number | undefined {
  return /^[0-9a-f]{14}\.seg$/.test(name) ? Number.parseInt(name, 16) : undefined;
}

export class SegmentSet {
  readonly #disk: Disk;
  /** By base. */
  readonly segments: Segment[] = [];

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  get active(): Segment {
    return this.segments.at(-1)!;
  }

  add(base: number, end: number, file: DiskFile): Segment {
    const segment = { base, end, file, liveRows: 0, readers: 0, gone: false };
    this.segments.push(segment);
    return segment;
  }

  /** Creates the file of a new segment, durably, but does not add it. */
  async createFile(meta: StoreMeta, base: number, firstCommit: number, previousCrc: number): Promise<DiskFile> {
    const file = await this.#disk.open(segmentPath(base), { create: true });
    await file.write([segmentHeader(meta, base, firstCommit, previousCrc)], 0);
    await file.sync();
    await this.#disk.syncDirectory(LOG_DIRECTORY);
    return file;
  }

  /** The segment that holds `position`, or undefined when it was deleted. */
  find(position: number): Segment | undefined {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.segments[middle]!.base <= position) low = middle + 1;
      else high = middle;
    }
    const segment = this.segments[low - 1];
    return segment !== undefined && (position < segment.end || segment === this.active) ? segment : undefined;
  }

  /** Reads up to `buffer.length` bytes; 0 when the segment that held `position` is gone. */
  async read(buffer: Uint8Array, position: number): Promise<number> {
    const segment = this.find(position);
    if (segment === undefined) return 0;
    segment.readers++;
    try {
      return await segment.file.read(buffer, position - segment.base);
    } finally {
      segment.readers--;
      if (segment.gone && segment.readers === 0) await segment.file.close();
    }
  }

  /** All segments; their files stay open, also when they are removed, until they are unpinned. */
  pin(): Segment[] {
    for (const segment of this.segments) segment.readers++;
    return [...this.segments];
  }

  async unpin(pinned: readonly Segment[]): Promise<void> {
    for (const segment of pinned) {
      segment.readers--;
      if (segment.gone && segment.readers === 0) await segment.file.close();
    }
  }

  /** Forgets a segment and deletes its file. Reads that are under way end as if it were still there. */
  async remove(segment: Segment): Promise<void> {
    this.segments.splice(this.segments.indexOf(segment), 1);
    segment.gone = true;
    if (segment.readers === 0) await segment.file.close();
    await this.#disk.remove(segmentPath(segment.base));
    await this.#disk.syncDirectory(LOG_DIRECTORY);
  }

  async close(): Promise<void> {
    for (const segment of this.segments) await segment.file.close();
  }
}

export function segmentHeader(meta: StoreMeta, base: number, firstCommit: number, previousCrc: number): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(SegmentField.Magic, SEGMENT_MAGIC, true);
  view.setUint32(SegmentField.Version, FORMAT_VERSION, true);
  view.setFloat64(SegmentField.Base, base, true);
  view.setFloat64(SegmentField.FirstCommit, firstCommit, true);
  view.setUint32(SegmentField.PreviousCrc, previousCrc, true);
  view.setUint32(SegmentField.Partitions, meta.partitions, true);
  bytes.write(meta.storeId, SegmentField.StoreId, 'hex');
  view.setUint32(SegmentField.HeaderCrc, checksum(bytes, 0, SegmentField.HeaderCrc, meta.secret[0]!), true);
  return bytes;
}
