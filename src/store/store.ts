/**
 * The store: the only place where the truth lives. Timelines, dedupe rows, device cursors, login generations.
 *
 *   lane ──submit(operation)──► store ──one commit per batch──► disk / Redis
 *                                │
 *                                └──committed(batch)──► CommitSink (only now may anything be observed)
 *
 * Writes are *operations*: plain objects that the submitter fills in, hands over with `submit`, and gets back inside a
 * `Committed` batch with their result fields set. No promise, closure or copy per operation. Operations of one
 * partition are applied and reported in the order in which they were submitted.
 *
 * Reads never see an operation that is not yet committed at the configured durability level.
 *
 * What a store does not do: it knows no sessions, sockets or policies beyond what the operations say, and it never
 * retries on its own. After a failed write or fsync it acknowledges nothing more and reports `failed`; the process
 * exits and reopens it from the last durable mark.
 */
import type { Durability } from '../model/durability.ts';
import type { AppId, ClientMsgId, DeviceId, DeviceType, Epoch, Generation, MessageId, Seq, Uid } from '../model/ids.ts';

declare const committedBrand: unique symbol;
/**
 * Proof that the commit which holds `T` is durable at the store's level. Only a store makes one, and only from a
 * `Committed` operation can a SENDACK, CONNACK or MESSAGE be built.
 */
export type Committed<T> = T & { readonly [committedBrand]: true };

export const OperationType = { Append: 1, Login: 2, Cursor: 3, Revoke: 4, Reauthenticate: 5 } as const;
export type OperationType = (typeof OperationType)[keyof typeof OperationType];

/** How a message came to be. Stored with it and sent in MESSAGE. */
export const MessageKind = { ClientToClient: 0, ServerToClient: 1 } as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

export const AppendStatus = {
  /** A new row: `seq` and `messageId` are new. */
  Stored: 1,
  /** The same (app, sender, target, clientMsgId) with the same body is there already: its `messageId` is given. */
  Duplicate: 2,
  /** The same key with another body; nothing was stored. */
  Conflict: 3,
} as const;
export type AppendStatus = (typeof AppendStatus)[keyof typeof AppendStatus];

/** One message into the target's timeline, and, when `copyToSender`, into the sender's own (for their other devices). */
export interface AppendOperation {
  readonly type: typeof OperationType.Append;
  readonly app: AppId;
  readonly target: Uid;
  readonly sender: Uid;
  readonly senderDevice: DeviceId;
  readonly kind: MessageKind;
  readonly clientMsgId: ClientMsgId;
  /** Opaque. Must stay unchanged until the operation comes back. */
  readonly payload: Uint8Array;
  readonly copyToSender: boolean;
  /** The stream entry that asks for it, where an engine has streams: gone with the commit, unless that is a conflict. */
  readonly entryId?: string;
  /** The submitter's own; the store does not look at it. */
  readonly context: unknown;

  // Results, valid once committed:
  status: AppendStatus;
  messageId: MessageId;
  /** Unix milliseconds at which the message was first stored. */
  timeMs: number;
  /** Place in the target's timeline. 0 unless `Stored`. */
  seq: Seq;
  epoch: Epoch;
  /** Place of the sender's copy in the sender's timeline; 0 when there is none or it is not known (duplicates). */
  senderSeq: Seq;
  senderEpoch: Epoch;
  /** Replicas that have confirmed the commit, from an engine that has some. */
  replicas?: number;
}

export const LoginIntent = { Fresh: 0, Resume: 1 } as const;
export type LoginIntent = (typeof LoginIntent)[keyof typeof LoginIntent];

/** Which older sessions of the same user end when a new one becomes current. */
export const SessionPolicy = { OnePerType: 0, OnePerUser: 1, Many: 2 } as const;
export type SessionPolicy = (typeof SessionPolicy)[keyof typeof SessionPolicy];

/** Where a device that the store has never seen starts to read. */
export const NewDeviceStart = { Floor: 0, Head: 1 } as const;
export type NewDeviceStart = (typeof NewDeviceStart)[keyof typeof NewDeviceStart];

export const LoginStatus = {
  /** The session is current; `generation` is new. */
  Current: 1,
  /** `resume` although another device has become current since `lastGeneration`. Terminal for the client. */
  Replaced: 2,
  /** The credential was issued before the user's `revokeBefore`, or the ticket belongs to a revoked chain. */
  Revoked: 3,
  /** Not a ticket of this user and device. */
  TicketUnknown: 4,
  TicketExpired: 5,
  /** A ticket was presented too often: all of the device's are revoked, and its session, in `displaced`, ends. */
  TicketReused: 6,
} as const;
export type LoginStatus = (typeof LoginStatus)[keyof typeof LoginStatus];

/** Decides who is current. Two racing logins of one user get different generations; the higher one wins. */
export interface LoginOperation {
  readonly type: typeof OperationType.Login;
  readonly app: AppId;
  readonly uid: Uid;
  readonly deviceType: DeviceType;
  readonly deviceId: DeviceId;
  readonly intent: LoginIntent;
  /** What the client last got; 0 when it has none. */
  readonly lastGeneration: Generation;
  /** When the credential was issued, unix milliseconds. Of a ticket only the store knows: it fills it in. */
  issuedAtMs: number;
  /** Key of the ticket that was presented (`ticket-rules.ts`); undefined when a token was verified. */
  readonly ticket: Uint8Array | undefined;
  /** Key of the ticket that the device gets when it becomes current; undefined for none. */
  readonly nextTicket: Uint8Array | undefined;
  readonly ticketLifetimeMs: number;
  /** When the session ends unless the device authenticates again, unix seconds; 0 for never. */
  readonly sessionExpiresAtS: number;
  readonly policy: SessionPolicy;
  readonly newDeviceStart: NewDeviceStart;
  readonly context: unknown;

