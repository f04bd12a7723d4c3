/**
 * The end of the log: writes one record at a time, makes what is written durable, and starts a new segment when the
 * present one is full. A record may be written while the ones before it are being synced.
 *
 * No space is an answer (`false`: the log is as it was before); every other failure is thrown and final. The system
 * reports a failed fsync once, to one of those who asked: syncs run one at a time and none follows a failed one.
 */
import { Durability } from '../../model/durability.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { SEGMENT_HEADER_BYTES } from './format.ts';
import type { MetaKeeper } from './meta-keeper.ts';
import { isNoSpace } from './no-space.ts';
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
  #syncing: Promise<void> | undefined;
  #failure: unknown;

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

  /** Everything before this position was reported, or may be, at the store's level. */
  get committedMark(): number {
    return this.#durability === Durability.Disk ? this.#durableMark : this.#position;
  }

  /** True when the next record needs a new segment. */
  get isSegmentFull(): boolean {
    const { active } = this.#segments;
    return active.end - active.base >= this.#segmentBytesMax;
  }

  begin(builder: RecordBuilder): void {
    builder.begin(this.#position, this.#commit, this.#previousCrc, this.#durableMark, this.#durability);
  }

  /** Starts a new segment if it is time. Before `begin`. */
  async makeRoom(): Promise<boolean> {
    if (!this.isSegmentFull) return true;
    const { active } = this.#segments;
    await this.sync();
    const base = this.#position;
    const created = this.#segments.createFile(this.#meta.current, base, this.#commit, this.#previousCrc);
    // Looked at below; until then its failure is nobody's.
    created.catch(() => undefined);
    let file: DiskFile;
    try {
      await this.#meta.change((meta) => {
        meta.sealed.push({ base: active.base, end: active.end });
        meta.activeBase = base;
        meta.durableMark = base;
      }, created);
      file = await created;
    } catch (error) {
      const left = await created.catch(() => undefined);
      if (!isNoSpace(error)) throw error;
      await left?.close();
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
    active.end = end;
    this.#position = end;
    this.#commit += 1;
    this.#previousCrc = record.crc;
    return true;
  }

  /** Makes everything written so far durable, whatever the level. */
  async sync(): Promise<void> {
    const end = this.#position;
    while (this.#syncing !== undefined) await this.#syncing;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#durableMark >= end) return;
    this.#syncing = this.#sync();
    await this.#syncing;
  }

  async #sync(): Promise<void> {
    const end = this.#position;
    try {
      await this.#segments.active.file.sync();
      this.#durableMark = end;
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#syncing = undefined;
    }
  }
}

function ignoreMissing(): void {
  // The file may not have come into being; an empty one is removed at the next start.
}
