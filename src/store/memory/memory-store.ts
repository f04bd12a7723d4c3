/**
 * The store as a model: maps and arrays, one commit per `commitDelayMs`, everything decided at the commit. For the
 * simulator and for fast tests; it passes the same contract suite as the real engines and shares their rules.
 *
 * What it holds lives in a `MemoryStoreData` that outlives the store object: `crash` (or `close`) and a new store on the
 * same data are a restart in which every commit survived.
 */
import type { Clock } from '../../clock/clock.ts';
import type { Durability } from '../../model/durability.ts';
import type { AppId, Epoch, Seq, Uid } from '../../model/ids.ts';
import { messageIdTimeMs } from '../../model/message-id.ts';
import { partitionOf } from '../../model/partition.ts';
import { bodyFingerprint, CLOCK_ERROR_MS_MAX, DEDUPE_WINDOW_MS_DEFAULT, repeatStatus } from '../dedupe-rules.ts';
import {
  applyLogin,
  applyReauthenticate,
  applyRevoke,
  copySessionState,
  currentSessions,
  cursorMoves,
  emptySessionState,
} from '../session-rules.ts';
import {
  type AppendOperation,
  AppendStatus,
  type CommitSink,
  type Committed,
  type CursorOperation,
  type LoginOperation,
  LoginStatus,
  type Operation,
  OperationType,
  type ReauthenticateOperation,
  ReauthenticateStatus,
  RefusalReason,
  type RetentionPolicy,
  type RevokeOperation,
  type Store,
  type StoredMessage,
  type StoreInfo,
  StoreOpenError,
  type TimelinePage,
  type TimelineState,
  type UserState,
} from '../store.ts';
import type { MemoryStoreData, UserData } from './memory-store-data.ts';

export interface MemoryStoreOptions {
  clock: Clock;
  data: MemoryStoreData;
  durability: Durability;
  retention: (app: AppId) => RetentionPolicy;
  commitDelayMs?: number;
  dedupeWindowMs?: number;
  queueOperationsMax?: number;
}

const DEFAULTS = { commitDelayMs: 1, dedupeWindowMs: DEDUPE_WINDOW_MS_DEFAULT, queueOperationsMax: 65_536 };

export class MemoryStore implements Store {
  readonly #options: MemoryStoreOptions & typeof DEFAULTS;
  readonly #data: MemoryStoreData;
  #sink: CommitSink | undefined;
  #queue: Operation[] = [];
  #isCommitting = false;
  #isClosing = false;
  #drained: (() => void) | undefined;

  #refusalsUnderWay = 0;

  constructor(options: MemoryStoreOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#data = options.data;
  }

  async open(sink: CommitSink): Promise<StoreInfo> {
    if (this.#data.isOpen) throw new StoreOpenError('the store is open already');
    this.#data.isOpen = true;
    this.#sink = sink;
    return { storeId: 'memory', partitions: this.#data.partitions, durability: this.#options.durability };
  }

  submit(operation: Operation): void {
    if (this.#isClosing) this.#refuse(operation, RefusalReason.Unavailable);
    else if (this.#queue.length >= this.#options.queueOperationsMax || this.#refusalsUnderWay > 0) {
      // Nothing may overtake a refused operation whose submitter does not know of the refusal yet.
      this.#refuse(operation, RefusalReason.Busy);
    } else {
      this.#queue.push(operation);
      this.#commitLater();
    }
  }

  async readTimeline(app: AppId, uid: Uid, after: Seq, limit: number, bytesMax: number): Promise<TimelinePage> {
    const user = this.#find(app, uid);
    const state = this.#timeline(app, uid);
    const messages: StoredMessage[] = [];
    if (user === undefined) return { ...state, messages };
    const first = Math.max(after + 1, state.floor);
    let bytes = 0;
    for (let seq = first; seq <= Math.min(state.head, first + limit - 1); seq++) {
      const message = user.messages.get(seq)!;
      bytes += message.payload.length;
      if (messages.length > 0 && bytes > bytesMax) break;
      messages.push({ ...message });
    }
    return { ...state, messages };
  }

  async readUser(app: AppId, uid: Uid): Promise<UserState> {
    const sessions = this.#find(app, uid)?.sessions ?? emptySessionState();
    return { ...this.#timeline(app, uid), ...currentSessions(sessions) };
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#isCommitting) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#data.isOpen = false;
  }

  /** The process dies: what was submitted and not reported never happened. */
  crash(): void {
    this.#isClosing = true;
    this.#queue = [];
    this.#sink = undefined;
    this.#data.isOpen = false;
  }

  /** The store reports that it failed, and takes nothing more. */
  fail(error: Error): void {
    const sink = this.#sink;
    this.crash();
    sink?.failed(error);
  }

  #commitLater(): void {
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    this.#options.clock.setTimer(() => this.#commit(), this.#options.commitDelayMs);
  }

  #commit(): void {
    if (this.#sink === undefined) return;
    const batch = this.#queue;
    this.#queue = [];
    const wallMs = this.#options.clock.wallMs();
    for (const operation of batch) this.#apply(operation, wallMs);
    this.#isCommitting = false;
    this.#sink.committed(batch as Committed<Operation>[]);
    if (this.#queue.length > 0) this.#commitLater();
    else this.#drained?.();
  }

  #apply(operation: Operation, wallMs: number): void {
    switch (operation.type) {
      case OperationType.Append:
        this.#append(operation, wallMs);
        break;
      case OperationType.Login:
        this.#login(operation, wallMs);
        break;
      case OperationType.Cursor:
        this.#cursor(operation, wallMs);
        break;
      case OperationType.Revoke:
        this.#revoke(operation);
        break;
      case OperationType.Reauthenticate:
        this.#reauthenticate(operation);
        break;
    }
  }

  #append(operation: AppendOperation, wallMs: number): void {
    const { app, target, sender, clientMsgId } = operation;
    const user = this.#user(app, target);
    const key = JSON.stringify([app, sender, target, clientMsgId]);
    const fingerprint = bodyFingerprint(operation.payload);
    const known = this.#data.dedupe.get(key);
    operation.seq = 0 as Seq;
    operation.senderSeq = 0 as Seq;
    operation.epoch = this.#data.epochs[user.partition]! as Epoch;
    operation.senderEpoch = this.#data.epochs[this.#user(app, sender).partition]! as Epoch;
    const windowMs = this.#options.dedupeWindowMs + CLOCK_ERROR_MS_MAX;
    if (known !== undefined && wallMs - messageIdTimeMs(known.messageId) <= windowMs) {
      operation.status = repeatStatus(known.fingerprint, fingerprint);
      operation.messageId = known.messageId;
      operation.timeMs = messageIdTimeMs(known.messageId);
      return;
    }
    const messageId = this.#data.sequences[user.partition]!.next(wallMs);
    this.#data.dedupe.set(key, { fingerprint, messageId });
    operation.status = AppendStatus.Stored;
    operation.messageId = messageId;
    operation.timeMs = messageIdTimeMs(messageId);
    operation.seq = this.#place(user, operation, wallMs);
    if (operation.copyToSender && sender !== target) {
      operation.senderSeq = this.#place(this.#user(app, sender), operation, wallMs);
    }
  }

  #place(user: UserData, operation: AppendOperation, wallMs: number): Seq {
    user.head += 1;
    user.messages.set(user.head, {
      seq: user.head as Seq,
      messageId: operation.messageId,
      timeMs: operation.timeMs,
      kind: operation.kind,
      from: operation.sender,
      to: operation.target,
      clientMsgId: operation.clientMsgId,
      payload: new Uint8Array(operation.payload),
    });
    this.#trim(user, wallMs);
    return user.head as Seq;
  }

  #trim(user: UserData, wallMs: number): void {
    const { ageMs, countMax } = this.#options.retention(user.app);
    while (user.floor <= user.head) {
      const isTooMany = user.head - user.floor + 1 > countMax;
      if (!isTooMany && wallMs - user.messages.get(user.floor)!.timeMs <= ageMs) return;
      user.messages.delete(user.floor);
      user.floor += 1;
    }
  }

