/** What a fault of the store may cost is excused exactly when its readers were told, and nothing else is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageId, PartitionNumber } from '../src/model/ids.ts';
import { MessageIdSequence, messageIdTimeMs } from '../src/model/message-id.ts';
import { checkHistory } from '../tools/history/checker.ts';
import type { HistoryEvent } from '../tools/history/events.ts';
import { History } from '../tools/history/history.ts';
import type { Report } from '../tools/history/report.ts';

const SENT_MS = 1_790_000_000_000;
const WINDOW = { fromMs: SENT_MS - 10, toMs: SENT_MS + 10 };
const ids = new MessageIdSequence(0 as PartitionNumber);
const LOST = ids.next(SENT_MS);
const LATER = ids.next(SENT_MS + 1000);

interface Story {
  /** The readers that are told RESYNC. */
  readonly told?: readonly string[];
  /** Readers that find the message in the new epoch. */
  readonly found?: readonly string[];
  readonly messageId?: MessageId;
  /** The first try was stored, seen, lost; the sender had no answer and tried again. */
  readonly again?: boolean;
}

function start(client: string, uid: string): HistoryEvent {
  return { type: 'clientStarted', client, application: client, run: 1, app: 'a', uid, device: client };
}

function judge({ told = ['r1', 'r2'], found = [], messageId = LOST, again = false }: Story): Report {
  const send = { client: 's', target: 'bob', clientMsgId: 'm' } as const;
  const stored = { dup: false, serverTimeMs: messageIdTimeMs(messageId), ownEpoch: 0, ownSeq: 0 };
  const events: HistoryEvent[] = [
    start('s', 'alice'),
    { type: 'sendStarted', ...send, bodyHash: 77, order: 1, kind: 1 },
  ];
  if (again) {
    events.push({ type: 'sendUnknown', ...send });
    events.push({ type: 'sendStarted', ...send, bodyHash: 77, order: 1, kind: 1 });
  }
  const place = { epoch: 1, seq: 1, messageId };
  const content = { from: 'alice', to: 'bob', kind: 1, clientMsgId: '', bodyHash: 77 };
  for (const client of ['r1', 'r2']) {
    events.push(start(client, 'bob'));
    events.push({ type: 'sessionStarted', client, epoch: 1, floor: 1, head: 0, after: 0 });
    if (again && client === 'r1') {
      events.push({ type: 'received', client, ...place, ...content }, { type: 'delivered', client, ...place });
    }
    const isTold = told.includes(client);
    if (isTold) events.push({ type: 'resynced', client, epoch: 2, floor: 1, head: 0 });
    if (found.includes(client)) {
      const anew = { epoch: 2, seq: 1, messageId: again ? LATER : messageId };
      events.push({ type: 'received', client, ...anew, ...content }, { type: 'delivered', client, ...anew });
    }
    const seq = found.includes(client) ? 1 : 0;
    events.push({ type: 'reachedEnd', client, epoch: isTold ? 2 : 1, seq });
  }
  events.splice(again ? 4 : 2, 0, { type: 'sendStored', ...send, messageId: again ? LATER : messageId, ...stored });
  const history = new History();
  for (const event of events) history.append(event);
  return checkHistory(history, { storeLosses: [WINDOW], ownCopies: false });
}

test('a message of that time is excused for readers that were told, and counted once', () => {
  const { ok, looked } = judge({});
  assert.deepEqual([ok, looked.lostByStore], [true, 1]);
});

test('a reader that was not told has lost it', () => {
  const { counts, looked } = judge({ told: ['r1'] });
  assert.deepEqual([counts.lost, looked.lostByStore], [1, 1]);
});

test('a message of another time is lost, told or not', () => {
  assert.equal(judge({ messageId: LATER }).counts.lost, 2);
});

test('a message that somebody finds in the new epoch is lost for those who do not', () => {
  assert.equal(judge({ found: ['r1'] }).counts.lost, 1);
});

test('a message that was lost before its sender knew may be stored again, under another id', () => {
  const { ok, examples } = judge({ again: true, found: ['r1', 'r2'] });
  assert.equal(ok, true, JSON.stringify(examples));
});
