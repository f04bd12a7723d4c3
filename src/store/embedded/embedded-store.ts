/**
 * The store of one machine: a segmented, checksummed commit log is the truth, everything else is in memory and rebuilt
 * from it at start.
 *
 *   submit ─► CommitLoop ─► CommitBatch ─► RecordBuilder ─► LogTail ─► LogWriter ─► log/*.seg
 *                              │ changes                      │
 *                              ▼                              ▼ newest bytes
 *   readUser ◄──────────── EngineState ──position──► TimelineReader ─► readTimeline
 *
 * Memory: about 260 bytes a user with one device, 8–16 bytes a readable message and timeline, 32–64 bytes a message in
 * the dedupe window. See docs/adr/0003-embedded-store.md for the numbers and the alternatives.
 */
import type { Clock, TimerHandle } from '../../clock/clock.ts';
import type { Random } from '../../clock/random.ts';
import type { Durability } from '../../model/durability.ts';
import type { AppId, Epoch, Seq, Uid } from '../../model/ids.ts';
import { PARTITIONS_DEFAULT, partitionOf } from '../../model/partition.ts';
import { DEDUPE_WINDOW_MS_DEFAULT, DEDUPE_WINDOW_MS_MIN } from '../dedupe-rules.ts';
import type { Disk } from '../disk.ts';
import { currentSessions, emptySessionState } from '../session-rules.ts';
import {
  type CommitSink,
  type Operation,
  OperationType,
  type RetentionPolicy,
  type Store,
  type StoreInfo,
  StoreOpenError,
  type TimelinePage,
  type UserState,
} from '../store.ts';
import { CommitBatch } from './commit-batch.ts';
import { CommitLoop } from './commit-loop.ts';
import { DedupeKey } from './dedupe-key.ts';
import { EngineState } from './engine-state.ts';
import { TEXT_UNITS_MAX } from './entry-codec.ts';
import { LogTail } from './log-tail.ts';
import { LogWriter } from './log-writer.ts';
import { loadMeta } from './meta-file.ts';
import { MetaKeeper } from './meta-keeper.ts';
import { RecordBuilder } from './record-builder.ts';
import { LogRecovery } from './recovery.ts';
import { Replay } from './replay.ts';
import { SegmentReclaimer } from './segment-reclaimer.ts';
import { SegmentSet } from './segment-set.ts';
import { createStore, takeOver } from './store-files.ts';
import { StoreReadError, TimelineReader } from './timeline-reader.ts';
import { TimelineRetention } from './timeline-retention.ts';

export interface EmbeddedStoreOptions {
  disk: Disk;
  clock: Clock;
  random: Random;
  durability: Durability;
  retention: (app: AppId) => RetentionPolicy;
  /** For a new store; an existing one keeps its own. */
  partitions?: number;
  dedupeWindowMs?: number;
  segmentBytesMax?: number;
  commitBytesMax?: number;
  queueOperationsMax?: number;
  queueBytesMax?: number;
  /** Newest log bytes kept in memory. */
  tailBytesMax?: number;
  retentionSweepMs?: number;
}

const DEFAULTS = {
  partitions: PARTITIONS_DEFAULT,
  dedupeWindowMs: DEDUPE_WINDOW_MS_DEFAULT,
  segmentBytesMax: 64 * 1024 * 1024,
  commitBytesMax: 4 * 1024 * 1024,
  queueOperationsMax: 65_536,
  queueBytesMax: 64 * 1024 * 1024,
  tailBytesMax: 16 * 1024 * 1024,
  retentionSweepMs: 1000,
};

interface Engine {
  state: EngineState;
  meta: MetaKeeper;
  batch: CommitBatch;
  loop: CommitLoop;
  log: LogWriter;
  reader: TimelineReader;
  reclaimer: SegmentReclaimer;
  segments: SegmentSet;
  retention: TimelineRetention;
}

export class EmbeddedStore implements Store {
  readonly #options: EmbeddedStoreOptions & typeof DEFAULTS;
  #lock: { release(): Promise<void> } | undefined;
  #engine: Engine | undefined;
  #timer: TimerHandle;
  #closing: Promise<void> | undefined;

  constructor(options: EmbeddedStoreOptions) {
    this.#options = { ...DEFAULTS, ...options };
    if (this.#options.dedupeWindowMs < DEDUPE_WINDOW_MS_MIN) {
      throw new RangeError(`the dedupe window is at least ${DEDUPE_WINDOW_MS_MIN} ms`);
    }
  }

