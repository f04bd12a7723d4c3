/**
 * Deletes segments that hold nothing readable any more. What is still needed of them is written again first: the small
 * state of users whose newest complete state lies in the segment or before it, and dedupe rows inside the window.
 *
 *   read 256 KiB ─► users and rows still needed ─► one commit ─► … ─► sync ─► meta without the segment ─► file removed
 *
 * One segment at a time, one window per step: commits and reads go on in between. Segments that hold nothing but such
 * state would move it round and round: rewrites never outgrow what operations write, so the log is at most doubled by
 * them and an idle store rests.
 *
 * On a full disk the reserve gives the space for that, and nothing but rewrites is written until a segment is gone.
 */
import type { MessageId } from '../../model/ids.ts';
import { messageIdTimeMs } from '../../model/message-id.ts';
import type { CommitLoop } from './commit-loop.ts';
import type { EngineState } from './engine-state.ts';
import { AppendEntry, type DedupeEntry, decodeAppendIndex, decodeDedupe, entryUser } from './entry-codec.ts';
import { EntryType, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, viewOf } from './format.ts';
import type { LogWriter } from './log-writer.ts';
import type { MetaKeeper } from './meta-keeper.ts';
import { isNoSpace } from './no-space.ts';
import { blockIsIntact, firstEntry, nextEntry, readRecordHeader } from './record-reader.ts';
import { type Segment, segmentPath } from './segment-set.ts';
import type { SpaceReserve } from './space-reserve.ts';
import { type StoreEvent, StoreEventType } from './store-event.ts';

const WINDOW_BYTES = 256 * 1024;
/** How many deleted segments meta remembers: more than a crash can leave behind. */
const REMOVED_MAX = 8;

export interface ReclaimerParts {
  state: EngineState;
  loop: CommitLoop;
  log: LogWriter;
  meta: MetaKeeper;
  reserve: SpaceReserve;
  report: (event: StoreEvent) => void;
}

export class SegmentReclaimer {
  readonly #state: EngineState;
  readonly #loop: CommitLoop;
  readonly #log: LogWriter;
  readonly #meta: MetaKeeper;
  readonly #reserve: SpaceReserve;
  readonly #report: (event: StoreEvent) => void;
  readonly #secret: number;
  /** Segments that cannot be read: kept, so that nothing unknown is deleted. */
  readonly #damaged = new Set<Segment>();
  readonly #append = new AppendEntry();
  #users = new Set<number>();
  #dedupe: DedupeEntry[] = [];
  #running: Promise<void> | undefined;
  #isStopped = false;
  /** The last try found no space: the next one waits for a sweep. */
  #isStuck = false;

  constructor(parts: ReclaimerParts) {
    this.#state = parts.state;
    this.#loop = parts.loop;
    this.#log = parts.log;
    this.#meta = parts.meta;
    this.#reserve = parts.reserve;
    this.#report = parts.report;
    this.#secret = parts.meta.current.secret[0]!;
  }

