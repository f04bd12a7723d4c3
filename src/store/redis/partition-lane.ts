/**
 * Everything that is written to one partition, in order: one call is outstanding, what arrives meanwhile goes into the
 * next one.
 *
 *   submit ─► queue ─► EncodedBatch ─► APPLY ─► answers ─► ReportQueue ─► sink.committed
 *                          ▲              │ time-out, lost connection: the same batch again, until it is known
 *                          └──────────────┘ fenced: the partition is lost · behind, missing: a new epoch, then again
 *
 * Later batches wait behind one that is not known yet, and nothing of it is reported as refused.
 */
import { type Clock, delay } from '../../clock/clock.ts';
import type { AppId, Epoch, MessageId, PartitionNumber, Seq, Uid } from '../../model/ids.ts';
import { MessageIdSequence } from '../../model/message-id.ts';
import { type Operation, OperationType, RefusalReason } from '../store.ts';
import { FenceStatus } from './apply-script.ts';
import { type BatchFindings, type PendingCopy, takeAnswers } from './batch-answers.ts';
import { EncodedBatch, type EncoderOptions } from './batch-encoder.ts';
import type { CallWave, WaveMember } from './call-wave.ts';
import { CallOutcome, RedisCallError, type RedisReply } from './client.ts';
import type { StoreCounters } from './counters.ts';
import type { PartitionKeys } from './keys.ts';
import { type CopyItem, type CopyRoute, InternalType, isOperation, type LaneItem, type Tenure } from './lane-item.ts';
import type { LossLedger } from './loss-ledger.ts';
import { type Report, ReportQueue } from './report-queue.ts';
import { SenderCopies } from './sender-copies.ts';
import type { SharedCalls } from './shared-calls.ts';

export interface LaneOptions extends EncoderOptions {
  readonly clock: Clock;
  readonly counters: StoreCounters;
  readonly wave: CallWave;
  readonly calls: SharedCalls;
  readonly batchOperationsMax: number;
  readonly batchBytesMax: number;
  readonly copyWaitMs: number;
  /** Wait for replicas after each call. */
  readonly confirm: boolean;
}

export interface LaneHost {
  committed(operations: readonly Operation[]): void;
  refused(operations: readonly Operation[], reason: RefusalReason): void;
  /** Another owner has the partition; the outcome of these operations is not known. */
  lost(lane: PartitionLane, unknown: readonly Operation[]): void;
  /** The fence lost batches after `found`: starts a new epoch, false when the partition is lost. Rejects with RedisCallError. */
  raiseEpoch(lane: PartitionLane, found: number): Promise<boolean>;
  /** Brings the partition's lane, if it is here and idle, into the wave that is beginning. */
  accompany(partition: PartitionNumber): void;
  /** A timeline of another partition holds `length` messages now. */
  grew(app: AppId, uid: Uid, length: number): void;
  /** Gives the copy to its partition. */
  copy(item: CopyItem): CopyRoute;
  failed(error: Error): void;
}

const LaneState = { Open: 0, Ended: 1 } as const;
type LaneState = (typeof LaneState)[keyof typeof LaneState];

const RETRY_MS_MIN = 5;
const RETRY_MS_MAX = 100;
/** Beyond the app's number of messages by so many, a timeline is trimmed. */
const TRIM_SLACK = 64;

export class PartitionLane implements BatchFindings, WaveMember {
  readonly tenure: Tenure;
  readonly keys: PartitionKeys;
  readonly ledger: LossLedger;
  readonly #options: LaneOptions;
  readonly #host: LaneHost;
  readonly #ids: MessageIdSequence;
  readonly #reports: ReportQueue;
  #state: LaneState = LaneState.Open;
  #queue: LaneItem[] = [];
  #current: EncodedBatch | undefined;
  #report: Report | undefined;
  readonly #copies: SenderCopies;
  #isRunning = false;
  readonly #toTrim = new Set<string>();
  #settled: (() => void)[] = [];