  async open(sink: CommitSink): Promise<StoreInfo> {
    this.#lock = await this.#options.disk.lock();
    if (this.#lock === undefined) {
      throw new StoreOpenError('another process has this data directory open; stop it first');
    }
    try {
      this.#engine = await this.#openEngine(sink);
    } catch (error) {
      await this.#lock.release();
      this.#lock = undefined;
      if (error instanceof StoreOpenError) throw error;
      throw new StoreOpenError(`the store cannot be opened: ${String(error)}`, { cause: error });
    }
    this.#sweepLater();
    const { storeId, partitions } = this.#engine.meta.current;
    return { storeId, partitions, durability: this.#options.durability };
  }

  submit(operation: Operation): void {
    assertFits(operation);
    this.#opened().loop.submit(operation);
  }

  async readTimeline(app: AppId, uid: Uid, after: Seq, limit: number, bytesMax: number): Promise<TimelinePage> {
    const { state, reader } = this.#opened();
    const { directory } = state;
    const user = directory.find(app, uid);
    if (user < 0) return { ...this.#unknownUser(app, uid), messages: [] };
    for (;;) {
      const floor = directory.floor[user]!;
      const head = directory.visibleHead[user]!;
      const first = Math.max(after + 1, floor);
      const last = Math.min(head, first + limit - 1);
      const messages = first > last ? [] : await reader.read(user, first, last, bytesMax);
      if (messages.length === 0 && first <= last) {
        // Retention moved the floor past the reader; without that it would be a hole.
        if (directory.floor[user] === floor) throw new StoreReadError(`no position for seq ${first}`);
        continue;
      }
      return { epoch: state.epochOf(user) as Epoch, head: head as Seq, floor: floor as Seq, messages };
    }
  }

  async readUser(app: AppId, uid: Uid): Promise<UserState> {
    const { state, batch } = this.#opened();
    const user = state.directory.find(app, uid);
    if (user < 0) return { ...this.#unknownUser(app, uid), ...currentSessions(emptySessionState()) };
    return {
      epoch: state.epochOf(user) as Epoch,
      head: state.directory.visibleHead[user]! as Seq,
      floor: state.directory.floor[user]! as Seq,
      ...currentSessions(batch.committedSessions(user)),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #openEngine(sink: CommitSink): Promise<Engine> {
    const options = this.#options;
    const { disk, clock, durability } = options;
    const loaded = (await loadMeta(disk)) ?? (await createStore(disk, options.random, options));
    const segments = new SegmentSet(disk);
    const meta = new MetaKeeper(disk, loaded);
    try {
      const state = new EngineState(loaded, segments, options.dedupeWindowMs);
      state.dedupe.setTime(clock.wallMs());
      const end = await new LogRecovery(disk, loaded, segments, new Replay(state)).run();
      assertAllNamed(state);
      await takeOver(meta, segments, end, durability);
      state.epochs.set(meta.current.epochs);
      state.continueMessageIds();
      const secret = loaded.secret[0]!;
      const tail = new LogTail(options.tailBytesMax);
      const builder = new RecordBuilder(tail, secret);
      const retention = new TimelineRetention(state, options.retention);
      retention.sweepAll(clock.wallMs());
      const batch = new CommitBatch(state, builder, new DedupeKey(Uint32Array.from(loaded.secret)), retention);
      const log = new LogWriter(disk, segments, meta, end, options);
      const loop = new CommitLoop(options, { state, batch, builder, log, sink });
      const reclaimer = new SegmentReclaimer(state, loop, log, meta);
      return {
        state,
        meta,
        batch,
        loop,
        log,
        reader: new TimelineReader(state, tail, secret),
        reclaimer,
        segments,
        retention,
      };
    } catch (error) {
      await segments.close();
      throw error;
    }
  }

  #sweepLater(): void {
    const { clock, retentionSweepMs } = this.#options;
    this.#timer = clock.setTimer(() => {
      const { retention, reclaimer } = this.#opened();
      retention.sweep(clock.wallMs());
      reclaimer.poke();
      this.#sweepLater();
    }, retentionSweepMs);
  }

  async #close(): Promise<void> {
    const engine = this.#engine;
    if (engine === undefined) return;
    this.#options.clock.clearTimer(this.#timer);
    const { loop, log, meta, state, segments } = engine;
    try {
      await engine.reclaimer.stop();
      await loop.drain();
      if (!loop.hasFailed) {
        await log.sync();
        await meta.change((next) => {
          next.durableMark = log.position;
          next.lastMessageIds = Array.from(state.lastMessageIds);
          next.clean = true;
        });
      }
    } catch (error) {
      loop.fail(error instanceof Error ? error : new Error(String(error)));
    } finally {
      await segments.close();
      await this.#lock?.release();
    }
  }

  #opened(): Engine {
    if (this.#engine === undefined) throw new Error('the store is not open');
    return this.#engine;
  }

  #unknownUser(app: AppId, uid: Uid): { epoch: Epoch; head: Seq; floor: Seq } {
    const { state, meta } = this.#opened();
    const partition = partitionOf(app, uid, meta.current.partitions);
    return { epoch: state.epochs[partition]! as Epoch, head: 0 as Seq, floor: 1 as Seq };
  }
}

/** Every layer above has checked these lengths; a longer text would not fit its length byte. */
function assertFits(operation: Operation): void {
  const fits =
    operation.app.length <= TEXT_UNITS_MAX &&
    (operation.type === OperationType.Append
      ? operation.target.length <= TEXT_UNITS_MAX &&
        operation.sender.length <= TEXT_UNITS_MAX &&
        operation.senderDevice.length <= TEXT_UNITS_MAX &&
        operation.clientMsgId.length <= TEXT_UNITS_MAX
      : operation.uid.length <= TEXT_UNITS_MAX &&
        (operation.type !== OperationType.Login ||
          (operation.deviceId.length <= TEXT_UNITS_MAX && operation.deviceType.length <= TEXT_UNITS_MAX)));
  if (!fits) throw new RangeError('an identifier of a store operation is too long');
}

function assertAllNamed(state: EngineState): void {
  for (let user = 0; user < state.directory.count; user++) {
    if (!state.directory.isNamed(user)) {
      throw new StoreOpenError(`the log mentions user number ${user} but never names it; restore from a backup`);
    }
  }
}
