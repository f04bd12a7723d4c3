/**
 * Decides the operations of commits, in order, and encodes what they change into the commit's record.
 *
 *   begin ─► take ─► … ─► take ──► (written, synced) ──► publish     or, when the disk was full, ──► undo
 *
 * The state is changed at once, so that later operations see earlier ones; readers see it only after `publish`:
 * messages by the visible head, sessions by the copies kept of how they were. The next commit may be decided while the
 * ones before it are being synced. They are published in order; only the newest can be taken back.
 */
import type { AppId, Epoch, MessageId, Seq, Uid } from '../../model/ids.ts';
import { messageIdTimeMs } from '../../model/message-id.ts';
import { fingerprintOf, repeatStatus } from '../dedupe-rules.ts';
import { applyLogin, applyReauthenticate, applyRevoke, cursorMoves, type SessionState } from '../session-rules.ts';
import {
  type AppendOperation,
  AppendStatus,
  type CursorOperation,
  type LoginOperation,
  LoginStatus,
  type Operation,
  OperationType,
  type ReauthenticateOperation,
  ReauthenticateStatus,
  type RevokeOperation,
} from '../store.ts';
import { BatchChanges } from './batch-changes.ts';
import { computeKey, type DedupeKey } from './dedupe-key.ts';
import type { EngineState } from './engine-state.ts';
import {
  AppendEntry,
  type DedupeEntry,
  encodeAppend,
  encodeCursor,
  encodeDedupe,
  encodeSessions,
  encodeTimeline,
  encodeUser,
} from './entry-codec.ts';
import { PreparedKeys } from './prepared-keys.ts';
import type { RecordBuilder } from './record-builder.ts';
import type { TimelineRetention } from './timeline-retention.ts';

/** Small state to be written again before the segment that holds it is deleted. */
export interface Rewrite {
  users: readonly number[];
  dedupe: readonly DedupeEntry[];
}

export interface PendingRewrite {
  rewrite: Rewrite;
  done: (written: boolean) => void;
}

export class CommitBatch {
  readonly #state: EngineState;
  readonly #builder: RecordBuilder;
  readonly #key: DedupeKey;
  readonly #retention: TimelineRetention;
  readonly #entry = new AppendEntry();
  readonly #prepared: PreparedKeys;
  /** Begun and neither published nor taken back, oldest first. */
  readonly #underWay: BatchChanges[] = [];
  readonly #spares: BatchChanges[] = [];
  #changes: BatchChanges = new BatchChanges();
  #wallMs = 0;

  constructor(state: EngineState, builder: RecordBuilder, key: DedupeKey, retention: TimelineRetention) {
    this.#state = state;
    this.#builder = builder;
    this.#key = key;
    this.#retention = retention;
    this.#prepared = new PreparedKeys(state, key);
  }

  begin(wallMs: number): BatchChanges {
    const changes = this.#spares.pop() ?? new BatchChanges();
    changes.usersBefore = this.#state.directory.count;
    this.#changes = changes;
    this.#underWay.push(changes);
    this.#wallMs = wallMs;
    this.#state.dedupe.setTime(wallMs);
    return changes;
  }

  /** Looks ahead at the operations from `from` on, before `to`: the next ones to be taken. */
  prepare(operations: readonly Operation[], from: number, to: number): void {
    this.#prepared.prepare(operations, from, to);
  }

  /** `place`: the operation's, counted from the start of what was prepared. */
  take(operation: Operation, place: number): void {
    if (operation.type === OperationType.Append) this.#append(operation, place);
    else if (operation.type === OperationType.Login) this.#login(operation);
    else if (operation.type === OperationType.Cursor) this.#cursor(operation);
    else if (operation.type === OperationType.Revoke) this.#revoke(operation);
    else this.#reauthenticate(operation);
  }

