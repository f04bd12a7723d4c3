/**
 * What was acknowledged and never delivered to a reader that reached the end.
 *
 * A reader is excused from the seqs that a gap, a resync or its starting place told it of. Where some device has seen the
 * message, its seq decides. Where none has, its seq is unknown: then a reader may miss as many such messages as its
 * excuses have places that nobody can account for.
 */
import type { Reader } from './reader.ts';
import type { Findings, Violation } from './report.ts';
import { describe, type SentMessage } from './send-ledger.ts';
import type { StoreLosses } from './store-losses.ts';

/** A user's message as MESSAGE and SENDACK know it; what a back end sends has no copy. */
const KIND_CLIENT_TO_CLIENT = 0;

export function checkLosses(
  messages: readonly SentMessage[],
  readers: readonly Reader[],
  ownCopies: boolean,
  storeLosses: StoreLosses,
  findings: Findings,
): void {
  const readersOf = new Map<string, Reader[]>();
  for (const reader of readers.filter(({ atEnd }) => atEnd)) {
    const key = `${reader.application.app}\n${reader.application.uid}`;
    readersOf.set(key, [...(readersOf.get(key) ?? []), reader]);
  }
  const spare = new Map<Reader, number>();
  const gone = new Set<SentMessage>();
  const check = (message: SentMessage, uid: string, violation: Violation): void => {
    for (const reader of readersOf.get(`${message.conversation.app}\n${uid}`) ?? []) {
      if (reader.application === message.application || reader.hasDelivered(message.messageId)) continue;
      if (isExcused(reader, message, spare)) findings.looked.explained += 1;
      else if (storeLosses.explains(reader, message.messageId)) gone.add(message);
      else
        findings.add(violation, `${describe(message)}, ${message.messageId}: never came to ${reader.application.name}`);
    }
  };
  for (const message of messages) {
    if (!message.stored) continue;
    const { sender, target } = message.conversation;
    check(message, target, 'lost');
    if (ownCopies && sender !== target && message.kind === KIND_CLIENT_TO_CLIENT) check(message, sender, 'ownCopy');
  }
  findings.looked.lostByStore = gone.size;
}

/** `spare`: places of unknown content that each reader is still excused from. */
function isExcused(reader: Reader, message: SentMessage, spare: Map<Reader, number>): boolean {
  if (reader.excuses.length === 0) return false;
  let seen = false;
  for (const epoch of reader.timeline.epochs) {
    const seq = reader.timeline.seqOf(epoch, message.messageId);
    if (seq === undefined) continue;
    seen = true;
    if (reader.excuses.some((excuse) => excuse.epoch === epoch && seq >= excuse.from && seq <= excuse.to)) return true;
  }
  if (seen) return false;
  const left = spare.get(reader) ?? unaccounted(reader);
  spare.set(reader, left - 1);
  return left > 0;
}

function unaccounted(reader: Reader): number {
  const counting = reader.excuses.filter(({ countsUnseen }) => countsUnseen);
  return counting.reduce((sum, { epoch, from, to }) => {
    return sum + to - from + 1 - reader.timeline.knownWithin(epoch, from, to);
  }, 0);
}
