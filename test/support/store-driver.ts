/** Short ways to talk to a store in tests: build operations, submit them, wait for what comes of them. */
import type {
  AppId,
  ClientMsgId,
  DeviceId,
  DeviceType,
  Epoch,
  Generation,
  MessageId,
  Seq,
  Uid,
} from '../../src/model/ids.ts';
import {
  type AppendOperation,
  AppendStatus,
  type CommitSink,
  type Committed,
  type CursorOperation,
  LoginIntent,
  type LoginOperation,
  LoginStatus,
  MessageKind,
  NewDeviceStart,
  type Operation,
  OperationType,
  type RefusalReason,
  type RevokeOperation,
  SessionPolicy,
  type Store,
  type StoredMessage,
  type TimelinePage,
} from '../../src/store/store.ts';
import type { ManualClock } from './manual-clock.ts';

/** After the epoch of message ids. */
export const WALL_START_MS = 1_790_000_000_000;
export const APP: AppId = 'demo' as AppId;
const STEPS_MAX = 20_000;

export function append(fields: {
  to: string;
  from?: string;
  id: string;
  text?: string;
  app?: string;
  copy?: boolean;
}): AppendOperation {
  return {
    type: OperationType.Append,
    app: (fields.app ?? APP) as AppId,
    target: fields.to as Uid,
    sender: (fields.from ?? 'alice') as Uid,
    senderDevice: 'phone-1' as DeviceId,
    kind: MessageKind.ClientToClient,
    clientMsgId: fields.id as ClientMsgId,
    payload: Buffer.from(fields.text ?? `text of ${fields.id}`),
    copyToSender: fields.copy ?? false,
    context: undefined,
    status: AppendStatus.Stored,
    messageId: 0 as MessageId,
    timeMs: 0,
    seq: 0 as Seq,
    epoch: 0 as Epoch,
    senderSeq: 0 as Seq,
    senderEpoch: 0 as Epoch,
  };
}

export function login(
  fields: Partial<Omit<LoginOperation, 'type'>> & { device: string; user?: string },
): LoginOperation {
  return {
    app: APP,
    uid: (fields.user ?? 'bob') as Uid,
    deviceType: 'phone' as DeviceType,
    deviceId: fields.device as DeviceId,
    intent: LoginIntent.Fresh,
    lastGeneration: 0 as Generation,
    issuedAtMs: WALL_START_MS,
    ticket: undefined,
    nextTicket: undefined,
    ticketLifetimeMs: 86_400_000,
    sessionExpiresAtS: 0,
    policy: SessionPolicy.OnePerType,
    newDeviceStart: NewDeviceStart.Floor,
    context: undefined,
    status: LoginStatus.Current,
    generation: 0 as Generation,
    displaced: [],
    epoch: 0 as Epoch,
    head: 0 as Seq,
    floor: 0 as Seq,
    cursor: 0 as Seq,
    ...fields,
    type: OperationType.Login,
  };
}

export function cursor(user: string, device: string, seq: number, epoch: number = 1): CursorOperation {
  return {
    type: OperationType.Cursor,
    app: APP,
    uid: user as Uid,
    deviceId: device as DeviceId,
    epoch: epoch as Epoch,
    seq: seq as Seq,
    context: undefined,
  };
}

export function revoke(user: string, revokeBeforeMs: number): RevokeOperation {
  return {
    type: OperationType.Revoke,
    app: APP,
    uid: user as Uid,
    revokeBeforeMs,
    context: undefined,
    displaced: [],
  };
}

export class StoreDriver implements CommitSink {
  readonly store: Store;
  readonly clock: ManualClock;
  /** In the order in which the store reported them. */
  readonly reported: Operation[] = [];
  readonly refusals: { operation: Operation; reason: RefusalReason }[] = [];
  failure: Error | undefined;
  commits = 0;
  onCommitted: ((batch: readonly Operation[]) => void) | undefined;

  constructor(store: Store, clock: ManualClock) {
    this.store = store;
    this.clock = clock;
  }

  committed(batch: readonly Committed<Operation>[]): void {
    this.commits += 1;
    this.reported.push(...batch);
    this.onCommitted?.(batch);
  }

  refused(operation: Operation, reason: RefusalReason): void {
    this.refusals.push({ operation, reason });
  }

  failed(error: Error): void {
    this.failure = error;
  }

  /** Lets time pass until `promise` settles. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const watch = promise.then(
      () => {
        isSettled = true;
      },
      () => {
        isSettled = true;
      },
    );
    for (let step = 0; !isSettled; step++) {
      if (step > STEPS_MAX) throw new Error('nothing happens any more');
      await this.clock.advanceAsync(1);
    }
    await watch;
    return promise;
  }

  /** Submits and waits until each is reported or refused, or the store failed. */
  async run<T extends Operation[]>(...operations: T): Promise<T> {
    const answered = () => this.reported.length + this.refusals.length;
    const expected = answered() + operations.length;
    for (const operation of operations) this.store.submit(operation);
    for (let step = 0; answered() < expected && this.failure === undefined; step++) {
      if (step > STEPS_MAX) throw new Error('nothing happens any more');
      await this.clock.advanceAsync(1);
    }
    return operations;
  }

  async runOne<T extends Operation>(operation: T): Promise<T> {
    await this.run(operation);
    return operation;
  }

  async open(): Promise<this> {
    await this.finish(this.store.open(this));
    return this;
  }

  close(): Promise<void> {
    return this.finish(this.store.close());
  }

  page(uid: string, after = 0, limit = 100, bytesMax = 1_000_000, app: AppId = APP): Promise<TimelinePage> {
    return this.finish(this.store.readTimeline(app, uid as Uid, after as Seq, limit, bytesMax));
  }

  /** The whole timeline, page by page. */
  async timeline(uid: string): Promise<StoredMessage[]> {
    const all: StoredMessage[] = [];
    for (;;) {
      const page = await this.page(uid, all.at(-1)?.seq ?? 0, 500);
      if (page.messages.length === 0) return all;
      all.push(...page.messages);
    }
  }
}

export function textOf(message: StoredMessage | undefined): string {
  return message === undefined ? '' : Buffer.from(message.payload).toString('utf8');
}
