/**
 * The embedded store that is copied: opened under its lock, read, and not changed, except that at the end it is marked as
 * a copy, so that it begins a new life should anybody start it again.
 *
 * What is copied depends on the log, on the retention settings and on `asOfMs`, and on nothing else: a second run with
 * the same three finds the same heads and floors, which its fingerprint shows.
 */
import { crc32 } from 'node:zlib';
import type { AppId, MessageId } from '../../model/ids.ts';
import { messageIdTimeMs } from '../../model/message-id.ts';
import { CLOCK_ERROR_MS_MAX } from '../dedupe-rules.ts';
import type { Disk } from '../disk.ts';
import { EngineState } from '../embedded/engine-state.ts';
import type { AppendEntry } from '../embedded/entry-codec.ts';
import { type LogVisitor, walkLog } from '../embedded/log-walk.ts';
import { loadMeta, type StoreMeta, saveMeta } from '../embedded/meta-file.ts';
import { type LogEnd, LogRecovery } from '../embedded/recovery.ts';
import { Replay } from '../embedded/replay.ts';
import { SegmentSet } from '../embedded/segment-set.ts';
import { settleEpochs } from '../embedded/store-files.ts';
import { TimelineRetention } from '../embedded/timeline-retention.ts';
import { encodeRecord } from '../redis/message-record.ts';
import { type RetentionPolicy, StoreOpenError } from '../store.ts';
import type { UserFacts } from './migration-batch.ts';

/** Which state of which store. */
export interface SourceIdentity {
  readonly storeId: string;
  readonly generation: number;
  /** Log position of its end. */
  readonly end: number;
}

export interface SourceCounts {
  users: number;
  /** Readable places in timelines: a message with the sender's copy counts twice. */
  records: number;
  devices: number;
  dedupeRows: number;
  /** Rows inside the window whose messages retention has deleted: only hashes of their keys are left. */
  dedupeRowsHashed: number;
  /** Until when those count, unix milliseconds; 0 when there are none. */
  dedupeHashedUntilMs: number;
}

interface SourceParts {
  readonly disk: Disk;
  readonly lock: { release(): Promise<void> };
  readonly meta: StoreMeta;
  readonly segments: SegmentSet;
  readonly state: EngineState;
  readonly end: LogEnd;
  readonly place: string;
}

export class MigrationSource {
  readonly state: EngineState;
  readonly #parts: SourceParts;
  readonly #dedupeWindowMs: number;
  #digests: Uint32Array = new Uint32Array(0);

  private constructor(parts: SourceParts, dedupeWindowMs: number) {
    this.#parts = parts;
    this.state = parts.state;
    this.#dedupeWindowMs = dedupeWindowMs;
  }

  /** Rejects with a `StoreOpenError` when there is no store, or somebody has it open, or it is damaged. */
  static async open(disk: Disk, dedupeWindowMs: number, nowMs: number): Promise<MigrationSource> {
    const lock = await disk.lock();
    if (lock === undefined) throw new StoreOpenError('another process has the source open; stop it first');
    const segments = new SegmentSet(disk);
    try {
      const meta = await loadMeta(disk);
      if (meta === undefined) throw new StoreOpenError('the source holds no store');
      const state = new EngineState(meta, segments, dedupeWindowMs);
      state.dedupe.setTime(nowMs);
      const end = await new LogRecovery(disk, meta, segments, new Replay(state)).run();
      const place = await disk.identity();
      return new MigrationSource({ disk, lock, meta, segments, state, end, place }, dedupeWindowMs);
    } catch (error) {
      await segments.close();
      await lock.release();
      throw error;
    }
  }

  get partitions(): number {
    return this.#parts.meta.partitions;
  }

  get identity(): SourceIdentity {
    const { meta, end } = this.#parts;
    return { storeId: meta.storeId, generation: meta.generation, end: end.position };
  }

  get users(): number {
    return this.state.directory.count;
  }

