/** What a store that shares its partitions with others has to tell beyond commits. */
import type { Epoch, PartitionNumber } from '../../model/ids.ts';
import type { Operation } from '../store.ts';
import type { CopyItem } from './lane-item.ts';

export interface LostWrites {
  /** Acknowledged operations that the server does not have any more; a lower bound after a very long run. */
  readonly operations: number;
}

export interface OwnershipEvents {
  /** From now on operations of the partition are taken. */
  acquired(partition: PartitionNumber, ownerEpoch: number, epoch: Epoch): void;
  /** It goes to another owner in good order: what is submitted during this call is still committed here. */
  leaving(partition: PartitionNumber): void;
  /**
   * Another owner has the partition, or will: drop its lanes, caches and timers. The outcome of `unknown` is not known:
   * they are neither committed nor refused.
   */
  lost(partition: PartitionNumber, unknown: readonly Operation[]): void;
  /** Acknowledged writes are gone: every session of the partition needs a RESYNC. */
  epochChanged(partition: PartitionNumber, epoch: Epoch, lost: LostWrites): void;
  /**
   * The sender of this copy lives in a partition of another owner: hand it over, and say so with `handedOver`; false when
   * that cannot be done now. Nobody waits for it: the sending device gets no seq of its own.
   */
  copyElsewhere(partition: PartitionNumber, item: CopyItem): boolean;
}

export const NO_EVENTS: OwnershipEvents = {
  acquired: () => undefined,
  leaving: () => undefined,
  lost: () => undefined,
  epochChanged: () => undefined,
  copyElsewhere: () => false,
};
