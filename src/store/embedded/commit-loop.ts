/**
 * Group commit: everything that arrives while the last commit is being written goes into the next one.
 *
 *   submit ─► queue ─► CommitBatch ─► one record ─► write ─► fdatasync ─► publish ─► sink.committed(batch)
 *             └─────────────── one commit under way at a time ───────────────┘
 *
 * Two promises per commit, none per operation.
 */
import type { Clock } from '../../clock/clock.ts';
import { Durability } from '../../model/durability.ts';
import { type CommitSink, type Committed, type Operation, OperationType, RefusalReason } from '../store.ts';
import type { CommitBatch, Rewrite } from './commit-batch.ts';
import type { EngineState } from './engine-state.ts';
import type { LogWriter } from './log-writer.ts';
import type { RecordBuilder } from './record-builder.ts';

const LoopState = { Idle: 0, Committing: 1, Closed: 2, Failed: 3 } as const;
type LoopState = (typeof LoopState)[keyof typeof LoopState];

export interface CommitLoopOptions {
  clock: Clock;
  durability: Durability;
  /** A commit takes no further operation once its record is so long. */
  commitBytesMax: number;
  queueOperationsMax: number;
  queueBytesMax: number;
}

interface PendingRewrite {
  rewrite: Rewrite;
  done(written: boolean): void;
}

export class CommitLoop {
  readonly #options: CommitLoopOptions;
  readonly #state: EngineState;
  readonly #batch: CommitBatch;
  readonly #builder: RecordBuilder;
  readonly #log: LogWriter;
  readonly #sink: CommitSink;
  #queue: Operation[] = [];
  /** Operations before this place of the queue were taken. */
  #taken = 0;
  #queueBytes = 0;
  readonly #rewrites: PendingRewrite[] = [];
  readonly #committing: Operation[] = [];
  readonly #refusals: { operation: Operation; reason: RefusalReason }[] = [];
  /** Bytes that operations and rewrites put into records since the start. */
  operationBytes = 0;
  rewriteBytes = 0;
  #loopState: LoopState = LoopState.Idle;
  #running: Promise<void> = Promise.resolve();

  constructor(
    options: CommitLoopOptions,
    parts: { state: EngineState; batch: CommitBatch; builder: RecordBuilder; log: LogWriter; sink: CommitSink },
  ) {
    this.#options = options;
    this.#state = parts.state;
    this.#batch = parts.batch;
    this.#builder = parts.builder;
    this.#log = parts.log;
    this.#sink = parts.sink;
  }

  get hasFailed(): boolean {
    return this.#loopState === LoopState.Failed;
  }

  submit(operation: Operation): void {
    if (this.#loopState >= LoopState.Closed) {
      this.#refuseLater(operation, RefusalReason.Unavailable);
      return;
    }
    const bytes = operation.type === OperationType.Append ? operation.payload.length : 0;
    const queued = this.#queue.length - this.#taken;
    const isFull = queued >= this.#options.queueOperationsMax || this.#queueBytes + bytes > this.#options.queueBytesMax;
    // A later operation must not overtake a refused one whose submitter does not know of the refusal yet.
    if (isFull || this.#refusals.length > 0) {
      this.#refuseLater(operation, RefusalReason.Busy);
      return;
    }
    this.#queueBytes += bytes;
    this.#queue.push(operation);
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
    this.#sink.failed(error);
  }

  #start(): void {
    if (this.#loopState !== LoopState.Idle) return;
    this.#loopState = LoopState.Committing;
    this.#running = new Promise((resolve) => {
      this.#options.clock.defer(() => {
        this.#run()
          .catch((error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))))
          .then(resolve);
      });
    });
  }

  async #run(): Promise<void> {
    while (this.#loopState === LoopState.Committing) {
      if (this.#taken === this.#queue.length && this.#rewrites.length === 0) {
        this.#loopState = LoopState.Idle;
        return;
      }
      await this.#commit();
    }
  }

  async #commit(): Promise<void> {
    const { durability, clock } = this.#options;
    const hasRoom = await this.#log.makeRoom();
    const rewrites = this.#fill(clock.wallMs());
    const isEmpty = this.#builder.entries === 0;
    if (!hasRoom && !isEmpty) return this.#refuseBatch(rewrites);
    if (isEmpty) return this.#report(rewrites);
    this.#state.marks.note(clock.wallMs(), this.#log.position);
    const record = this.#builder.finish();
    const isEarly = durability === Durability.Memory;
    if (isEarly) this.#report(rewrites);
    if (!(await this.#log.write(record))) {
      if (isEarly) throw new Error('no space left for operations that were already reported at level memory');
      this.#builder.retract(record);
      return this.#refuseBatch(rewrites);
    }
    // Something else may have failed while this was written: then nothing more is acknowledged.
    if (!isEarly && this.#loopState === LoopState.Committing) this.#report(rewrites);
  }

  /** Decides as many operations as the record may hold. */
  #fill(wallMs: number): PendingRewrite[] {
    const { commitBytesMax } = this.#options;
    const queue = this.#queue;
    const builder = this.#builder;
    const batch = this.#batch;
    this.#log.begin(builder);
    batch.begin(wallMs);
    let taken = this.#taken;
    while (taken < queue.length && builder.length < commitBytesMax) {
      const operation = queue[taken++]!;
      batch.take(operation);
      if (operation.type === OperationType.Append) this.#queueBytes -= operation.payload.length;
      this.#committing.push(operation);
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
    if (rewrite === undefined) return [];
    batch.takeRewrite(rewrite.rewrite);
    this.rewriteBytes += builder.length - operationBytes;
    return [rewrite];
  }

  #report(rewrites: readonly PendingRewrite[]): void {
    this.#batch.publish();
    if (this.#committing.length > 0) this.#sink.committed(this.#committing as Committed<Operation>[]);
    this.#committing.length = 0;
    for (const { done } of rewrites) done(true);
  }

  /** Refuses the batch, and what is queued behind it: nothing may overtake a refused operation. */
  #refuseBatch(rewrites: readonly PendingRewrite[]): void {
    this.#batch.undo();
    const refused = this.#committing.splice(0).concat(this.#queue.slice(this.#taken));
    this.#queue.length = 0;
    this.#taken = 0;
    this.#queueBytes = 0;
    for (const operation of refused) this.#sink.refused(operation, RefusalReason.Unavailable);
    for (const { done } of rewrites) done(false);
  }

  #refuseLater(operation: Operation, reason: RefusalReason): void {
    this.#refusals.push({ operation, reason });
    if (this.#refusals.length > 1) return;
    this.#options.clock.defer(() => {
      for (const refusal of this.#refusals.splice(0)) this.#sink.refused(refusal.operation, refusal.reason);
    });
  }
}
