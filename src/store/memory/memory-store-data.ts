/** What a `MemoryStore` holds; it outlives the store object, as a disk outlives a process. */
import type { AppId, MessageId, PartitionNumber } from '../../model/ids.ts';
import { MessageIdSequence } from '../../model/message-id.ts';
import { PARTITIONS_DEFAULT } from '../../model/partition.ts';
import type { SessionState } from '../session-rules.ts';
import type { StoredMessage } from '../store.ts';

export interface UserData {
  app: AppId;
  partition: PartitionNumber;
  head: number;
  floor: number;
  /** By seq, from `floor` on. */
  messages: Map<number, StoredMessage>;
  sessions: SessionState;
}

export class MemoryStoreData {
  readonly partitions: number;
  readonly epochs: number[];
  readonly users: Map<string, UserData> = new Map();
  readonly dedupe: Map<string, { fingerprint: number; messageId: MessageId }> = new Map();
  readonly sequences: MessageIdSequence[];
  isOpen = false;

  constructor(partitions: number = PARTITIONS_DEFAULT) {
    this.partitions = partitions;
    this.epochs = new Array(partitions).fill(1);
    this.sequences = this.epochs.map((_, partition) => new MessageIdSequence(partition as PartitionNumber));
  }
}
