/** Turns operations into the keys and arguments of one call, and its answers into results. See `apply-script.ts`. */
import type { AppId, Epoch, Generation, MessageId, PartitionNumber, Seq, Uid } from '../../model/ids.ts';
import { type MessageIdSequence, messageIdTimeMs } from '../../model/message-id.ts';
import { partitionOf } from '../../model/partition.ts';
import { CLOCK_ERROR_MS_MAX, repeatStatus } from '../dedupe-rules.ts';
import {
  type AppendOperation,
  AppendStatus,
  type LoginOperation,
  type LoginStatus,
  OperationType,
  type ReauthenticateStatus,
  type RetentionPolicy,
} from '../store.ts';
import { messageIdAt, OperationCode } from './apply-script.ts';
import type { RedisArgument, RedisReply } from './client.ts';
import type { PartitionKeys } from './keys.ts';
import { InternalType, type LaneItem, type Tenure } from './lane-item.ts';
import { encodeRecord, recordFingerprint, recordMessageId } from './message-record.ts';

export interface EncoderOptions {
  readonly partitions: number;
  readonly retention: (app: AppId) => RetentionPolicy;
  readonly dedupeWindowMs: number;
  /** A call has sections of several partitions. */
  readonly joinsTags: boolean;
}

/** Brings partitions that a batch writes to into its call. */
export interface CallCompany {
  accompany(partition: PartitionNumber): void;
}

/** An append whose message is stored and whose sender lives in another partition. */
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

/** Arguments in front of the operations' own: see the header of the script. */
const HeaderAt = { Keys: 0, Arguments: 1, LastMessageId: 6, Codes: 8, Senders: 10 } as const;
const PARTITION_BYTES = 2;

export class EncodedBatch {
  readonly items: readonly LaneItem[];
  readonly copiesMade: readonly MessageId[];
  readonly keys: string[];
  readonly args: RedisArgument[];
  /** Of the appends, in order; undefined for other items. */
  readonly #records: (Buffer | undefined)[] = [];
  readonly #options: EncoderOptions;
  readonly #names: PartitionKeys;
  readonly #tenure: Tenure;
  readonly #nowMs: number;
  readonly #host: CallCompany;
  #codes = '';
  /** Partitions of the senders of copies, in order. */
  readonly #senders: number[] = [];
  #app: AppId | undefined;
  #stream = '';

