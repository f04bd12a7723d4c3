/** Turns the answers of a call's section into the results of its operations. See `apply-script.ts`. */
import type { AppId, Epoch, Generation, PartitionNumber, Seq, Uid } from '../../model/ids.ts';
import { messageIdTimeMs } from '../../model/message-id.ts';
import { partitionOf } from '../../model/partition.ts';
import { repeatStatus } from '../dedupe-rules.ts';
import { type AppendOperation, AppendStatus, OperationType, type ReauthenticateStatus } from '../store.ts';
import type { UserCache } from './cache/user-cache.ts';
import type { RedisReply } from './client.ts';
import { InternalType, type LaneItem } from './lane-item.ts';
import { takeLogin } from './login-answer.ts';
import { recordFingerprint, recordMessageId } from './message-record.ts';

/** An append whose message is stored and whose sender's copy is not. */
export interface PendingCopy {
  readonly operation: AppendOperation;
  readonly record: Buffer;
}

/** Told of what an answer asks for. */
export interface BatchFindings {
  copyPending(copy: PendingCopy): void;
  /** The timeline holds `length` messages now. */
  grew(app: AppId, uid: Uid, length: number): void;
  /** The same, of a timeline in another partition. */
  grewElsewhere(app: AppId, uid: Uid, length: number): void;
}

/** What was asked. */
export interface AnsweredBatch {
  readonly items: readonly LaneItem[];
  /** Of the appends, in order; undefined for other items. */
  readonly records: readonly (Buffer | undefined)[];
  readonly partition: PartitionNumber;
  readonly partitions: number;
  /** Senders' copies were part of the call. */
  readonly joinsTags: boolean;
  /** Told what the answers say. */
  readonly cache: UserCache;
}

/** Fills in the results of an answer whose status was Ok. */
export function takeAnswers(batch: AnsweredBatch, reply: readonly RedisReply[], findings: BatchFindings): void {
  const epoch = reply[1] as Epoch;
  const cache = batch.cache.of(batch.partition);
  let at = 2;
  for (const [place, item] of batch.items.entries()) {
    switch (item.type) {
      case OperationType.Append:
        at = takeAppend(batch, item, batch.records[place]!, reply, at, findings);
        break;
      case OperationType.Login:
        takeLogin(item, epoch, reply[at] as RedisReply[]);
        cache?.loggedIn(item, reply[at] as RedisReply[]);
        at++;
        break;
      case OperationType.Revoke:
        item.displaced = reply[at++] as Generation[];
        cache?.sessionsChanged(item.app, item.uid);
        break;
      case OperationType.Reauthenticate:
        item.status = reply[at++] as ReauthenticateStatus;
        cache?.sessionsChanged(item.app, item.uid);
        break;
      case InternalType.Copy:
        item.placed(reply[at] as Seq, epoch, true);
        findings.grew(item.app, item.uid, reply[at + 1] as number);
        if (reply[at] !== 0) cache?.stored(item.app, item.uid, epoch, reply[at] as Seq, item.record);
        at += 2;
        break;
      case InternalType.Expire:
      case InternalType.Verify:
        if (item.type === InternalType.Expire) cache?.forget(item.app, item.uid);
        item.done();
        break;
      case InternalType.Bury:
        item.buried(true);
        break;
    }
  }
}

/** Where the next answer is. */
function takeAppend(
  batch: AnsweredBatch,
  item: AppendOperation,
  record: Buffer,
  reply: readonly RedisReply[],
  at: number,
  findings: BatchFindings,
): number {
  const answer = reply[at]!;
  const isStored = typeof answer === 'number';
  const stored = isStored ? record : (answer as Buffer);
  item.status = isStored ? AppendStatus.Stored : repeatStatus(recordFingerprint(stored), recordFingerprint(record));
  item.messageId = recordMessageId(stored);
  item.timeMs = messageIdTimeMs(item.messageId);
  item.epoch = reply[1] as Epoch;
  const senderPartition = partitionOf(item.app, item.sender, batch.partitions);
  const isHere = senderPartition === batch.partition;
  item.senderEpoch = isHere ? item.epoch : (0 as Epoch);
  item.seq = (isStored ? answer : 0) as Seq;
  item.senderSeq = 0 as Seq;
  if (!isStored) return at + 1;
  findings.grew(item.app, item.target, reply[at + 1] as number);
  batch.cache.of(batch.partition)?.stored(item.app, item.target, item.epoch, item.seq, record);
  if (!item.copyToSender || item.sender === item.target) return at + 2;
  const copySeq = batch.joinsTags || isHere ? (reply[at + 2] as Seq) : 0;
  if (copySeq === 0) findings.copyPending({ operation: item, record });
  else {
    item.senderSeq = copySeq as Seq;
    item.senderEpoch = (batch.joinsTags ? reply[at + 4] : reply[1]) as Epoch;
    batch.cache.of(senderPartition)?.stored(item.app, item.sender, item.senderEpoch, item.senderSeq, record);
    if (isHere) findings.grew(item.app, item.sender, reply[at + 3] as number);
    else findings.grewElsewhere(item.app, item.sender, reply[at + 3] as number);
  }
  if (batch.joinsTags) return at + 5;
  return isHere ? at + 4 : at + 2;
}
