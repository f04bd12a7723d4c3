/** What waits in a partition's lane: operations, and work that the store gives itself. */
import type { AppId, Epoch, MessageId, PartitionNumber, Seq, Uid } from '../../model/ids.ts';
import { type Operation, OperationType } from '../store.ts';

export const InternalType = { Copy: 101, Trim: 102, Expire: 103, Verify: 104 } as const;
export type InternalType = (typeof InternalType)[keyof typeof InternalType];

/** The sender's copy of a message that is committed in another partition. */
export interface CopyItem {
  readonly type: typeof InternalType.Copy;
  readonly app: AppId;
  readonly uid: Uid;
  readonly messageId: MessageId;
  readonly record: Buffer;
  /** `seq` is 0 when the copy was made before, `isMade` false when the partition was lost on the way. */
  placed(seq: Seq, epoch: Epoch, isMade: boolean): void;
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

export type InternalItem = CopyItem | TrimItem | ExpireItem | VerifyItem;
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
}
