/** What waits in a partition's lane: operations, and work that the store gives itself. */
import type { AppId, Epoch, MessageId, PartitionNumber, Seq, Uid } from '../../model/ids.ts';
import { type Operation, OperationType } from '../store.ts';

export const InternalType = { Copy: 101, Trim: 102, Expire: 103, Verify: 104, Bury: 105 } as const;
export type InternalType = (typeof InternalType)[keyof typeof InternalType];

/** The sender's copy of a message that is committed in another partition. */
export interface CopyItem {
  readonly type: typeof InternalType.Copy;
  readonly app: AppId;
  readonly uid: Uid;
  readonly messageId: MessageId;
  readonly record: Buffer;
  /** The stream entry that brought it: gone with the commit. */
  readonly entryId?: string;
  /** `seq` is 0 when the copy was made before, `isMade` false when the partition was lost on the way. */
  placed(seq: Seq, epoch: Epoch, isMade: boolean): void;
  /** It stands in the stream of a partition that is owned elsewhere. */
  handedOver(): void;
}

export const CopyRoute = {
  /** Its partition is owned here: `placed` tells of it. */
  Here: 1,
  /** Another owner gets it through the stream of its partition. */
  Elsewhere: 2,
  /** It cannot be taken now: its note stays. */
  Nowhere: 3,
} as const;
export type CopyRoute = (typeof CopyRoute)[keyof typeof CopyRoute];

/** Moves an entry that cannot be stored from its stream to the dead letters. */
export interface BuryItem {
  readonly type: typeof InternalType.Bury;
  /** Key of the stream. */
  readonly stream: string;
  readonly entryId: string;
  readonly reason: string;
  /** How often the entry was given to an owner. */
  readonly deliveries: number;
  /** About so many dead letters are kept; the oldest go. */
  readonly deadLettersMax: number;
  /** False when the partition was lost on the way. */
  buried(isBuried: boolean): void;
}

/** Removes what is beyond the app's number of messages from the front of a timeline. */
export interface TrimItem {
  readonly type: typeof InternalType.Trim;
  readonly app: AppId;
  readonly uid: Uid;
}

/** Removes what is too old from the front of a timeline; a bounded number of messages at a time. */
export interface ExpireItem {
  readonly type: typeof InternalType.Expire;
  readonly app: AppId;
  readonly uid: Uid;
  done(): void;
}

/** Nothing but a look at the fence. */
export interface VerifyItem {
  readonly type: typeof InternalType.Verify;
  done(): void;
}

export type InternalItem = CopyItem | TrimItem | ExpireItem | VerifyItem | BuryItem;
export type LaneItem = Operation | InternalItem;

export function isOperation(item: LaneItem): item is Operation {
  return item.type <= OperationType.Reauthenticate;
}

/** What a partition's owner got with the lease. */
export interface Tenure {
  readonly partition: PartitionNumber;
  readonly ownerEpoch: number;
  epoch: Epoch;
  /** Number of the last batch that the fence has seen. */
  batch: number;
  lastMessageId: MessageId;
  /** Nobody else writes before, by this process's clock. */
  leaseEndsMs: number;
  /** Of the server's process that last answered with this fence and had lost nothing. */
  runId: string;
}