  #login(operation: LoginOperation, wallMs: number): void {
    // Nobody has verified a ticket before: one that is made up must not leave a user behind.
    if (operation.ticket !== undefined && this.#find(operation.app, operation.uid) === undefined) {
      operation.status = LoginStatus.TicketUnknown;
      return;
    }
    const user = this.#user(operation.app, operation.uid);
    const sessions = copySessionState(user.sessions);
    if (applyLogin(sessions, this.#timeline(operation.app, operation.uid), operation, wallMs)) {
      user.sessions = sessions;
    }
  }

  #cursor(operation: CursorOperation, wallMs: number): void {
    const user = this.#find(operation.app, operation.uid);
    const device = user?.sessions.devices.find((row) => row.deviceId === operation.deviceId);
    if (user === undefined || device === undefined) return;
    const epoch = this.#data.epochs[user.partition]! as Epoch;
    if (!cursorMoves(operation, device.cursor, epoch, user.head)) return;
    device.cursor = operation.seq;
    device.lastUsedMs = wallMs;
  }

  #revoke(operation: RevokeOperation): void {
    applyRevoke(this.#user(operation.app, operation.uid).sessions, operation);
  }

  #reauthenticate(operation: ReauthenticateOperation): void {
    const user = this.#find(operation.app, operation.uid);
    if (user === undefined) operation.status = ReauthenticateStatus.NotCurrent;
    else applyReauthenticate(user.sessions, operation);
  }

  #refuse(operation: Operation, reason: RefusalReason): void {
    this.#refusalsUnderWay++;
    this.#options.clock.defer(() => {
      this.#refusalsUnderWay--;
      this.#sink?.refused(operation, reason);
    });
  }

  #timeline(app: AppId, uid: Uid): TimelineState {
    const epoch = this.#data.epochs[partitionOf(app, uid, this.#data.partitions)]! as Epoch;
    const user = this.#find(app, uid);
    if (user === undefined) return { epoch, head: 0 as Seq, floor: 1 as Seq };
    this.#trim(user, this.#options.clock.wallMs());
    return { epoch, head: user.head as Seq, floor: user.floor as Seq };
  }

  #find(app: AppId, uid: Uid): UserData | undefined {
    return this.#data.users.get(JSON.stringify([app, uid]));
  }

  #user(app: AppId, uid: Uid): UserData {
    const key = JSON.stringify([app, uid]);
    let user = this.#data.users.get(key);
    if (user === undefined) {
      const partition = partitionOf(app, uid, this.#data.partitions);
      user = { app, partition, head: 0, floor: 1, messages: new Map(), sessions: emptySessionState() };
      this.#data.users.set(key, user);
    }
    return user;
  }
}