  takeRewrite(rewrite: Rewrite): void {
    const { directory } = this.#state;
    for (const user of rewrite.users) {
      const partition = directory.partition[user]!;
      const position = encodeUser(this.#builder, user, partition, directory.app(user), directory.uid(user));
      this.#changes.snapshots.push({ user, position });
      encodeTimeline(this.#builder, user, partition, directory.head[user]!, directory.floor[user]!);
      encodeSessions(this.#builder, user, partition, this.#state.epochOf(user), this.#state.sessions(user));
    }
    for (const row of rewrite.dedupe) encodeDedupe(this.#builder, row);
  }

  /** How a user's sessions are for readers: as they were before the oldest commit under way that changes them. */
  committedSessions(user: number): SessionState {
    for (const { sessionsBefore } of this.#underWay) {
      const before = sessionsBefore.get(user);
      if (before !== undefined) return before;
    }
    return this.#state.sessions(user);
  }

  /** The oldest commit under way, and it alone, may be seen from now on. */
  publish(changes: BatchChanges): void {
    const { directory, segments } = this.#state;
    const { grown, grownCount } = changes;
    this.#underWay.splice(this.#underWay.indexOf(changes), 1);
    for (let i = 0; i < grownCount; i += 2) directory.visibleHead[grown[i]!] = grown[i + 1]!;
    segments.active.liveRows += grownCount / 2;
    for (let i = 0; i < grownCount; i += 2) this.#retention.limitCount(grown[i]!);
    for (const { user, position } of changes.snapshots) directory.snapshotPosition[user] = position;
  }

  /** Takes the newest commit back. */
  undo(changes: BatchChanges): void {
    const { directory, timelines, devices } = this.#state;
    const { grown, grownCount } = changes;
    this.#underWay.splice(this.#underWay.indexOf(changes), 1);
    for (let i = 0; i < grownCount; i += 2) {
      timelines.pop(grown[i]!);
      directory.head[grown[i]!]!--;
    }
    for (const operation of changes.operations) if (operation.type === OperationType.Append) this.#forget(operation);
    for (const [user, sessions] of changes.sessionsBefore) this.#state.setSessions(user, sessions);
    for (const { user, deviceId, cursor, lastUsedMs } of changes.cursors.reverse()) {
      const row = devices.find(directory.firstDevice[user]!, deviceId);
      devices.cursor[row] = cursor;
      devices.lastUsedMs[row] = lastUsedMs;
    }
    while (directory.count > changes.usersBefore) directory.removeNewest();
  }

  /** Nobody needs `changes` any more. */
  release(changes: BatchChanges): void {
    changes.clear();
    this.#spares.push(changes);
  }

  #forget(operation: AppendOperation): void {
    if (operation.status !== AppendStatus.Stored) return;
    const { directory, dedupe } = this.#state;
    const key = this.#key;
    const target = directory.find(operation.app, operation.target);
    computeKey(key, target, directory.find(operation.app, operation.sender), operation);
    dedupe.remove(key.key0, key.key1, key.key2);
  }

  #append(operation: AppendOperation, place: number): void {
    const { directory, dedupe } = this.#state;
    const key = this.#key;
    let target = this.#prepared.target(place);
    let sender = this.#prepared.sender(place);
    if (target >= 0) this.#prepared.use(place);
    else {
      target = this.#user(operation.app, operation.target);
      sender = operation.sender === operation.target ? target : this.#user(operation.app, operation.sender);
      computeKey(key, target, sender, operation);
    }
    const bodyHash = fingerprintOf(operation);
    operation.seq = 0 as Seq;
    operation.senderSeq = 0 as Seq;
    operation.epoch = this.#state.epochOf(target) as Epoch;
    operation.senderEpoch = this.#state.epochOf(sender) as Epoch;
    if (dedupe.find(key.key0, key.key1, key.key2)) {
      operation.status = repeatStatus(dedupe.bodyHash, bodyHash);
      operation.messageId = dedupe.messageId as MessageId;
      operation.timeMs = messageIdTimeMs(operation.messageId);
      return;
    }
    const partition = directory.partition[target]!;
    const messageId = this.#state.sequences[partition]!.next(this.#wallMs);
    this.#state.lastMessageIds[partition] = messageId;
    const timeMs = messageIdTimeMs(messageId);
    const seq = directory.head[target]! + 1;
    directory.head[target] = seq;
    let senderSeq = 0;
    if (operation.copyToSender && sender !== target) {
      senderSeq = directory.head[sender]! + 1;
      directory.head[sender] = senderSeq;
    }
    operation.status = AppendStatus.Stored;
    operation.messageId = messageId;
    operation.timeMs = timeMs;
    operation.seq = seq as Seq;
    operation.senderSeq = senderSeq as Seq;
    dedupe.insert(key.key0, key.key1, key.key2, bodyHash, messageId, timeMs);
    this.#encode(operation, target, sender, bodyHash);
  }

  #encode(operation: AppendOperation, target: number, sender: number, bodyHash: number): void {
    const { directory, timelines } = this.#state;
    const { seq, senderSeq } = operation;
    const entry = this.#entry;
    entry.target = target;
    entry.sender = sender;
    entry.partition = directory.partition[target]!;
    entry.seq = seq;
    entry.senderSeq = senderSeq;
    entry.epoch = operation.epoch;
    entry.senderEpoch = operation.senderEpoch;
    entry.messageId = operation.messageId;
    entry.key0 = this.#key.key0;
    entry.key1 = this.#key.key1;
    entry.key2 = this.#key.key2;
    entry.bodyHash = bodyHash;
    entry.kind = operation.kind;
    entry.senderDevice = operation.senderDevice;
    const position = encodeAppend(this.#builder, entry, operation);
    timelines.append(target, seq, position, directory.floor[target]!);
    this.#changes.noteGrown(target, seq);
    if (senderSeq > 0) {
      timelines.append(sender, senderSeq, position, directory.floor[sender]!);
      this.#changes.noteGrown(sender, senderSeq);
    }
  }

  #login(operation: LoginOperation): void {
    const { directory } = this.#state;
    // Nobody has verified a ticket before: one that is made up must not leave a user behind.
    if (operation.ticket !== undefined && directory.find(operation.app, operation.uid) < 0) {
      operation.status = LoginStatus.TicketUnknown;
      return;
    }
    const user = this.#user(operation.app, operation.uid);
    const timeline = {
      epoch: this.#state.epochOf(user) as Epoch,
      head: directory.head[user]! as Seq,
      floor: directory.floor[user]! as Seq,
    };
    const sessions = this.#state.sessions(user);
    if (applyLogin(sessions, timeline, operation, this.#wallMs)) this.#storeSessions(user, sessions);
  }

  #revoke(operation: RevokeOperation): void {
    const user = this.#user(operation.app, operation.uid);
    const sessions = this.#state.sessions(user);
    if (applyRevoke(sessions, operation)) this.#storeSessions(user, sessions);
  }

  #reauthenticate(operation: ReauthenticateOperation): void {
    const user = this.#state.directory.find(operation.app, operation.uid);
    operation.status = ReauthenticateStatus.NotCurrent;
    if (user < 0) return;
    const sessions = this.#state.sessions(user);
    if (applyReauthenticate(sessions, operation)) this.#storeSessions(user, sessions);
  }

  #storeSessions(user: number, sessions: SessionState): void {
    if (!this.#changes.sessionsBefore.has(user)) this.#changes.sessionsBefore.set(user, this.#state.sessions(user));
    this.#state.setSessions(user, sessions);
    encodeSessions(this.#builder, user, this.#state.directory.partition[user]!, this.#state.epochOf(user), sessions);
  }

  #cursor(operation: CursorOperation): void {
    const { directory, devices } = this.#state;
    const user = directory.find(operation.app, operation.uid);
    if (user < 0) return;
    const { deviceId, seq } = operation;
    const row = devices.find(directory.firstDevice[user]!, deviceId);
    const epoch = this.#state.epochOf(user);
    if (row === 0) return;
    const before = devices.cursor[row]!;
    if (!cursorMoves(operation, before, epoch as Epoch, directory.head[user]!)) return;
    this.#changes.cursors.push({ user, deviceId, cursor: before, lastUsedMs: devices.lastUsedMs[row]! });
    devices.cursor[row] = seq;
    devices.lastUsedMs[row] = this.#wallMs;
    encodeCursor(this.#builder, user, directory.partition[user]!, epoch, { seq, lastUsedMs: this.#wallMs, deviceId });
  }

  #user(app: AppId, uid: Uid): number {
    const { directory } = this.#state;
    const known = directory.find(app, uid);
    if (known >= 0) return known;
    const user = directory.add(app, uid);
    const position = encodeUser(this.#builder, user, directory.partition[user]!, app, uid);
    this.#changes.snapshots.push({ user, position });
    return user;
  }
}
