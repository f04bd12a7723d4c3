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
import type { TimerHandle } from '../../clock/clock.ts';
import type { AppId, Epoch, Seq, Uid } from '../../model/ids.ts';
import { partitionOf } from '../../model/partition.ts';
import { DEDUPE_WINDOW_MS_MIN } from '../dedupe-rules.ts';
import type { Disk } from '../disk.ts';
import { EncodedAppend } from '../encoded-append.ts';
import { currentSessions, emptySessionState } from '../session-rules.ts';
import {
  type AppendOperation,
  type CommitSink,
  type Operation,
  OperationType,
  type Store,
  type StoreInfo,
  StoreOpenError,
  type TimelinePage,
  type UserState,
} from '../store.ts';
import type { BackupResult } from './backup.ts';
import { BackupError } from './backup.ts';
import { type EmbeddedStoreOptions, ENGINE_DEFAULTS, type Engine, type EngineOptions, openEngine } from './engine.ts';
import { TEXT_UNITS_MAX } from './entry-codec.ts';
import { backupEngine } from './online-backup.ts';
import { StoreReadError } from './timeline-reader.ts';

export type { EmbeddedStoreOptions } from './engine.ts';

export class EmbeddedStore implements Store {
  readonly #options: EngineOptions;
  #lock: { release(): Promise<void> } | undefined;
  #engine: Engine | undefined;
  #timer: TimerHandle;
  #closing: Promise<void> | undefined;
  #backup: Promise<BackupResult> | undefined;

  constructor(options: EmbeddedStoreOptions) {
    this.#options = { ...ENGINE_DEFAULTS, ...options };
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
      this.#engine = await openEngine(this.#options, sink);
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

  /**
   * Writes a consistent prefix of the store, up to what is committed now, into `target`, which must be empty, while
   * everything goes on. Rejects with a `BackupError`; what is there then has no `store.meta` and is not a backup.
   */
  async backup(target: Disk): Promise<BackupResult> {
    const engine = this.#opened();
    if (this.#backup !== undefined) throw new BackupError('a backup is being made already');
    if (engine.loop.hasFailed) throw new BackupError('the store has failed; restart it first');
    this.#backup = backupEngine(engine, target, () => this.#closing !== undefined);
    try {
      return await this.#backup;
    } finally {
      this.#backup = undefined;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
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
      await this.#backup?.catch(() => undefined);
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

function idUnits(operation: AppendOperation): number {
  const isBytes = operation instanceof EncodedAppend && operation.isAscii;
  return isBytes ? operation.idEnd - operation.idStart : operation.clientMsgId.length;
}

/** Every layer above has checked these lengths; a longer text would not fit its length byte. */
function assertFits(operation: Operation): void {
  const fits =
    operation.app.length <= TEXT_UNITS_MAX &&
    (operation.type === OperationType.Append
      ? operation.target.length <= TEXT_UNITS_MAX &&
        operation.sender.length <= TEXT_UNITS_MAX &&
        operation.senderDevice.length <= TEXT_UNITS_MAX &&
        idUnits(operation) <= TEXT_UNITS_MAX
      : operation.uid.length <= TEXT_UNITS_MAX &&
        (operation.type !== OperationType.Login ||
          (operation.deviceId.length <= TEXT_UNITS_MAX && operation.deviceType.length <= TEXT_UNITS_MAX)));
  if (!fits) throw new RangeError('an identifier of a store operation is too long');
}
