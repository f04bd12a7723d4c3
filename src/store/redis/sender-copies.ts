/**
 * The senders' copies that a lane's appends have left to other partitions: noted in Redis, given to their partition, and the
 * note removed when they are made.
 */
import type { Clock } from '../../clock/clock.ts';
import type { AppId, Epoch, MessageId, Seq, Uid } from '../../model/ids.ts';
import type { PendingCopy } from './batch-answers.ts';
import { type CopyItem, CopyRoute, InternalType } from './lane-item.ts';
import type { Report, ReportQueue } from './report-queue.ts';

/** Notes of copies that were made are removed with the next batch, or alone after so long. */
const MADE_MS = 50;

export interface CopyHost {
  /** Gives the copy to its partition. */
  copy(item: CopyItem): CopyRoute;
}

export class SenderCopies {
  /** Whose notes are to be removed. */
  readonly made: MessageId[] = [];
  readonly #clock: Clock;
  readonly #host: CopyHost;
  readonly #wake: () => void;
  #underWay = 0;
  #hasLeft = false;

  /** `wake` is called when notes have waited long enough. */
  constructor(clock: Clock, host: CopyHost, wake: () => void) {
    this.#clock = clock;
    this.#host = host;
    this.#wake = wake;
  }

  get isIdle(): boolean {
    return this.#underWay === 0 && this.made.length === 0;
  }

  /** The report waits for it. */
  make({ operation, record }: PendingCopy, report: Report, reports: ReportQueue): void {
    const { messageId, app, sender } = operation;
    const placed = (seq: Seq, epoch: Epoch, isMade: boolean): void => {
      this.#underWay--;
      report.copiesAwaited--;
      if (!reports.isReported(report)) {
        operation.senderSeq = seq;
        operation.senderEpoch = epoch;
      }
      this.#ended(messageId, isMade);
      reports.flush();
    };
    report.copiesAwaited++;
    this.#underWay++;
    if (this.#copy(app, sender, messageId, record, placed) === CopyRoute.Here) return;
    report.copiesAwaited--;
    this.#underWay--;
  }

  finish(app: AppId, uid: Uid, messageId: MessageId, record: Buffer): void {
    const placed = (_seq: Seq, _epoch: Epoch, isMade: boolean): void => this.#ended(messageId, isMade);
    this.#copy(app, uid, messageId, record, placed);
  }

  takeLeft(): boolean {
    const hasLeft = this.#hasLeft;
    this.#hasLeft = false;
    return hasLeft;
  }

  #copy(app: AppId, uid: Uid, messageId: MessageId, record: Buffer, placed: CopyItem['placed']): CopyRoute {
    const handedOver = (): void => this.#ended(messageId, true);
    const route = this.#host.copy({ type: InternalType.Copy, app, uid, messageId, record, placed, handedOver });
    if (route === CopyRoute.Nowhere) this.#hasLeft = true;
    return route;
  }

  /** Forgets the note of a copy that is made, or remembers that there is one to be made. */
  #ended(messageId: MessageId, isMade: boolean): void {
    if (!isMade) {
      this.#hasLeft = true;
      return;
    }
    this.made.push(messageId);
    if (this.made.length === 1) this.#clock.setTimer(this.#wake, MADE_MS);
  }
}
