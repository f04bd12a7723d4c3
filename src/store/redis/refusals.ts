/** Operations that a store does not take: reported at the end of the tick, never from inside `submit`. */
import type { Clock } from '../../clock/clock.ts';
import type { PartitionNumber } from '../../model/ids.ts';
import type { Operation, RefusalReason } from '../store.ts';

export class Refusals {
  readonly #clock: Clock;
  readonly #report: (operation: Operation, reason: RefusalReason) => void;
  #waiting: { operation: Operation; reason: RefusalReason }[] = [];
  readonly #partitions = new Set<PartitionNumber>();

  constructor(clock: Clock, report: (operation: Operation, reason: RefusalReason) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** Whether an operation of the partition was refused whose submitter does not know of it yet. */
  concern(partition: PartitionNumber): boolean {
    return this.#partitions.has(partition);
  }

  add(operation: Operation, partition: PartitionNumber, reason: RefusalReason): void {
    this.#partitions.add(partition);
    this.#waiting.push({ operation, reason });
    if (this.#waiting.length > 1) return;
    this.#clock.defer(() => {
      this.#partitions.clear();
      for (const refusal of this.#waiting.splice(0)) this.#report(refusal.operation, refusal.reason);
    });
  }
}