  constructor(tenure: Tenure, keys: PartitionKeys, options: LaneOptions, host: LaneHost, ledger: LossLedger) {
    this.tenure = tenure;
    this.ledger = ledger;
    this.keys = keys;
    this.#options = options;
    this.#host = host;
    this.#ids = new MessageIdSequence(tenure.partition);
    this.#ids.skipPast(tenure.lastMessageId);
    this.#copies = new SenderCopies(options.clock, host, () => this.#start());
    this.#reports = new ReportQueue(options.clock, options.copyWaitMs, (operations) => host.committed(operations));
  }

  get isOpen(): boolean {
    return this.#state === LaneState.Open;
  }

  get isIdle(): boolean {
    return !this.#isRunning && this.#copies.isIdle && this.#reports.isEmpty;
  }

  push(item: LaneItem): void {
    this.#queue.push(item);
    this.#start();
  }

  /** Resolves when the answer of batch `number` has been taken. */
  async whenSettled(number: number): Promise<void> {
    while (this.isOpen && this.tenure.batch < number) {
      await new Promise<void>((resolve) => {
        this.#settled.push(resolve);
      });
    }
  }

  /** Resolves when the fence has been looked at, and a loss has led to a new epoch. */
  verify(): Promise<void> {
    return new Promise((done) => {
      if (this.isOpen) this.push({ type: InternalType.Verify, done });
      else done();
    });
  }

