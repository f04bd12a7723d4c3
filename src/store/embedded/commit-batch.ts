/**
 * Decides the operations of one commit, in order, and encodes what they change into the commit's record.
 *
 *   take ─► … ─► take ──► (written, synced) ──► publish        or, when the disk was full, ──► undo
 *
 * The state is changed at once, so that later operations of the batch see earlier ones; readers see it only after
 * `publish`: messages by the visible head, sessions by the copies kept here of how they were. One batch at a time.
 */
import type { AppId, Epoch, MessageId, Seq, Uid } from '../../model/ids.ts';
import { messageIdTimeMs } from '../../model/message-id.ts';
import { bodyFingerprint, repeatStatus } from '../dedupe-rules.ts';
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
import type { DedupeKey } from './dedupe-key.ts';
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
import type { RecordBuilder } from './record-builder.ts';
import type { TimelineRetention } from './timeline-retention.ts';

interface CursorUndo {
  user: number;
  deviceId: CursorOperation['deviceId'];
  cursor: number;
  lastUsedMs: number;
}

/** Small state to be written again before the segment that holds it is deleted. */
export interface Rewrite {
  users: readonly number[];
  dedupe: readonly DedupeEntry[];
}

export class CommitBatch {
  readonly #state: EngineState;
  readonly #builder: RecordBuilder;
  readonly #key: DedupeKey;
  readonly #retention: TimelineRetention;
  readonly #entry = new AppendEntry();
  /** Users whose timelines grew: one entry a message and timeline. */
  readonly #grown: number[] = [];
  /** Keys of the new dedupe rows, three words each. */
  readonly #keys: number[] = [];
  readonly #cursors: CursorUndo[] = [];
  readonly #snapshots: { user: number; position: number }[] = [];
  readonly #sessionsBefore = new Map<number, SessionState>();
  #usersBefore = 0;
  #wallMs = 0;

  constructor(state: EngineState, builder: RecordBuilder, key: DedupeKey, retention: TimelineRetention) {
    this.#state = state;
    this.#builder = builder;
    this.#key = key;
    this.#retention = retention;
  }

  begin(wallMs: number): void {
    this.#wallMs = wallMs;
    this.#usersBefore = this.#state.directory.count;
    this.#state.dedupe.setTime(wallMs);
  }

  take(operation: Operation): void {
    if (operation.type === OperationType.Append) this.#append(operation);
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
      this.#snapshots.push({ user, position });
      encodeTimeline(this.#builder, user, partition, directory.head[user]!, directory.floor[user]!);
      encodeSessions(this.#builder, user, partition, this.#state.epochOf(user), this.#state.sessions(user));
    }
    for (const row of rewrite.dedupe) encodeDedupe(this.#builder, row);
  }

  /** How a user's sessions are for readers while the batch is under way. */
  committedSessions(user: number): SessionState {
    return this.#sessionsBefore.get(user) ?? this.#state.sessions(user);
  }

  publish(): void {
    const { directory, segments } = this.#state;
    const grown = this.#grown;
    for (let i = 0; i < grown.length; i++) {
      const user = grown[i]!;
      directory.visibleHead[user] = directory.head[user]!;
    }
    segments.active.liveRows += grown.length;
    for (let i = 0; i < grown.length; i++) this.#retention.limitCount(grown[i]!);
    for (const { user, position } of this.#snapshots) directory.snapshotPosition[user] = position;
    this.#clear();
  }

  undo(): void {
    const { directory, timelines, dedupe, devices } = this.#state;
    for (const user of this.#grown) {
      timelines.pop(user);
      directory.head[user]!--;
    }
    const keys = this.#keys;
    for (let i = 0; i < keys.length; i += 3) dedupe.remove(keys[i]!, keys[i + 1]!, keys[i + 2]!);
    for (const [user, sessions] of this.#sessionsBefore) this.#state.setSessions(user, sessions);
    for (const { user, deviceId, cursor, lastUsedMs } of this.#cursors.reverse()) {
      const row = devices.find(directory.firstDevice[user]!, deviceId);
      devices.cursor[row] = cursor;
      devices.lastUsedMs[row] = lastUsedMs;
    }
    while (directory.count > this.#usersBefore) directory.removeNewest();
    this.#clear();
  }

  #clear(): void {
    this.#grown.length = 0;
    this.#keys.length = 0;
    this.#cursors.length = 0;
    this.#snapshots.length = 0;
    this.#sessionsBefore.clear();
  }

  #append(operation: AppendOperation): void {
    const { directory, dedupe } = this.#state;
    const key = this.#key;
    const target = this.#user(operation.app, operation.target);
    const sender = operation.sender === operation.target ? target : this.#user(operation.app, operation.sender);
    const bodyHash = bodyFingerprint(operation.payload);
    key.compute(target, sender, operation.clientMsgId);
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
    this.#keys.push(key.key0, key.key1, key.key2);
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
    entry.clientMsgId = operation.clientMsgId;
    entry.payload = operation.payload;
    const position = encodeAppend(this.#builder, entry);
    timelines.append(target, seq, position, directory.floor[target]!);
    this.#grown.push(target);
    if (senderSeq > 0) {
      timelines.append(sender, senderSeq, position, directory.floor[sender]!);
      this.#grown.push(sender);
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
    if (!this.#sessionsBefore.has(user)) this.#sessionsBefore.set(user, this.#state.sessions(user));
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
    this.#cursors.push({ user, deviceId, cursor: before, lastUsedMs: devices.lastUsedMs[row]! });
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
    this.#snapshots.push({ user, position });
    return user;
  }
}
