/** Work on the partitions that nobody asks for: messages grow too old, copies were left to be made. */
import type { Clock, TimerHandle } from '../../clock/clock.ts';
import type { AppId } from '../../model/ids.ts';
import type { RetentionPolicy } from '../store.ts';
import type { RedisClient } from './client.ts';
import { finishCopies, sweepAges } from './copy-backlog.ts';
import type { PartitionLane } from './partition-lane.ts';

export interface SweeperOptions {
  readonly clock: Clock;
  readonly client: RedisClient;
  readonly retention: (app: AppId) => RetentionPolicy;
  /** Between two turns. */
  readonly retentionSweepMs: number;
}

/** A full sweep of the partitions takes so many turns. */
const SWEEP_TURNS = 16;

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #lanes: () => readonly (PartitionLane | undefined)[];
  #turn = 0;
  #timer: TimerHandle;

  /** @param lanes by partition, as they are now */
  constructor(options: SweeperOptions, lanes: () => readonly (PartitionLane | undefined)[]) {
    this.#options = options;
    this.#lanes = lanes;
  }

  start(): void {
    const { clock, retentionSweepMs } = this.#options;
    this.#timer = clock.setTimer(() => {
      this.#sweep();
      this.start();
    }, retentionSweepMs);
  }

  stop(): void {
    this.#options.clock.clearTimer(this.#timer);
  }

  #sweep(): void {
    const { clock, client, retention } = this.#options;
    const lanes = this.#lanes();
    this.#turn = (this.#turn + 1) % SWEEP_TURNS;
    for (let number = this.#turn; number < lanes.length; number += SWEEP_TURNS) {
      const lane = lanes[number];
      if (lane === undefined) continue;
      sweepAges(client, lane, retention, clock.wallMs()).catch(() => undefined);
      if (lane.takeLeftCopies()) finishCopies(client, lane);
    }
  }
}
