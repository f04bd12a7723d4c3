/**
 * What this owner had acknowledged in partitions that it gave up because Redis could not be reached. When it takes one
 * again, the server may have lost some of it meanwhile:
 *
 *   fence at batch 40, 52 were acknowledged ─┬─ same epoch: nobody has noticed ─► the lane goes on from 52, finds the difference
 *                                            └─ a later one: noticed, not counted ─► counted here
 */
import type { MessageId, PartitionNumber } from '../../model/ids.ts';
import type { StoreCounters } from './counters.ts';
import type { Tenure } from './lane-item.ts';
import { LossLedger } from './loss-ledger.ts';
import type { PartitionLane } from './partition-lane.ts';

/** What a lane of a partition that is taken again begins with. */
export interface Resumed {
  readonly ledger: LossLedger;
  /** The fence lacks what was acknowledged: it must be looked at. */
  readonly isBehind: boolean;
}

export class LapsedLanes {
  readonly #counters: StoreCounters;
  readonly #lanes: Map<PartitionNumber, PartitionLane> = new Map();

  constructor(counters: StoreCounters) {
    this.#counters = counters;
  }

  add(lane: PartitionLane): void {
    this.#counters.leasesLapsed++;
    this.#lanes.set(lane.tenure.partition, lane);
  }

  has(partition: PartitionNumber): boolean {
    return this.#lanes.has(partition);
  }

  /** Moves `tenure` forward to what was acknowledged here, where the fence is behind it. */
  resume(tenure: Tenure): Resumed {
    const before = this.#lanes.get(tenure.partition);
    this.#lanes.delete(tenure.partition);
    const fresh = { ledger: new LossLedger(), isBehind: false };
    if (before === undefined || before.tenure.batch <= tenure.batch) return fresh;
    const { batch, epoch, lastMessageId } = before.tenure;
    const { ledger } = before;
    if (epoch !== tenure.epoch) {
      this.#counters.lostOperations += ledger.lostBetween(tenure.batch, batch);
      return fresh;
    }
    tenure.batch = batch;
    tenure.lastMessageId = Math.max(lastMessageId, tenure.lastMessageId) as MessageId;
    return { ledger, isBehind: true };
  }
}
