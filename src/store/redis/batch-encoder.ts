/** Turns operations into the keys and arguments of a call's section. See `apply-script.ts`, and `batch-answers.ts`. */
import type { AppId, MessageId, PartitionNumber, Uid } from '../../model/ids.ts';
import type { MessageIdSequence } from '../../model/message-id.ts';
import { partitionOf } from '../../model/partition.ts';
import { CLOCK_ERROR_MS_MAX } from '../dedupe-rules.ts';
import { type AppendOperation, type LoginOperation, OperationType, type RetentionPolicy } from '../store.ts';
import { messageIdAt, OperationCode } from './apply-script.ts';
import type { AnsweredBatch } from './batch-answers.ts';
import type { UserCache } from './cache/user-cache.ts';
import type { RedisArgument } from './client.ts';
import type { PartitionKeys } from './keys.ts';
import { InternalType, type LaneItem, type Tenure } from './lane-item.ts';
import { encodeRecord } from './message-record.ts';
import type { CallSection } from './shared-calls.ts';

export interface EncoderOptions {
  readonly partitions: number;
  readonly retention: (app: AppId) => RetentionPolicy;
  readonly dedupeWindowMs: number;
  /** A call has sections of several partitions. */
  readonly joinsTags: boolean;
  readonly cache: UserCache;
}

/** Brings partitions that a batch writes to into its call. */
export interface CallCompany {
  accompany(partition: PartitionNumber): void;
}

/** Arguments in front of the operations' own: see the header of the script. */
const HeaderAt = { Keys: 0, Arguments: 1, LastMessageId: 6, Codes: 8, Senders: 10 } as const;
const PARTITION_BYTES = 2;

export class EncodedBatch implements AnsweredBatch, CallSection {
  readonly items: readonly LaneItem[];
  readonly copiesMade: readonly MessageId[];
  readonly keys: string[];
  readonly args: RedisArgument[];
  /** Of the appends, in order; undefined for other items. */
  readonly records: (Buffer | undefined)[] = [];
  readonly partition: PartitionNumber;
  readonly partitions: number;
  readonly joinsTags: boolean;
  readonly cache: UserCache;
  /** Called more than once. */
  isRepeated = false;
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
    this.partition = tenure.partition;
    this.partitions = options.partitions;
    this.joinsTags = options.joinsTags;
    this.cache = options.cache;
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
    this.records.push(record);
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
