/**
 * Message ids: unique per app, growing with time, and always exact in a double.
 *
 *   53 bits:  | milliseconds since 2026-01-01: 39 | counter: 4 | partition: 10 |
 *
 * 39 bits of milliseconds last until 2043. A partition that commits more than 16 messages in one millisecond borrows
 * from the next: the clock part runs ahead of the wall, it never repeats and never goes back, also when the wall clock
 * does. After a restart the owner continues above the largest id it finds.
 */
import type { MessageId, PartitionNumber } from './ids.ts';

/** 2026-01-01T00:00:00Z */
export const MESSAGE_ID_EPOCH_MS = 1_767_225_600_000;

const PARTITION_SPAN = 1024;
const COUNTER_SPAN = 16;
const MILLISECOND_SPAN = PARTITION_SPAN * COUNTER_SPAN;

/** The unix time in milliseconds at which the id was issued (or up to which its partition had borrowed). */
export function messageIdTimeMs(messageId: MessageId): number {
  return Math.floor(messageId / MILLISECOND_SPAN) + MESSAGE_ID_EPOCH_MS;
}

export function messageIdPartition(messageId: MessageId): PartitionNumber {
  return (messageId % PARTITION_SPAN) as PartitionNumber;
}

/** Issues the ids of one partition. */
export class MessageIdSequence {
  readonly #partition: PartitionNumber;
  #last = 0;

  constructor(partition: PartitionNumber) {
    this.#partition = partition;
  }

  /** Never issue `messageId` or anything below it (again). Called for every id found in the store. */
  skipPast(messageId: MessageId): void {
    const step = Math.floor(messageId / PARTITION_SPAN);
    if (step > this.#last) this.#last = step;
  }

  next(wallMs: number): MessageId {
    const now = Math.max(0, wallMs - MESSAGE_ID_EPOCH_MS) * COUNTER_SPAN;
    this.#last = now > this.#last ? now : this.#last + 1;
    return (this.#last * PARTITION_SPAN + this.#partition) as MessageId;
  }
}