  /** Starts on the oldest segment that can go, unless one is being worked on. */
  poke(): void {
    this.#isStuck = false;
    if (!this.#reserve.isShort && this.#loop.rewriteBytes > this.#loop.operationBytes) return;
    this.#start();
  }

  /** There is no space left: now, with the reserve if need be. */
  relieve(): void {
    if (!this.#isStuck) this.#start();
  }

  #start(): void {
    if (this.#running !== undefined || this.#isStopped) return;
    const { segments, active } = this.#state.segments;
    const segment = segments.find((s) => s !== active && s.liveRows === 0 && !this.#damaged.has(s));
    if (segment === undefined && !this.#reserve.isShort) return;
    this.#running = this.#attempt(segment)
      .catch((error: unknown) => this.#loop.fail(error instanceof Error ? error : new Error(String(error))))
      .then(() => {
        this.#running = undefined;
      });
  }

  async #attempt(segment: Segment | undefined): Promise<void> {
    try {
      if (segment === undefined) return;
      let isDone = await this.#reclaim(segment);
      if (!isDone && (await this.#reserve.release())) {
        this.#report({
          type: StoreEventType.SpaceShort,
          message: `no space left; reclaiming ${segmentPath(segment.base)}`,
        });
        isDone = await this.#reclaim(segment);
      }
      this.#isStuck = !isDone;
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      this.#isStuck = true;
    } finally {
      if (this.#reserve.isShort) await this.#reserve.restore();
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** False when there was no space for what has to be written again. */
  async #reclaim(segment: Segment): Promise<boolean> {
    let position = segment.base + SEGMENT_HEADER_BYTES;
    let recordEnd = position;
    let window = Buffer.allocUnsafe(WINDOW_BYTES);
    while (position < segment.end) {
      const wanted = Math.min(window.length, segment.end - position);
      const bytes = window.subarray(0, await this.#state.segments.read(window.subarray(0, wanted), position));
      const step = this.#readWindow(bytes, position, recordEnd, segment.end);
      if (this.#isStopped) return true;
      const isStuck = step?.position === position && position + bytes.length >= segment.end;
      if (step === undefined || isStuck) {
        this.#damaged.add(segment);
        const place = `${segmentPath(segment.base)}, byte ${position - segment.base}`;
        this.#report({ type: StoreEventType.SegmentDamaged, message: `${place}: damaged, so it is kept; run fsck` });
        return true;
      }
      if (step.position === position) window = Buffer.allocUnsafe(window.length * 2);
      position = step.position;
      recordEnd = step.recordEnd;
      const rewrite = { users: [...this.#users], dedupe: this.#dedupe };
      this.#users = new Set();
      this.#dedupe = [];
      if (rewrite.users.length + rewrite.dedupe.length > 0 && !(await this.#loop.rewrite(rewrite))) return false;
    }
    await this.#delete(segment);
    return true;
  }

  async #delete(segment: Segment): Promise<void> {
    await this.#log.sync();
    await this.#meta.change((meta) => {
      meta.sealed = meta.sealed.filter((sealed) => sealed.base !== segment.base);
      meta.removed = [...meta.removed, segment.base].slice(-REMOVED_MAX);
      meta.lastMessageIds = Array.from(this.#state.lastMessageIds);
    });
    await this.#state.segments.remove(segment);
    this.#state.marks.dropBefore(this.#state.segments.segments[0]!.base);
  }

  /**
   * Looks at the whole blocks in `bytes`, which start at `position`. Answers how far it came (not at all: a block is
   * longer than the window), or undefined when the bytes are damaged.
   */
  #readWindow(
    bytes: Buffer,
    position: number,
    recordEnd: number,
    segmentEnd: number,
  ): { position: number; recordEnd: number } | undefined {
    const view = viewOf(bytes);
    let at = 0;
    let end = recordEnd;
    while (at < bytes.length) {
      const room = bytes.length - at;
      if (position + at === end) {
        if (room < RECORD_HEADER_BYTES) break;
        const header = readRecordHeader(bytes, view, at, this.#secret);
        if (header === undefined || header.position !== position + at) return undefined;
        end = position + at + header.length;
        at += RECORD_HEADER_BYTES;
        continue;
      }
      const length = room >= 4 ? view.getUint32(at, true) : 0;
      if (room < 4 || length > room) {
        if (length > segmentEnd - position - at) return undefined;
        break;
      }
      if (!blockIsIntact(bytes, view, at, length, this.#secret)) return undefined;
      this.#readBlock(view, at, length, segmentEnd);
      at += length;
    }
    return { position: position + at, recordEnd: end };
  }

  #readBlock(view: DataView, block: number, length: number, segmentEnd: number): void {
    for (let at = firstEntry(view, block, length); at >= 0; at = nextEntry(view, at, block, length)) {
      const type = view.getUint16(at, true);
      if (type === EntryType.Dedupe) this.#keepDedupe(decodeDedupe(view, at));
      else if (type === EntryType.Append) {
        const entry = this.#append;
        decodeAppendIndex(view, at, entry);
        this.#keepUser(entry.target, segmentEnd);
        this.#keepUser(entry.sender, segmentEnd);
        const { key0, key1, key2, bodyHash, messageId } = entry;
        this.#keepDedupe({ key0, key1, key2, bodyHash, messageId });
      } else this.#keepUser(entryUser(view, at), segmentEnd);
    }
  }

  #keepUser(user: number, segmentEnd: number): void {
    if (this.#state.directory.snapshotPosition[user]! < segmentEnd) this.#users.add(user);
  }

  #keepDedupe(row: DedupeEntry): void {
    if (this.#state.dedupe.isWithinWindow(messageIdTimeMs(row.messageId as MessageId))) this.#dedupe.push(row);
  }
}
