/**
 * Group commit: everything that arrives while commits are being written goes into the next one.
 *
 *   submit ─► queue ─► CommitBatch ─► one record ─► write ─┬► fdatasync ─► publish ─► sink.committed(batch)
 *             └── one commit is decided at a time ─────────┘   one sync at a time, over all that was written before it
 *
 * While a sync is under way a further commit is decided and written once `EARLY_OPERATIONS` operations wait, so that
 * a slow disk costs latency and not throughput; the sync that follows covers all of them. Fewer wait for its end: a
 * record of their own would cost more than it saves. At most `UNSYNCED_COMMITS_MAX` are written and not synced.
 * After a commit of several operations the next one waits for `commit-interval.ts`, or for as many operations.
 *
 * A few promises per commit, none per operation.
 */
import type { Clock } from '../../clock/clock.ts';
import { Durability } from '../../model/durability.ts';
import { payloadBytes } from '../encoded-append.ts';
import { type CommitSink, type Committed, type Operation, RefusalReason } from '../store.ts';
import type { BatchChanges } from './batch-changes.ts';
import type { CommitBatch, PendingRewrite, Rewrite } from './commit-batch.ts';
import { COMMIT_OPERATIONS_MAX, CommitInterval, EARLY_OPERATIONS } from './commit-interval.ts';
import type { EngineState } from './engine-state.ts';
import { LateRefusals } from './late-refusals.ts';
import type { LogWriter } from './log-writer.ts';
import type { RecordBuilder } from './record-builder.ts';
import type { SpaceReserve } from './space-reserve.ts';

const LoopState = { Idle: 0, Committing: 1, Closed: 2, Failed: 3 } as const;
type LoopState = (typeof LoopState)[keyof typeof LoopState];

const UNSYNCED_COMMITS_MAX = 8;

export interface CommitLoopOptions {
  clock: Clock;
  durability: Durability;
  /** A commit takes no further operation once its record is so long. */
  commitBytesMax: number;
  queueOperationsMax: number;
  queueBytesMax: number;
  /** The least time between two commits while operations come densely, at level `disk`; 0 for none. */
  commitIntervalMs: number;
}

export class CommitLoop {
  readonly #options: CommitLoopOptions;
  readonly #state: EngineState;
  readonly #batch: CommitBatch;
  readonly #builder: RecordBuilder;
  readonly #log: LogWriter;
  readonly #sink: CommitSink;
  readonly #reserve: SpaceReserve;
  #queue: Operation[] = [];
  #taken = 0; // operations before this place of the queue were taken
  #queueBytes = 0;
  readonly #rewrites: PendingRewrite[] = [];
  /** Written and not yet reported, oldest first. */
  readonly #unsynced: BatchChanges[] = [];
  #isSyncing = false;
  readonly #interval: CommitInterval;
  /** Ends the loop's wait for a sync, for the interval, or for enough operations. */
  #wake: (() => void) | undefined;
  readonly #refusals: LateRefusals;
  /** Bytes that operations and rewrites put into records since the start. */
  operationBytes = 0;
  rewriteBytes = 0;
  /** Is told whenever a commit was refused for lack of space. */
  onNoSpace: () => void = () => undefined;
  #loopState: LoopState = LoopState.Idle;
  #running: Promise<void> = Promise.resolve();

  constructor(
    options: CommitLoopOptions,
    parts: {
      state: EngineState;
      batch: CommitBatch;
      builder: RecordBuilder;
      log: LogWriter;
      sink: CommitSink;
      reserve: SpaceReserve;
    },
  ) {
    this.#options = options;
    this.#state = parts.state;
    this.#batch = parts.batch;
    this.#builder = parts.builder;
    this.#log = parts.log;
    this.#sink = parts.sink;
    this.#reserve = parts.reserve;
    this.#refusals = new LateRefusals(options.clock, parts.sink);
    const intervalMs = options.durability === Durability.Disk ? options.commitIntervalMs : 0;
    this.#interval = new CommitInterval(options.clock, intervalMs, () => this.#wakeUp());
  }

  get hasFailed(): boolean {
    return this.#loopState === LoopState.Failed;
  }

