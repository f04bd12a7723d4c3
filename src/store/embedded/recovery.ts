/**
 * Reads the log from the first segment to its end, checks every byte of it, and decides what a damaged place means.
 *
 *   ▕ intact ▏ intact ▏ damaged ▏ …
 *
 * The store was closed in order, the damage lies before a point that is known to have been on stable storage, or a
 * later record proves that it was: the data was good once, so it is corruption, and the store refuses to open.
 * Otherwise the damaged record is one that was being written when the power went, and nobody was told that it was
 * stored: the log is cut there.
 *
 * Needs memory for one segment at a time. Speed: see docs/adr/0003-embedded-store.md.
 */
import type { Disk, DiskFile } from '../disk.ts';
import { StoreOpenError } from '../store.ts';
import { SEGMENT_HEADER_BYTES, viewOf } from './format.ts';
import { type LogChain, ScanProblem, scanRecords, startChain } from './log-scan.ts';
import type { StoreMeta } from './meta-file.ts';
import { laterRecordProvesDurable } from './record-reader.ts';
import type { Replay } from './replay.ts';
import { LOG_DIRECTORY, type Segment, type SegmentSet, segmentBase, segmentPath } from './segment-set.ts';

export interface LogEnd {
  /** Where the next record goes, its number, and the CRC it has to state. */
  position: number;
  commit: number;
  previousCrc: number;
  /** The log was on stable storage up to here when its last record was written. */
  durableMark: number;
  /** Bytes behind `position` that are to be cut; 0 when the log ends with an intact record. */
  tornBytes: number;
}

const ADVICE = 'Nothing was changed. Run `sluice fsck` to see how much is readable, or restore from a backup.';

export class LogRecovery {
  readonly #disk: Disk;
  readonly #meta: StoreMeta;
  readonly #segments: SegmentSet;
  readonly #replay: Replay;
  #chain: LogChain | undefined;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(disk: Disk, meta: StoreMeta, segments: SegmentSet, replay: Replay) {
    this.#disk = disk;
    this.#meta = meta;
    this.#segments = segments;
    this.#replay = replay;
  }

  async run(): Promise<LogEnd> {
    const meta = this.#meta;
    await this.#checkFiles();
    for (const { base, end } of meta.sealed) {
      const segment = await this.#openSegment(base);
      if (segment.end !== end) {
        throw refusal(
          base,
          segment.end - base,
          `the file is ${segment.end - base} bytes long instead of ${end - base}`,
        );
      }
      const stop = await this.#readSegment(segment);
      if (stop !== end) throw refusal(base, stop - base, 'a record is damaged');
    }
    const active = await this.#openSegment(meta.activeBase);
    const size = active.end;
    const stop = await this.#readSegment(active);
    this.#judgeEnd(active, stop, size);
    active.end = stop;
    return { ...this.#chain!, tornBytes: size - stop };
  }

  /** Throws unless the log may end at `stop`. */
  #judgeEnd(active: Segment, stop: number, size: number): void {
    const { clean, durableMark } = this.#meta;
    const at = stop - active.base;
    if (stop < durableMark) {
      throw refusal(active.base, at, stop === size ? 'the rest of the log is missing' : 'a record is damaged');
    }
    if (stop === size) {
      if (clean && stop !== durableMark) throw refusal(active.base, at, 'the log is longer than when it was closed');
      return;
    }
    if (clean) throw refusal(active.base, at, 'a record is damaged');
    const bytes = this.#buffer.subarray(0, size - active.base);
    if (laterRecordProvesDurable(bytes, viewOf(bytes), at, stop, this.#meta.secret[0]!)) {
      throw refusal(active.base, at, 'a record in the middle of the log is damaged');
    }
  }

  /** Segments that meta does not know: leftovers of an interrupted step are removed, anything else is refused. */
  async #checkFiles(): Promise<void> {
    const meta = this.#meta;
    const known = new Set([meta.activeBase, ...meta.sealed.map((segment) => segment.base)]);
    for (const name of await this.#disk.list(LOG_DIRECTORY)) {
      const base = segmentBase(name);
      if (base === undefined || known.has(base)) continue;
      const path = segmentPath(base);
      if (base > meta.activeBase) {
        const file = await this.#disk.open(path, { create: false });
        const size = await file.size();
        await file.close();
        if (size <= SEGMENT_HEADER_BYTES) {
          await this.#disk.remove(path);
          continue;
        }
      } else if (meta.removed.includes(base)) {
        await this.#disk.remove(path);
        continue;
      }
      throw new StoreOpenError(`${path} does not belong to this store, or store.meta is older than it. ${ADVICE}`);
    }
  }

  async #openSegment(base: number): Promise<Segment> {
    let file: DiskFile;
    try {
      file = await this.#disk.open(segmentPath(base), { create: false });
    } catch (error) {
      throw new StoreOpenError(`${segmentPath(base)} is missing or cannot be opened (${String(error)}). ${ADVICE}`);
    }
    return this.#segments.add(base, base + (await file.size()), file);
  }

  /** Reads all intact records; answers the log position after the last one. */
  async #readSegment(segment: Segment): Promise<number> {
    const size = segment.end - segment.base;
    if (this.#buffer.length < size) this.#buffer = Buffer.allocUnsafeSlow(size);
    const bytes = this.#buffer.subarray(0, size);
    if ((await segment.file.read(bytes, 0)) !== size) throw refusal(segment.base, 0, 'the file cannot be read whole');
    const view = viewOf(bytes);
    const chain = startChain(this.#meta, segment.base, bytes, view, this.#chain);
    if (typeof chain === 'string') throw refusal(segment.base, 0, chain);
    this.#chain = chain;
    const stop = scanRecords(bytes, view, segment.base, chain, this.#meta.secret[0]!, (offset, length) => {
      this.#replay.record(bytes, view, offset, length, chain.position, segment);
      return undefined;
    });
    if (stop?.problem === ScanProblem.Misplaced) throw refusal(segment.base, chain.position - segment.base, stop.what);
    return chain.position;
  }
}

function refusal(base: number, offset: number, what: string): StoreOpenError {
  return new StoreOpenError(`${segmentPath(base)}, byte ${offset}: ${what}. ${ADVICE}`);
}