  // Results, valid once committed:
  status: LoginStatus;
  generation: Generation;
  /** Generations that this login displaces (other devices under `policy`; the same device never displaces itself). */
  displaced: Generation[];
  epoch: Epoch;
  head: Seq;
  floor: Seq;
  /** Everything ≤ cursor counts as delivered to this device. */
  cursor: Seq;
}

/** A device acknowledged everything ≤ `seq`. Never moves back; ignored for an older epoch or an unknown device. */
export interface CursorOperation {
  readonly type: typeof OperationType.Cursor;
  readonly app: AppId;
  readonly uid: Uid;
  readonly deviceId: DeviceId;
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly context: unknown;
}

/** Credentials issued before `revokeBeforeMs` are refused from now on. Never moves back. */
export interface RevokeOperation {
  readonly type: typeof OperationType.Revoke;
  readonly app: AppId;
  readonly uid: Uid;
  readonly revokeBeforeMs: number;
  readonly context: unknown;

  // Result, valid once committed:
  /** Generations that were current with an older credential and are not any more. */
  displaced: Generation[];
}

export const ReauthenticateStatus = {
  Renewed: 1,
  /** The credential was issued before the user's `revokeBefore`. */
  Revoked: 2,
  /** The generation is not the device's current one. */
  NotCurrent: 3,
} as const;
export type ReauthenticateStatus = (typeof ReauthenticateStatus)[keyof typeof ReauthenticateStatus];

/** A current session goes on with a newer credential. */
export interface ReauthenticateOperation {
  readonly type: typeof OperationType.Reauthenticate;
  readonly app: AppId;
  readonly uid: Uid;
  readonly deviceId: DeviceId;
  readonly generation: Generation;
  readonly issuedAtMs: number;
  readonly sessionExpiresAtS: number;
  readonly context: unknown;

  // Result, valid once committed:
  status: ReauthenticateStatus;
}

export type Operation = AppendOperation | LoginOperation | CursorOperation | RevokeOperation | ReauthenticateOperation;

export const RefusalReason = {
  /** No space, or the store is closing: nothing was written, a later try can succeed. */
  Unavailable: 1,
  /** Too much is queued already. */
  Busy: 2,
} as const;
export type RefusalReason = (typeof RefusalReason)[keyof typeof RefusalReason];

/** Where a store reports. One call per commit, never from inside `submit`. */
export interface CommitSink {
  /** These operations are durable now, in submit order. The array is reused: do not keep it. */
  committed(batch: readonly Committed<Operation>[]): void;
  /** Certainly not written. */
  refused(operation: Operation, reason: RefusalReason): void;
  /** A write or fsync failed: nothing submitted and unreported is known to be stored or not. The store is dead. */
  failed(error: Error): void;
}

export interface TimelineState {
  epoch: Epoch;
  /** The largest seq in use; 0 when the timeline is empty. */
  head: Seq;
  /** The smallest seq that can be read; head + 1 when everything is trimmed, 1 on a new timeline. */
  floor: Seq;
}

export interface StoredMessage {
  seq: Seq;
  messageId: MessageId;
  timeMs: number;
  kind: MessageKind;
  from: Uid;
  to: Uid;
  clientMsgId: ClientMsgId;
  payload: Uint8Array;
}

export interface TimelinePage extends TimelineState {
  /** Contiguous, from max(after + 1, floor) on; empty at the end. */
  messages: StoredMessage[];
}

/** What the owner of a user needs to know to take its sessions over. */
export interface UserState extends TimelineState {
  /** The generations that are current, by device type or, under `Many`, by device. */
  currentGenerations: Generation[];
  /** When each of them expires, unix seconds, in the same order; 0 for never. */
  currentExpiriesS: number[];
  /** Credentials issued before it are refused; 0 when none was ever revoked. */
  revokeBeforeMs: number;
}

/** How long messages stay readable, per app. Trimming removes a prefix only and never waits for cursors. */
export interface RetentionPolicy {
  ageMs: number;
  /** Messages per timeline. */
  countMax: number;
}

export interface StoreInfo {
  /** Random name given at creation, hex. */
  storeId: string;
  partitions: number;
  durability: Durability;
  /** Other logics own partitions of it too; which are owned here is told as it changes. */
  shared?: boolean;
  /** What holds the data, a line each, for the log. */
  descriptions?: readonly string[];
}

export interface Store {
  /** Opens, recovers, and starts to report to `sink`. Rejects with a `StoreOpenError` that a person can act on. */
  open(sink: CommitSink): Promise<StoreInfo>;
  /**
   * Takes the operation into the next commit. Reports through the sink, later. Order survives refusals: between a
   * refusal and its report everything that follows is refused too.
   */
  submit(operation: Operation): void;
  /**
   * At most `limit` messages and about `bytesMax` payload bytes after `after`; at least one message when there is one.
   * Only committed ones.
   */
  readTimeline(app: AppId, uid: Uid, after: Seq, limit: number, bytesMax: number): Promise<TimelinePage>;
  /** Committed state of a user; zeros with the partition's epoch for one the store has never seen. */
  readUser(app: AppId, uid: Uid): Promise<UserState>;
  /** Finishes what was submitted, then releases everything. Idempotent. */
  close(): Promise<void>;
}

/** What was asked for cannot be read now: another logic owns it, or the server that has it does not answer. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/** Opening failed for a reason the operator must know: another owner, corruption, a wrong version. */
export class StoreOpenError extends Error {
  override readonly name = 'StoreOpenError';
}
