/**
 * One application: follows what its clients received, handed over and acknowledged, run after run.
 *
 *   seq:      1  2  3  4  5  6  7  8
 *             ✓  ✓  g  o  ✓  .  w  .      ✓ delivered  g in a reported gap  o own  w on the wire only  . unknown
 *                         ↑
 *                      delivered up to; 8 next would leave a hole at 6 and at 7
 */
import type { EventOf } from './events.ts';
import type { Findings } from './report.ts';
import type { Application, SendLedger, SentMessage } from './send-ledger.ts';
import { describe } from './send-ledger.ts';
import type { Timeline } from './timelines.ts';

/** Seqs that this application has been told it will not get. */
export interface Excuse {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  /** Also excuses from messages that nobody has seen. */
  readonly countsUnseen: boolean;
}

export class Reader {
  readonly application: Application;
  readonly timeline: Timeline;
  readonly excuses: Excuse[] = [];
  readonly #ledger: SendLedger;
  readonly #findings: Findings;
  readonly #delivered = new Set<number>();
  /** By epoch: seq → messageId as received, 0 for an own copy that is held without payload. */
  readonly #held = new Map<number, Map<number, number>>();
  #started = false;
  #epoch = 0;
  /** Everything up to here is delivered, own, or excused. */
  #position = 0;
  /** Everything up to here is held or excused: what may be acknowledged. */
  #contiguous = 0;
  #atEnd = false;
  #hasResynced = false;

  constructor(application: Application, timeline: Timeline, ledger: SendLedger, findings: Findings) {
    this.application = application;
    this.timeline = timeline;
    this.#ledger = ledger;
    this.#findings = findings;
  }

  /** It has read to the end, and nothing but the end came after. */
  get atEnd(): boolean {
    return this.#atEnd;
  }

  get hasResynced(): boolean {
    return this.#hasResynced;
  }

  hasDelivered(messageId: number): boolean {
    return this.#delivered.has(messageId);
  }

  session(event: EventOf<'sessionStarted'>): void {
    if (!this.#started) {
      this.#started = true;
      this.#startAt(event.epoch, event.after);
      this.#excuse(event.epoch, 1, event.after);
    } else if (event.epoch === this.#epoch && event.after > this.#contiguousNow()) {
      const holds = `${this.application.name} continues after ${event.after}, but holds only up to ${this.#contiguous}`;
      this.#findings.add('hole', holds);
    }
  }

