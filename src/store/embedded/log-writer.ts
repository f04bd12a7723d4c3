/**
 * The end of the log: writes one record at a time, makes it durable as far as the level asks, and starts a new segment
 * when the present one is full.
 *
 * No space is an answer (`false`: the log is as it was before); every other failure is thrown and final.
 */
import { Durability } from '../../model/durability.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { SEGMENT_HEADER_BYTES } from './format.ts';
import type { MetaKeeper } from './meta-keeper.ts';
import type { RecordBuilder, SealedRecord } from './record-builder.ts';
import type { LogEnd } from './recovery.ts';
import { type SegmentSet, segmentPath } from './segment-set.ts';

export class LogWriter {
  readonly #disk: Disk;
  readonly #segments: SegmentSet;
  readonly #meta: MetaKeeper;
  readonly #durability: Durability;
  readonly #segmentBytesMax: number;
  #position: number;
  #commit: number;
  #previousCrc: number;
  #durableMark: number;

  constructor(
    disk: Disk,
    segments: SegmentSet,
    meta: MetaKeeper,
    end: LogEnd,
    options: { durability: Durability; segmentBytesMax: number },
  ) {
    this.#disk = disk;
    this.#segments = segments;
    this.#meta = meta;
    this.#durability = options.durability;
    this.#segmentBytesMax = options.segmentBytesMax;
    this.#position = end.position;
    this.#commit = end.commit;
    this.#previousCrc = end.previousCrc;
    this.#durableMark = end.position;
  }

  /** Where the next record goes. */
  get position(): number {
    return this.#position;
  }

  begin(builder: RecordBuilder): void {
    builder.begin(this.#position, this.#commit, this.#previousCrc, this.#durableMark, this.#durability);
  }

  /** Starts a new segment if it is time. Before `begin`. */
  async makeRoom(): Promise<boolean> {
    const { active } = this.#segments;
    if (active.end - active.base < this.#segmentBytesMax) return true;
    await this.sync();
    const base = this.#position;
    let file: DiskFile | undefined;
    try {
      file = await this.#segments.createFile(this.#meta.current, base, this.#commit, this.#previousCrc);
      await this.#meta.change((meta) => {
        meta.sealed.push({ base: active.base, end: active.end });
        meta.activeBase = base;
        meta.durableMark = base;
      });
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      await file?.close();
      await this.#disk.remove(segmentPath(base)).catch(ignoreMissing);
      return false;
    }
    this.#segments.add(base, base + SEGMENT_HEADER_BYTES, file);
    this.#position = base + SEGMENT_HEADER_BYTES;
    this.#durableMark = this.#position;
    return true;
  }

  async write(record: SealedRecord): Promise<boolean> {
    const { active } = this.#segments;
    const offset = record.position - active.base;
    try {
      await active.file.write([record.bytes], offset);
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      await active.file.truncate(offset);
      return false;
    }
    const end = record.position + record.length;
    if (this.#durability === Durability.Disk) {
      await active.file.sync();
      this.#durableMark = end;
    }
    active.end = end;
    this.#position = end;
    this.#commit += 1;
    this.#previousCrc = record.crc;
    return true;
  }

  /** Makes everything written so far durable, whatever the level. */
  async sync(): Promise<void> {
    const end = this.#position;
    if (this.#durableMark >= end) return;
    await this.#segments.active.file.sync();
    if (end > this.#durableMark) this.#durableMark = end;
  }
}

export function isNoSpace(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function ignoreMissing(): void {
  // The file may not have come into being; an empty one is removed at the next start.
}