  /** The epochs with which the store would go on if it were started here. */
  epochs(nowMs: number): number[] {
    const { meta, end, place } = this.#parts;
    const next = structuredClone(meta);
    settleEpochs(next, end, { place, wallMs: nowMs });
    return next.epochs;
  }

  /** Moves the floors to where retention has them at `asOfMs`; answers the fingerprint of heads and floors. */
  settleFloors(retention: (app: AppId) => RetentionPolicy, asOfMs: number): string {
    new TimelineRetention(this.state, retention).sweepAll(asOfMs);
    const { head, floor, count } = this.state.directory;
    const sum = (numbers: Uint32Array): string => crc32(new Uint8Array(numbers.buffer, 0, count * 4)).toString(16);
    return `${count}-${sum(head)}-${sum(floor)}`;
  }

  walk(visitor: LogVisitor): Promise<void> {
    return walkLog(this.#parts.segments, this.#parts.meta.secret[0]!, visitor);
  }

  /** Until when the dedupe row of a message counts, unix milliseconds. */
  dedupeEndMs(messageId: number): number {
    return messageIdTimeMs(messageId as MessageId) + this.#dedupeWindowMs + CLOCK_ERROR_MS_MAX;
  }

  /** What a timeline holds of `entry`. */
  recordOf(entry: AppendEntry): Buffer {
    const { directory } = this.state;
    const { kind, clientMsgId, payload } = entry;
    const content = { sender: directory.uid(entry.sender), target: directory.uid(entry.target), clientMsgId, payload };
    return encodeRecord({ ...content, kind: kind as 0 | 1 }, entry.messageId as MessageId);
  }

  /** Reads everything once: what there is to copy, and the digest of each timeline. */
  async survey(nowMs: number): Promise<SourceCounts> {
    const { directory, devices } = this.state;
    const counts: SourceCounts = {
      users: this.users,
      records: 0,
      devices: 0,
      dedupeRows: 0,
      dedupeRowsHashed: 0,
      dedupeHashedUntilMs: 0,
    };
    const hashed = new Set<number>();
    this.#digests = new Uint32Array(this.users);
    const place = (user: number, seq: number, record: Buffer): void => {
      if (seq < directory.floor[user]!) return;
      counts.records++;
      this.#digests[user] = digest(record, this.#digests[user]!);
    };
    await this.walk({
      append: (entry) => {
        const record = this.recordOf(entry);
        place(entry.target, entry.seq, record);
        if (entry.senderSeq > 0) place(entry.sender, entry.senderSeq, record);
        if (this.dedupeEndMs(entry.messageId) > nowMs) counts.dedupeRows++;
        hashed.delete(entry.messageId);
      },
      dedupe: ({ messageId }) => {
        if (this.dedupeEndMs(messageId) > nowMs) hashed.add(messageId);
      },
    });
    for (let user = 0; user < this.users; user++) counts.devices += devices.load(directory.firstDevice[user]!).length;
    counts.dedupeRowsHashed = hashed.size;
    for (const id of hashed) counts.dedupeHashedUntilMs = Math.max(counts.dedupeHashedUntilMs, this.dedupeEndMs(id));
    return counts;
  }

  userFacts(user: number): UserFacts {
    const { directory } = this.state;
    const head = directory.visibleHead[user]!;
    return {
      app: directory.app(user),
      uid: directory.uid(user),
      head,
      length: head - directory.floor[user]! + 1,
      sessions: this.state.sessions(user),
    };
  }

  /** Of the readable records of a timeline, in order; known after the survey. */
  digestOf(user: number): number {
    return this.#digests[user]!;
  }

  /** From now on the store has parted from this one: started again, it takes epochs that clients do not know. */
  async markParted(): Promise<void> {
    const { disk, meta } = this.#parts;
    if (meta.place !== '') await saveMeta(disk, { ...meta, place: '' });
  }

  async close(): Promise<void> {
    await this.#parts.segments.close();
    await this.#parts.lock.release();
  }
}

export function digest(record: Buffer, before: number): number {
  return crc32(record, (before ^ record.length) >>> 0);
}