  submit(operation: Operation): void {
    if (this.#loopState >= LoopState.Closed || this.#reserve.isShort) {
      this.#refusals.add(operation, RefusalReason.Unavailable);
      return;
    }
    const bytes = payloadBytes(operation);
    const queued = this.#queue.length - this.#taken;
    const isFull = queued >= this.#options.queueOperationsMax || this.#queueBytes + bytes > this.#options.queueBytesMax;
    // A later operation must not overtake a refused one whose submitter does not know of the refusal yet.
    if (isFull || !this.#refusals.isEmpty) {
      this.#refusals.add(operation, RefusalReason.Busy);
      return;
    }
    this.#queueBytes += bytes;
    this.#queue.push(operation);
    if (this.#wake !== undefined && this.#isWorthACommit()) this.#wakeUp();
    this.#start();
  }

  /** Writes small state again; resolves with whether it is written. */
  rewrite(rewrite: Rewrite): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#loopState >= LoopState.Closed) return resolve(false);
      this.#rewrites.push({ rewrite, done: resolve });
      this.#start();
    });
  }

  /** Commits what was submitted, then takes nothing more. */
  async drain(): Promise<void> {
    while (this.#loopState === LoopState.Committing) await this.#running;
    if (this.#loopState === LoopState.Idle) this.#loopState = LoopState.Closed;
  }

  fail(error: Error): void {
    if (this.#loopState === LoopState.Failed) return;
    this.#loopState = LoopState.Failed;
    for (const { done } of this.#rewrites.splice(0)) done(false);
    for (const { waiting } of this.#unsynced) for (const done of waiting) done(false);
    this.#sink.failed(error);
    this.#wakeUp();
  }

  #start(): void {
    if (this.#loopState !== LoopState.Idle) return;
    this.#loopState = LoopState.Committing;
    this.#running = new Promise((resolve) => {
      this.#options.clock.defer(() => {
        void this.#guard(this.#run()).then(resolve);
      });
    });
  }

  async #run(): Promise<void> {
    while (this.#loopState === LoopState.Committing) {
      if (this.#isWorthACommit()) await this.#commit();
      else if (this.#isSyncing || this.#interval.isOpen) await this.#sleep();
      else if (this.#unsynced.length > 0) this.#sync();
      else {
        this.#loopState = LoopState.Idle;
        return;
      }
    }
  }

  /** Whether to decide another commit now. A full segment is left only when everything in it is reported. */
  #isWorthACommit(): boolean {
    const waiting = this.#queue.length - this.#taken;
    const unsynced = this.#unsynced.length;
    if (unsynced >= UNSYNCED_COMMITS_MAX || (unsynced > 0 && this.#log.isSegmentFull)) return false;
    if (this.#interval.isOpen) return waiting >= this.#interval.enough;
    if (this.#isSyncing) return waiting >= EARLY_OPERATIONS;
    return waiting > 0 || this.#rewrites.length > 0;
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async #commit(): Promise<void> {
    const { durability, clock } = this.#options;
    const hasRoom = await this.#log.makeRoom();
    if (this.#reserve.isShort) this.#refuseQueue();
    const changes = this.#fill(clock.wallMs());
    const isEmpty = this.#builder.entries === 0;
    if (!hasRoom && !isEmpty) return this.#refuse(changes);
    changes.end = this.#log.position;
    this.#interval.begin(changes.operations.length);
    if (!isEmpty) {
      this.#state.marks.note(clock.wallMs(), this.#log.position);
      const record = this.#builder.finish();
      changes.end += record.length;
      const isEarly = durability === Durability.Memory;
      if (isEarly) this.#report(changes);
      if (!(await this.#log.write(record))) {
        if (isEarly) throw new Error('no space left for operations that were already reported at level memory');
        this.#builder.retract(record);
        return this.#refuse(changes);
      }
      if (isEarly) return;
    }
    this.#unsynced.push(changes);
    if (durability !== Durability.Disk) this.#reportWritten();
    else if (!this.#isSyncing) this.#sync();
  }

  /** Syncs what is written, reports it, and wakes the loop for what came meanwhile. */
  #sync(): void {
    this.#isSyncing = true;
    const synced = this.#log.sync().finally(() => {
      this.#isSyncing = false;
    });
    void this.#guard(synced.then(() => this.#reportWritten())).then(() => this.#wakeUp());
  }

  /** Waits for `work`; its failure is the store's. */
  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Reports what is committed at the store's level, in order, unless something failed meanwhile. */
  #reportWritten(): void {
    while (this.#loopState === LoopState.Committing) {
      const oldest = this.#unsynced[0];
      if (oldest === undefined || oldest.end > this.#log.committedMark) return;
      this.#unsynced.shift();
      this.#report(oldest);
    }
  }

  /** Decides as many operations as the record may hold. */
  #fill(wallMs: number): BatchChanges {
    const { commitBytesMax } = this.#options;
    const queue = this.#queue;
    const builder = this.#builder;
    const batch = this.#batch;
    this.#log.begin(builder);
    const changes = batch.begin(wallMs);
    let taken = this.#taken;
    // Space that was set free for retention is not for operations.
    const last = this.#reserve.isShort ? taken : Math.min(queue.length, taken + COMMIT_OPERATIONS_MAX);
    const first = taken;
    batch.prepare(queue, first, last);
    while (taken < last && builder.length < commitBytesMax) {
      const operation = queue[taken]!;
      batch.take(operation, taken++ - first);
      this.#queueBytes -= payloadBytes(operation);
      changes.operations.push(operation);
    }
    if (taken === queue.length) {
      queue.length = 0;
      taken = 0;
    } else if (taken * 2 > queue.length) {
      this.#queue = queue.slice(taken);
      taken = 0;
    }
    this.#taken = taken;
    const operationBytes = builder.length;
    this.operationBytes += operationBytes;
    const rewrite = this.#rewrites.shift();
    if (rewrite === undefined) return changes;
    batch.takeRewrite(rewrite.rewrite);
    changes.waiting.push(rewrite.done);
    this.rewriteBytes += builder.length - operationBytes;
    return changes;
  }

  #report(changes: BatchChanges): void {
    this.#batch.publish(changes);
    if (changes.operations.length > 0) this.#sink.committed(changes.operations as Committed<Operation>[]);
    this.#settle(changes, true);
  }

  #refuse(changes: BatchChanges): void {
    this.#batch.undo(changes);
    for (const operation of changes.operations) this.#sink.refused(operation, RefusalReason.Unavailable);
    this.#settle(changes, false);
    this.onNoSpace();
  }

  #settle(changes: BatchChanges, written: boolean): void {
    for (const done of changes.waiting) done(written);
    this.#batch.release(changes);
  }

  #refuseQueue(): void {
    for (const operation of this.#queue.splice(this.#taken)) this.#refusals.add(operation, RefusalReason.Unavailable);
    this.#queueBytes = 0;
  }
}
