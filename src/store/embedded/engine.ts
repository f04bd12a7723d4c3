/** Puts the parts of the store together: options, recovery, and what runs afterwards. */
import type { Clock } from '../../clock/clock.ts';
import type { Random } from '../../clock/random.ts';
import type { Durability } from '../../model/durability.ts';
import type { AppId } from '../../model/ids.ts';
import { PARTITIONS_DEFAULT } from '../../model/partition.ts';
import { DEDUPE_WINDOW_MS_DEFAULT } from '../dedupe-rules.ts';
import type { Disk } from '../disk.ts';
import { type CommitSink, type RetentionPolicy, StoreOpenError } from '../store.ts';
import { CommitBatch } from './commit-batch.ts';
import { CommitLoop } from './commit-loop.ts';
import { DedupeKey } from './dedupe-key.ts';
import { EngineState } from './engine-state.ts';
import { LogTail } from './log-tail.ts';
import { LogWriter } from './log-writer.ts';
import { loadMeta } from './meta-file.ts';
import { MetaKeeper } from './meta-keeper.ts';
import { RecordBuilder } from './record-builder.ts';
import { LogRecovery } from './recovery.ts';
import { Replay } from './replay.ts';
import { SegmentReclaimer } from './segment-reclaimer.ts';
import { SegmentSet } from './segment-set.ts';
import { SpaceReserve } from './space-reserve.ts';
import type { StoreEvent } from './store-event.ts';
import { createStore, takeOver } from './store-files.ts';
import { TimelineReader } from './timeline-reader.ts';
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
  /** The least time between two commits while operations come densely, at level `disk`. */
  commitIntervalMs?: number;
  /** Newest log bytes kept in memory. */
  tailBytesMax?: number;
  retentionSweepMs?: number;
  /** Kept free for retention on a full disk; 0 for none. */
  reserveBytes?: number;
  /** What the operator should know. */
  onEvent?: (event: StoreEvent) => void;
}

type EngineDefaults = Required<Omit<EmbeddedStoreOptions, 'disk' | 'clock' | 'random' | 'durability' | 'retention'>>;

export const ENGINE_DEFAULTS: EngineDefaults = {
  partitions: PARTITIONS_DEFAULT,
  dedupeWindowMs: DEDUPE_WINDOW_MS_DEFAULT,
  segmentBytesMax: 64 * 1024 * 1024,
  commitBytesMax: 4 * 1024 * 1024,
  queueOperationsMax: 65_536,
  queueBytesMax: 64 * 1024 * 1024,
  commitIntervalMs: 0,
  tailBytesMax: 16 * 1024 * 1024,
  retentionSweepMs: 1000,
  reserveBytes: 8 * 1024 * 1024,
  onEvent: () => undefined,
};

export type EngineOptions = EmbeddedStoreOptions & EngineDefaults;

export interface Engine {
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

/** The caller holds the lock of the directory. */
export async function openEngine(options: EngineOptions, sink: CommitSink): Promise<Engine> {
  const { disk, clock, durability } = options;
  const loaded = (await loadMeta(disk)) ?? (await createStore(disk, options.random, options));
  const segments = new SegmentSet(disk);
  const reserve = new SpaceReserve(disk, options.reserveBytes);
  await reserve.find();
  const meta = new MetaKeeper(disk, loaded, reserve);
  try {
    const state = new EngineState(loaded, segments, options.dedupeWindowMs);
    state.dedupe.setTime(clock.wallMs());
    const end = await new LogRecovery(disk, loaded, segments, new Replay(state)).run();
    assertAllNamed(state);
    state.directory.indexNames();
    await takeOver(meta, segments, end, { durability, place: await disk.identity(), wallMs: clock.wallMs() });
    await reserve.restore();
    state.epochs.set(meta.current.epochs);
    state.continueMessageIds();
    const secret = loaded.secret[0]!;
    const tail = new LogTail(options.tailBytesMax);
    const builder = new RecordBuilder(tail, secret);
    const retention = new TimelineRetention(state, options.retention);
    retention.sweepAll(clock.wallMs());
    const batch = new CommitBatch(state, builder, new DedupeKey(Uint32Array.from(loaded.secret)), retention);
    const log = new LogWriter(disk, segments, meta, end, options);
    const loop = new CommitLoop(options, { state, batch, builder, log, sink, reserve });
    const reclaimer = new SegmentReclaimer({ state, loop, log, meta, reserve, report: options.onEvent });
    loop.onNoSpace = () => reclaimer.relieve();
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

function assertAllNamed(state: EngineState): void {
  for (let user = 0; user < state.directory.count; user++) {
    if (!state.directory.isNamed(user)) {
      throw new StoreOpenError(`the log mentions user number ${user} but never names it; restore from a backup`);
    }
  }
}
