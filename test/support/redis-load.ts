/** Appends under load to a Redis store, and what of them is in the timelines afterwards. */
import { delay, SystemClock } from '../../src/clock/clock.ts';
import type { Epoch, PartitionNumber, Seq, Uid } from '../../src/model/ids.ts';
import type { OwnershipEvents } from '../../src/store/redis/ownership.ts';
import {
  type AppendOperation,
  AppendStatus,
  type CommitSink,
  type Operation,
  OperationType,
  type Store,
} from '../../src/store/store.ts';
import { APP, append } from './store-driver.ts';

const clock = new SystemClock();
const WAIT_MS_MAX = 20_000;

export class RedisLoad implements CommitSink, OwnershipEvents {
  store: Store | undefined;
  readonly users: number;
  readonly committedAppends: AppendOperation[] = [];
  readonly refusals: Operation[] = [];
  readonly unknown: Operation[] = [];
  readonly epochs: { partition: PartitionNumber; epoch: Epoch; operations: number }[] = [];
  readonly lostPartitions: PartitionNumber[] = [];
  failure: Error | undefined;
  #submitted = 0;

  constructor(users = 20) {
    this.users = users;
  }

  get submitted(): number {
    return this.#submitted;
  }

  get answered(): number {
    return this.committedAppends.length + this.refusals.length + this.unknown.length;
  }

  committed(batch: readonly Operation[]): void {
    for (const operation of batch) if (operation.type === OperationType.Append) this.committedAppends.push(operation);
  }

  refused(operation: Operation): void {
    this.refusals.push(operation);
  }

  failed(error: Error): void {
    this.failure = error;
  }

  acquired(): void {}

  leaving(): void {}

  lost(partition: PartitionNumber, unknown: readonly Operation[]): void {
    this.lostPartitions.push(partition);
    this.unknown.push(...unknown);
  }

  epochChanged(partition: PartitionNumber, epoch: Epoch, lost: { operations: number }): void {
    this.epochs.push({ partition, epoch, ...lost });
  }

  copyElsewhere(): boolean {
    return false;
  }

  /** `count` appends to the users in turn, without waiting. Each user's are numbered in submit order. */
  submit(count: number, fields: { copy?: boolean; from?: string } = {}): void {
    for (let i = 0; i < count; i++) {
      const number = this.#submitted++;
      this.store!.submit(append({ to: this.user(number), id: `m${number}`, ...fields }));
    }
  }

  user(number: number): string {
    return `user-${number % this.users}`;
  }

  /** Keeps appending for `ms`, a few at a time. */
  async run(ms: number): Promise<void> {
    const endMs = clock.monotonicMs() + ms;
    while (clock.monotonicMs() < endMs) {
      this.submit(50);
      await delay(clock, 2);
    }
  }

  async settle(): Promise<void> {
    await until(() => this.failure !== undefined || this.answered >= this.#submitted, 'every append is answered');
    if (this.failure !== undefined) throw this.failure;
  }

  async timeline(uid: string): Promise<{ seq: Seq; clientMsgId: string; messageId: number }[]> {
    const all: { seq: Seq; clientMsgId: string; messageId: number }[] = [];
    for (;;) {
      const after = all.at(-1)?.seq ?? (0 as Seq);
      const page = await this.store!.readTimeline(APP, uid as Uid, after, 500, 1_000_000);
      if (page.messages.length === 0) return all;
      all.push(...page.messages);
    }
  }

  /** What is wrong with the timelines: acknowledged and missing, there twice, out of submit order, seqs with gaps. */
  async findings(isPromised: (operation: AppendOperation) => boolean = () => true): Promise<string[]> {
    const findings: string[] = [];
    const stored = this.committedAppends.filter((o) => o.status === AppendStatus.Stored && isPromised(o));
    for (let number = 0; number < this.users; number++) {
      const uid = this.user(number);
      const rows = await this.timeline(uid);
      const ids = rows.map((row) => row.clientMsgId);
      const known = new Set(ids);
      if (known.size !== ids.length) findings.push(`${uid}: ${ids.length - known.size} twice`);
      if (rows.some((row, place) => row.seq !== rows[0]!.seq + place)) findings.push(`${uid}: a gap`);
      const order = ids.map((id) => Number(id.slice(1)));
      if (order.some((n, place) => place > 0 && n < order[place - 1]!)) findings.push(`${uid}: out of order`);
      const missing = stored.filter((operation) => operation.target === uid && !known.has(operation.clientMsgId));
      if (missing.length > 0) findings.push(`${uid}: ${missing.length} acknowledged and gone`);
    }
    return findings;
  }
}

/** Polls; a question that fails is asked again. */
export async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = clock.monotonicMs() + WAIT_MS_MAX;
  while (!(await Promise.resolve(isTrue()).catch(() => false))) {
    if (clock.monotonicMs() > endMs) throw new Error(`in vain: ${what}`);
    await delay(clock, 5);
  }
}
