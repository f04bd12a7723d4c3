/** Which message is where, put together from what all readers saw. One place has one message, for everybody. */
import type { Findings } from './report.ts';

interface EpochPlaces {
  readonly idBySeq: Map<number, number>;
  readonly seqById: Map<number, number>;
}

export class Timeline {
  readonly app: string;
  readonly uid: string;
  readonly #epochs = new Map<number, EpochPlaces>();

  constructor(app: string, uid: string) {
    this.app = app;
    this.uid = uid;
  }

  /** `own`: a copy of what this user sent. */
  place(epoch: number, seq: number, messageId: number, own: boolean, seenBy: string, findings: Findings): void {
    let places = this.#epochs.get(epoch);
    if (places === undefined) {
      places = { idBySeq: new Map(), seqById: new Map() };
      this.#epochs.set(epoch, places);
    }
    const where = `${this.app}/${this.uid} epoch ${epoch}`;
    const present = places.idBySeq.get(seq);
    if (present === messageId) return;
    if (present !== undefined) {
      findings.add('seqReused', `${where} seq ${seq} holds ${present}, ${seenBy} found ${messageId} there`);
      return;
    }
    places.idBySeq.set(seq, messageId);
    const other = places.seqById.get(messageId);
    if (other === undefined) places.seqById.set(messageId, seq);
    else findings.add(own ? 'ownCopy' : 'twoSeqs', `${where} holds ${messageId} at seq ${other} and at seq ${seq}`);
  }

  get epochs(): Iterable<number> {
    return this.#epochs.keys();
  }

  seqOf(epoch: number, messageId: number): number | undefined {
    return this.#epochs.get(epoch)?.seqById.get(messageId);
  }

  /** How many places of the range hold a message that somebody has seen. */
  knownWithin(epoch: number, from: number, to: number): number {
    let known = 0;
    for (const seq of this.#epochs.get(epoch)?.idBySeq.keys() ?? []) if (seq >= from && seq <= to) known += 1;
    return known;
  }
}

export class Timelines {
  readonly #timelines = new Map<string, Timeline>();

  of(app: string, uid: string): Timeline {
    const key = `${app}\n${uid}`;
    let timeline = this.#timelines.get(key);
    if (timeline === undefined) {
      timeline = new Timeline(app, uid);
      this.#timelines.set(key, timeline);
    }
    return timeline;
  }
}
