/**
 * What a store has acknowledged over all its lives, and whether it still stands to it: everything acknowledged is
 * readable, unless retention has trimmed it, and no (epoch, seq) of a timeline names two messages.
 */
import type { Seq, Uid } from '../../src/model/ids.ts';
import type { Store } from '../../src/store/store.ts';
import { WORKLOAD_APP } from './store-workload.ts';

export interface Acknowledgement {
  target: Uid;
  epoch: number;
  seq: number;
  messageId: number;
}

const PAGE = 500;
const BYTES_MAX = 1e7;

export class StoreLedger {
  /** `target epoch seq` → message id. */
  readonly #given = new Map<string, number>();
  readonly #byTarget = new Map<Uid, Map<number, number>>();
  /** What went wrong, one line each; empty while all is well. */
  readonly problems: string[] = [];

  get count(): number {
    return this.#given.size;
  }

  note({ target, epoch, seq, messageId }: Acknowledgement): void {
    const key = `${target} ${epoch} ${seq}`;
    const other = this.#given.get(key);
    if (other !== undefined && other !== messageId) {
      this.problems.push(`(epoch ${epoch}, seq ${seq}) of ${target} names ${other} and ${messageId}`);
    }
    this.#given.set(key, messageId);
    const timeline = this.#byTarget.get(target) ?? new Map<number, number>();
    this.#byTarget.set(target, timeline.set(messageId, seq));
  }

  /** Reads all timelines of an open store. */
  async check(store: Store): Promise<void> {
    for (const [target, acknowledged] of this.#byTarget) {
      const found = new Map<number, number>();
      let floor = 0;
      for (let after = 0; ; ) {
        const page = await store.readTimeline(WORKLOAD_APP, target, after as Seq, PAGE, BYTES_MAX);
        floor = page.floor;
        for (const { messageId, seq } of page.messages) {
          if (after > 0 && seq !== after + 1) this.problems.push(`seq ${seq} of ${target} follows ${after}`);
          found.set(messageId, seq);
          after = seq;
        }
        if (page.messages.length === 0) break;
      }
      for (const [messageId, seq] of acknowledged) {
        if (seq < floor) acknowledged.delete(messageId);
        else if (found.get(messageId) !== seq) {
          this.problems.push(`message ${messageId}, seq ${seq} of ${target}, was acknowledged and is not there`);
        }
      }
    }
  }
}