  /** A copy of its own message lies at this place; it comes without payload. */
  ownStored(epoch: number, seq: number, messageId: number): void {
    this.timeline.place(epoch, seq, messageId, true, this.application.name, this.#findings);
    this.#hold(epoch, seq, 0);
  }

  received(event: EventOf<'received'>): void {
    const own = event.from === this.application.uid;
    this.timeline.place(event.epoch, event.seq, event.messageId, own, this.application.name, this.#findings);
    this.#hold(event.epoch, event.seq, event.messageId);
    this.#attribute(event);
    this.#findings.looked.received += 1;
  }

  delivered(event: EventOf<'delivered'>): void {
    const { name } = this.application;
    this.#atEnd = false;
    this.#findings.looked.delivered += 1;
    const place = `${event.messageId} (epoch ${event.epoch} seq ${event.seq})`;
    if (this.#delivered.has(event.messageId)) this.#findings.add('duplicate', `${name} got ${place} again`);
    else if (this.#held.get(event.epoch)?.get(event.seq) !== event.messageId) {
      this.#findings.add('phantom', `${name} got ${place}, which its clients had not received there`);
    } else if (event.epoch < this.#epoch) {
      // It was in hand when the timeline began anew, and moves nothing there.
    } else if (event.epoch > this.#epoch || event.seq <= this.#position) {
      const after = `after epoch ${this.#epoch} seq ${this.#position}`;
      this.#findings.add('inversion', `${name} got ${place} ${after}`);
    } else {
      this.#checkHoles(event.seq);
      this.#position = event.seq;
    }
    this.#delivered.add(event.messageId);
  }

  acked(event: EventOf<'acked'>): void {
    if (event.epoch === this.#epoch ? event.seq <= this.#contiguousNow() : event.epoch < this.#epoch) return;
    const { name } = this.application;
    const holds = `holds epoch ${this.#epoch} up to ${this.#contiguous}`;
    this.#findings.add('ackUnreceived', `${name} acknowledged epoch ${event.epoch} seq ${event.seq}, but ${holds}`);
  }

  gap(event: EventOf<'gapReported'>): void {
    this.#excuse(event.epoch, event.from, event.to);
    this.#findings.looked.gaps += 1;
  }

  resynced(event: EventOf<'resynced'>): void {
    this.#findings.looked.resyncs += 1;
    this.#hasResynced = true;
    this.#atEnd = false;
    this.#excuse(event.epoch, this.#position + 1, event.floor - 1);
    this.#started = true;
    this.#startAt(event.epoch, Math.max(0, event.floor - 1));
  }

  reachedEnd(event: EventOf<'reachedEnd'>): void {
    this.#atEnd = true;
    if (event.epoch === this.#epoch && event.seq > this.#position) {
      this.#checkHoles(event.seq + 1);
      this.#position = event.seq;
    }
  }

  /** Places keep their numbers from epoch to epoch: who cannot read one now may have missed it in any epoch before. */
  #excuse(lastEpoch: number, from: number, to: number): void {
    if (to < from) return;
    for (let epoch = 1; epoch <= lastEpoch; epoch += 1) {
      this.excuses.push({ epoch, from, to, countsUnseen: epoch === lastEpoch });
    }
  }

  #startAt(epoch: number, position: number): void {
    this.#epoch = epoch;
    this.#position = position;
    this.#contiguous = position;
  }

  #hold(epoch: number, seq: number, messageId: number): void {
    let held = this.#held.get(epoch);
    if (held === undefined) {
      held = new Map();
      this.#held.set(epoch, held);
    }
    if (messageId !== 0 || !held.has(seq)) held.set(seq, messageId);
  }

  #contiguousNow(): number {
    const held = this.#held.get(this.#epoch);
    while (held?.has(this.#contiguous + 1) === true || this.#isExcused(this.#contiguous + 1)) this.#contiguous += 1;
    return this.#contiguous;
  }

  /** Every seq between the position and `next` needs a reason for not being delivered. */
  #checkHoles(next: number): void {
    for (let seq = this.#position + 1; seq < next; seq += 1) {
      if (this.#isExplained(seq)) continue;
      const { name } = this.application;
      this.#findings.add('hole', `${name} went on to epoch ${this.#epoch} seq ${next} without ${seq}`);
      return;
    }
  }

  #isExplained(seq: number): boolean {
    if (this.#isExcused(seq)) return true;
    const messageId = this.#held.get(this.#epoch)?.get(seq);
    if (messageId === undefined) return false;
    return messageId === 0 || this.#delivered.has(messageId) || this.#isOwn(messageId);
  }

  #isOwn(messageId: number): boolean {
    return this.#ledger.byId(this.application.app, messageId)?.application === this.application;
  }

  #isExcused(seq: number): boolean {
    return this.excuses.some(({ epoch, from, to }) => epoch === this.#epoch && seq >= from && seq <= to);
  }

  /** Ties a receipt to the send that caused it. */
  #attribute(event: EventOf<'received'>): void {
    const { app, uid, name } = this.application;
    const what = `${name} received ${event.messageId} from ${event.from} to ${event.to}`;
    if (event.to !== uid && event.from !== uid) this.#findings.add('phantom', `${what}, which is for somebody else`);
    const named = this.#ledger.byId(app, event.messageId);
    if (named !== undefined && isThat(named, event)) return;
    let elsewhere: SentMessage | undefined;
    for (const message of this.#ledger.withBody(event.bodyHash)) {
      if (message.conversation.app !== app) elsewhere = message;
      else if (named === undefined && isThat(message, event)) {
        const refused = !message.stored && message.unknown <= 0;
        if (refused) this.#findings.add('phantom', `${what}: ${describe(message)}, which was refused`);
        this.#ledger.bind(message, event.messageId, 'received');
        return;
      }
    }
    if (elsewhere !== undefined) this.#findings.add('crossApp', `${what}: ${describe(elsewhere)}`);
    else if (named === undefined) this.#findings.add('phantom', `${what}, which nobody sent`);
    else this.#findings.add('phantom', `${what}: that is ${describe(named)}, with another body, sender or target`);
  }
}

function isThat(message: SentMessage, event: EventOf<'received'>): boolean {
  const { sender, target } = message.conversation;
  return (
    message.bodyHash === event.bodyHash &&
    sender === event.from &&
    target === event.to &&
    (event.clientMsgId === '' || event.clientMsgId === message.clientMsgId)
  );
}
