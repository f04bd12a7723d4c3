/**
 * Losses of the store itself, which a fault has caused on purpose: a flushed Redis, a replica that took over without the
 * last writes. Such a message is excused when it was stored within the time that the fault may have cost, the reader
 * was told RESYNC, and the timeline of the newest epoch, which everybody reads anew, does not hold it for anybody.
 */
import type { MessageId } from '../../src/model/ids.ts';
import { messageIdTimeMs } from '../../src/model/message-id.ts';
import type { Reader } from './reader.ts';

/** Messages stored within may be gone, unix milliseconds. */
export interface LossWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

export class StoreLosses {
  readonly #windows: readonly LossWindow[];

  constructor(windows: readonly LossWindow[]) {
    this.#windows = windows;
  }

  mayHaveLost(messageId: number): boolean {
    const timeMs = messageIdTimeMs(messageId as MessageId);
    return this.#windows.some(({ fromMs, toMs }) => timeMs >= fromMs && timeMs <= toMs);
  }

  explains(reader: Reader, messageId: number): boolean {
    if (!reader.hasResynced || !this.mayHaveLost(messageId)) return false;
    const newest = Math.max(...reader.timeline.epochs);
    return reader.timeline.seqOf(newest, messageId) === undefined;
  }
}