  /** Takes nothing more and reports what is known; what is not known is answered. */
  end(): Operation[] {
    if (!this.isOpen) return [];
    this.#state = LaneState.Ended;
    const open = [...(this.#current?.items ?? []), ...this.#queue];
    this.#current = undefined;
    this.#queue = [];
    this.#reports.close();
    for (const item of open) {
      if (item.type === InternalType.Copy) item.placed(0 as Seq, 0 as Epoch, false);
      else if (item.type === InternalType.Bury) item.buried(false);
      else if (item.type === InternalType.Expire || item.type === InternalType.Verify) item.done();
    }
    this.#wake();
    return open.filter(isOperation);
  }

  copyPending(copy: PendingCopy): void {
    this.#copies.make(copy, this.#report!, this.#reports);
  }

  /** Makes a copy that an earlier owner, or an earlier life of this one, left behind. */
  finishCopy(app: AppId, uid: Uid, messageId: MessageId, record: Buffer): void {
    this.#copies.finish(app, uid, messageId, record);
  }

  /** Whether a noted copy has to be made again; asked, it forgets. */
  takeLeftCopies(): boolean {
    return this.#copies.takeLeft();
  }

  grewElsewhere(app: AppId, uid: Uid, length: number): void {
    this.#host.grew(app, uid, length);
  }

  grew(app: AppId, uid: Uid, length: number): void {
    const { countMax } = this.#options.retention(app);
    if (length <= countMax + TRIM_SLACK) return;
    const name = `${app}/${uid}`;
    if (this.#toTrim.has(name)) return;
    this.#toTrim.add(name);
    this.push({ type: InternalType.Trim, app, uid });
  }

  /** Goes with the wave that is beginning: another partition's batch writes here. Not while a call of its own is out. */
  accompany(): void {
    if (this.#isRunning || !this.isOpen) return;
    this.#isRunning = true;
    this.#options.wave.accompany(this);
  }

  takeTurn(wave: CallWave): number {
    if (!this.isOpen) {
      wave.leave();
      return 0;
    }
    const batch = this.#take();
    this.#current = batch;
    this.#commit(batch, wave).then(this.#next, (error: unknown) => this.#host.failed(error as Error));
    return batch.items.length;
  }

  readonly #next = (): void => {
    this.#current = undefined;
    this.#isRunning = false;
    if (this.#queue.length + this.#copies.made.length > 0) this.#start();
  };

  #start(): void {
    if (this.#isRunning || !this.isOpen) return;
    this.#isRunning = true;
    this.#options.wave.join(this);
  }

  #take(): EncodedBatch {
    const { batchOperationsMax, batchBytesMax, clock } = this.#options;
    const queue = this.#queue;
    let bytes = 0;
    let count = 0;
    while (count < queue.length && count < batchOperationsMax && bytes < batchBytesMax) {
      const item = queue[count++]!;
      if (item.type === OperationType.Append) bytes += item.payload.length;
      else if (item.type === InternalType.Trim) this.#toTrim.delete(`${item.app}/${item.uid}`);
    }
    const items = count === queue.length ? queue : queue.slice(0, count);
    this.#queue = count === queue.length ? [] : queue.slice(count);
    const copiesMade = this.#copies.made.splice(0, batchOperationsMax);
    const { keys, tenure } = this;
    const context = { options: this.#options, keys, tenure, ids: this.#ids, nowMs: clock.wallMs(), host: this.#host };
    return new EncodedBatch(items, copiesMade, context);
  }

  /** Calls until the outcome is known; the wave waits for the first call only. */
  async #commit(batch: EncodedBatch, wave: CallWave): Promise<void> {
    const { clock, counters } = this.#options;
    let mayBeWritten = false;
    let pauseMs = RETRY_MS_MIN;
    let waiting: CallWave | undefined = wave;
    while (this.isOpen) {
      try {
        const call = this.#call(batch, waiting);
        waiting = undefined;
        if (await call) return;
      } catch (error) {
        const outcome = error instanceof RedisCallError ? error.outcome : CallOutcome.Fatal;
        if (outcome === CallOutcome.Fatal) throw error;
        if (outcome === CallOutcome.Refused && !mayBeWritten) return this.#refuse(batch);
        if (outcome === CallOutcome.Unknown) mayBeWritten = true;
        batch.isRepeated = true;
        counters.retries++;
        await delay(clock, pauseMs);
        pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX);
      }
    }
  }

  /** True when the batch is done with. */
  async #call(batch: EncodedBatch, wave: CallWave | undefined): Promise<boolean> {
    const { calls, counters } = this.#options;
    const { reply, replicas } = await calls.run(batch).finally(() => wave?.leave());
    if (!this.isOpen) {
      batch.cache.clear();
      return true;
    }
    const answers = reply as RedisReply[];
    switch (answers[0]) {
      case FenceStatus.Ok:
        counters.batches++;
        this.#settle(batch, answers, replicas);
        return true;
      case FenceStatus.Fenced:
        this.#host.lost(this, this.end());
        return true;
      default: {
        const found = answers[0] === FenceStatus.Behind ? (answers[1] as number) : 0;
        return !(await this.#host.raiseEpoch(this, found));
      }
    }
  }

  #settle(batch: EncodedBatch, answers: readonly RedisReply[], replicas: number): void {
    const { counters, confirm } = this.#options;
    const operations = batch.items.filter(isOperation);
    this.tenure.batch++;
    this.ledger.note(this.tenure.batch, operations.length);
    counters.operations += operations.length;
    if (confirm) counters.noteReplicas(replicas);
    this.#report = this.#reports.add(operations);
    // Copies of an ended lane may have come with a call that nobody heard the end of.
    if (batch.isRepeated) batch.cache.of(batch.partition)?.clear();
    takeAnswers(batch, answers, this);
    for (const operation of operations) {
      if (operation.type !== OperationType.Append) continue;
      counters.sends++;
      operation.replicas = replicas;
    }
    this.#reports.flush();
    this.#wake();
  }

  /** Refuses the batch and what waits behind it: nothing may overtake a refused operation. */
  async #refuse(batch: EncodedBatch): Promise<void> {
    const items = [...batch.items, ...this.#queue];
    this.#queue = items.filter((item) => !isOperation(item));
    this.#copies.made.unshift(...batch.copiesMade);
    this.#host.refused(items.filter(isOperation), RefusalReason.Unavailable);
    await delay(this.#options.clock, RETRY_MS_MAX);
  }

  #wake(): void {
    for (const resolve of this.#settled.splice(0)) resolve();
  }
}
