/**
 * Refusals are told at the end of the tick, never inside the call that submits: the submitter has not noted yet what it
 * submitted. While one is untold nothing may be taken: it would overtake what was refused.
 */
import type { Clock } from '../../clock/clock.ts';
import type { CommitSink, Operation, RefusalReason } from '../store.ts';

export class LateRefusals {
  readonly #clock: Clock;
  readonly #sink: CommitSink;
  readonly #waiting: { operation: Operation; reason: RefusalReason }[] = [];

  constructor(clock: Clock, sink: CommitSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(operation: Operation, reason: RefusalReason): void {
    this.#waiting.push({ operation, reason });
    if (this.#waiting.length > 1) return;
    this.#clock.defer(() => {
      for (const refusal of this.#waiting.splice(0)) this.#sink.refused(refusal.operation, refusal.reason);
    });
  }
}