  constructor(
    items: readonly LaneItem[],
    copiesMade: readonly MessageId[],
    context: {
      options: EncoderOptions;
      keys: PartitionKeys;
      tenure: Tenure;
      ids: MessageIdSequence;
      nowMs: number;
      host: CallCompany;
    },
  ) {
    const { options, keys, tenure, ids, nowMs, host } = context;
    this.items = items;
    this.copiesMade = copiesMade;
    this.#options = options;
    this.#names = keys;
    this.#tenure = tenure;
    this.#nowMs = nowMs;
    this.#host = host;
    this.keys = [keys.fence, keys.answers, keys.copies, keys.apps];
    const windowMs = options.dedupeWindowMs + CLOCK_ERROR_MS_MAX;
    this.args = [
      '',
      '',
      String(tenure.ownerEpoch),
      String(tenure.batch + 1),
      String(messageIdAt(nowMs - windowMs)),
      String(windowMs),
      '',
      String(nowMs),
      '',
      String(tenure.partition),
      '',
    ];
    if (copiesMade.length > 0) {
      this.#codes = OperationCode.CopiesDone;
      this.args.push(String(copiesMade.length), ...copiesMade.map(String));
    }
    for (const item of items) this.#encode(item, ids);
    this.args[HeaderAt.Keys] = String(this.keys.length);
    this.args[HeaderAt.Arguments] = String(this.args.length);
    this.args[HeaderAt.LastMessageId] = String(tenure.lastMessageId);
    this.args[HeaderAt.Codes] = this.#codes;
    if (this.#senders.length > 0) this.args[HeaderAt.Senders] = partitionBytes(this.#senders);
  }

  /** Fills in the results of an answer whose status was Ok. */
  take(reply: readonly RedisReply[], findings: BatchFindings): void {
    const epoch = reply[1] as Epoch;
    let at = 2;
    for (const [place, item] of this.items.entries()) {
      switch (item.type) {
        case OperationType.Append:
          at = this.#takeAppend(item, this.#records[place]!, epoch, reply, at, findings);
          break;
        case OperationType.Login:
          takeLogin(item, epoch, reply[at++] as number[]);
          break;
        case OperationType.Revoke:
          item.displaced = reply[at++] as Generation[];
          break;
        case OperationType.Reauthenticate:
          item.status = reply[at++] as ReauthenticateStatus;
          break;
        case InternalType.Copy:
          item.placed(reply[at] as Seq, epoch, true);
          findings.grew(item.app, item.uid, reply[at + 1] as number);
          at += 2;
          break;
        case InternalType.Expire:
        case InternalType.Verify:
          item.done();
          break;
        case InternalType.Bury:
          item.buried(true);
          break;
      }
    }
  }

  #encode(item: LaneItem, ids: MessageIdSequence): void {
    const { keys, args } = this;
    const names = this.#names;
    let record: Buffer | undefined;
    switch (item.type) {
      case OperationType.Append:
        record = this.#encodeAppend(item, ids);
        if (item.entryId !== undefined) this.#endEntry(names.pushEntries, item.entryId);
        break;
      case OperationType.Login:
        this.#encodeLogin(item);
        break;
      case OperationType.Cursor:
        this.#codes += OperationCode.Cursor;
        keys.push(names.sessions(item.app, item.uid), names.head(item.app, item.uid));
        args.push(item.deviceId, String(item.epoch), String(item.seq));
        break;
      case OperationType.Revoke:
        this.#codes += OperationCode.Revoke;
        keys.push(names.sessions(item.app, item.uid));
        args.push(String(item.revokeBeforeMs));
        break;
      case OperationType.Reauthenticate:
        this.#codes += OperationCode.Reauthenticate;
        keys.push(names.sessions(item.app, item.uid));
        args.push(item.deviceId, String(item.generation), String(item.issuedAtMs), String(item.sessionExpiresAtS));
        break;
      case InternalType.Copy:
        this.#useApp(item.app);
        this.#codes += OperationCode.Copy;
        keys.push(names.copyDone(item.messageId), names.head(item.app, item.uid), names.timeline(item.app, item.uid));
        args.push(item.record);
        if (item.entryId !== undefined) this.#endEntry(names.copyEntries, item.entryId);
        break;
      case InternalType.Trim:
        this.#codes += OperationCode.Trim;
        keys.push(names.timeline(item.app, item.uid));
        args.push(String(this.#options.retention(item.app).countMax));
        break;
      case InternalType.Expire:
        this.#codes += OperationCode.Expire;
        keys.push(names.timeline(item.app, item.uid), names.ages(item.app));
        args.push(String(messageIdAt(this.#nowMs - this.#options.retention(item.app).ageMs)), item.uid);
        break;
      case InternalType.Bury:
        this.#useStream(item.stream);
        this.#codes += OperationCode.Bury;
        keys.push(names.deadLetters);
        args.push(item.entryId, item.reason, String(item.deliveries), String(item.deadLettersMax));
        break;
    }
    this.#records.push(record);
  }

  #encodeAppend(item: AppendOperation, ids: MessageIdSequence): Buffer {
    const { app, target, sender } = item;
    const names = this.#names;
    const messageId = ids.next(this.#nowMs);
    this.#tenure.lastMessageId = messageId;
    const record = encodeRecord(item, messageId);
    this.#useApp(app);
    if (this.#options.joinsTags) {
      this.#encodeNamed(item, record);
      return record;
    }
    this.keys.push(
      names.dedupe(app, target, sender, item.clientMsgId),
      names.head(app, target),
      names.timeline(app, target),
    );
    this.args.push(record);
    if (!item.copyToSender || sender === target) this.#codes += OperationCode.Append;
    else if (this.#isHere(app, sender)) {
      this.#codes += OperationCode.AppendTwice;
      this.keys.push(names.head(app, sender), names.timeline(app, sender));
    } else {
      this.#codes += OperationCode.AppendNote;
      this.args.push(String(messageId), `${app}/${sender}\n`);
    }
    return record;
  }

  #encodeNamed({ app, target, sender, copyToSender }: AppendOperation, record: Buffer): void {
    this.args.push(record);
    if (!copyToSender || sender === target) {
      this.#codes += OperationCode.AppendNamed;
      return;
    }
    this.#codes += OperationCode.AppendNamedTwice;
    const partition = partitionOf(app, sender, this.#options.partitions);
    this.#senders.push(partition);
    if (partition !== this.#tenure.partition) this.#host.accompany(partition);
  }

  #encodeLogin(item: LoginOperation): void {
    const { app, uid, ticket, nextTicket } = item;
    const names = this.#names;
    this.#codes += OperationCode.Login;
    this.keys.push(names.sessions(app, uid), names.head(app, uid), names.timeline(app, uid));
    this.args.push(
      item.deviceId,
      item.deviceType,
      String(item.intent),
      String(item.lastGeneration),
      String(item.issuedAtMs),
      ticket === undefined ? '' : Buffer.from(ticket),
      nextTicket === undefined ? '' : Buffer.from(nextTicket),
      String(item.ticketLifetimeMs),
      String(item.sessionExpiresAtS),
      String(item.policy),
      String(item.newDeviceStart),
      String(this.#options.retention(app).countMax),
    );
  }

  #takeAppend(
    item: AppendOperation,
    record: Buffer,
    epoch: Epoch,
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
    item.epoch = epoch;
    item.senderEpoch = this.#isHere(item.app, item.sender) ? epoch : (0 as Epoch);
    item.seq = (isStored ? answer : 0) as Seq;
    item.senderSeq = 0 as Seq;
    if (!isStored) return at + 1;
    findings.grew(item.app, item.target, reply[at + 1] as number);
    if (!item.copyToSender || item.sender === item.target) return at + 2;
    if (this.#options.joinsTags) return this.#takeCopy(item, record, reply, at + 2, findings);
    if (!this.#isHere(item.app, item.sender)) {
      findings.copyPending({ operation: item, record });
      return at + 2;
    }
    item.senderSeq = reply[at + 2] as Seq;
    findings.grew(item.app, item.sender, reply[at + 3] as number);
    return at + 4;
  }

  #takeCopy(
    item: AppendOperation,
    record: Buffer,
    reply: readonly RedisReply[],
    at: number,
    findings: BatchFindings,
  ): number {
    const seq = reply[at] as Seq;
    if (seq === 0) findings.copyPending({ operation: item, record });
    else {
      item.senderSeq = seq;
      item.senderEpoch = reply[at + 2] as Epoch;
      findings.grewElsewhere(item.app, item.sender, reply[at + 1] as number);
    }
    return at + 3;
  }

  #endEntry(stream: string, entryId: string): void {
    this.#useStream(stream);
    this.#codes += OperationCode.EntryDone;
    this.args.push(entryId);
  }

  #useStream(stream: string): void {
    if (stream === this.#stream) return;
    this.#stream = stream;
    this.#codes += OperationCode.Stream;
    this.keys.push(stream);
  }

  #isHere(app: AppId, uid: Uid): boolean {
    return partitionOf(app, uid, this.#options.partitions) === this.#tenure.partition;
  }

  #useApp(app: AppId): void {
    if (app === this.#app) return;
    this.#app = app;
    this.#codes += OperationCode.App;
    this.keys.push(this.#names.ages(app));
    this.args.push(app, String(this.#names.uidOffset(app)));
  }
}

function partitionBytes(partitions: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(partitions.length * PARTITION_BYTES);
  for (const [place, partition] of partitions.entries()) bytes.writeUInt16BE(partition, place * PARTITION_BYTES);
  return bytes;
}

function takeLogin(item: LoginOperation, epoch: Epoch, answer: readonly RedisReply[]): void {
  const [status, generation, cursor, head, floor, issuedAtMs, displaced] = answer;
  item.status = status as LoginStatus;
  item.generation = generation as Generation;
  item.cursor = cursor as Seq;
  item.head = head as Seq;
  item.floor = floor as Seq;
  item.issuedAtMs = issuedAtMs as number;
  item.displaced = displaced as Generation[];
  item.epoch = epoch;
}
