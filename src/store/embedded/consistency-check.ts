/**
 * What checksums cannot see: whether the entries of intact records fit together. Each message id is new in its
 * partition, each seq follows the one before it in its timeline (so that no (epoch, seq) occurs twice), epochs never
 * fall, and every user that is mentioned has a name.
 *
 * Needs about 24 bytes a user. The first entry that does not fit ends the check.
 */
import type { MessageId } from '../../model/ids.ts';
import { messageIdPartition, messageIdTimeMs } from '../../model/message-id.ts';
import { AppendEntry, decodeAppendIndex, decodeTimeline, decodeUser, entryUser } from './entry-codec.ts';
import { EntryType, RECORD_HEADER_BYTES } from './format.ts';
import type { StoreMeta } from './meta-file.ts';
import { firstEntry, nextEntry } from './record-reader.ts';

export class ConsistencyCheck {
  readonly #epochs: readonly number[];
  readonly #lastEpochs: number[];
  readonly #append = new AppendEntry();
  /** By user. */
  readonly #heads: number[] = [];
  readonly #isNamed: boolean[] = [];
  /** By user: how many gaps between segments came before the newest entry about its head. */
  readonly #gapsSeen: number[] = [];
  #gaps = 0;
  /** By partition: the largest message id. */
  readonly lastMessageIds: number[];
  messages = 0;
  lastTimeMs = 0;

  constructor(meta: StoreMeta) {
    this.#epochs = meta.epochs;
    this.#lastEpochs = meta.epochs.map(() => 0);
    this.lastMessageIds = meta.epochs.map(() => 0);
  }

  get users(): number {
    return this.#heads.length;
  }

  /** Segments are missing here because retention deleted them: seqs may jump. */
  gap(): void {
    this.#gaps++;
  }

  /** Users that were mentioned but never named. */
  unnamedUsers(): number[] {
    const unnamed: number[] = [];
    for (let user = 0; user < this.#heads.length; user++) if (this.#isNamed[user] !== true) unnamed.push(user);
    return unnamed;
  }

  /** A text says what does not fit. */
  record(bytes: Buffer, view: DataView, offset: number, length: number): string | undefined {
    const end = offset + length;
    for (let block = offset + RECORD_HEADER_BYTES; block < end; block += view.getUint32(block, true)) {
      const blockLength = view.getUint32(block, true);
      for (let at = firstEntry(view, block, blockLength); at >= 0; at = nextEntry(view, at, block, blockLength)) {
        const problem = this.#entry(view, bytes, at);
        if (problem !== undefined) return problem;
      }
    }
    return undefined;
  }

  #entry(view: DataView, bytes: Buffer, at: number): string | undefined {
    const type = view.getUint16(at, true);
    if (type === EntryType.Append) return this.#appendEntry(view, at);
    if (type === EntryType.Dedupe) return undefined;
    if (type > EntryType.Dedupe) return `an entry of the unknown type ${type}`;
    const user = entryUser(view, at);
    this.#mention(user);
    if (type === EntryType.User) {
      decodeUser(view, bytes, at);
      this.#isNamed[user] = true;
    } else if (type === EntryType.Timeline) return this.#timeline(user, decodeTimeline(view, at).head);
    return undefined;
  }

  #appendEntry(view: DataView, at: number): string | undefined {
    const entry = this.#append;
    decodeAppendIndex(view, at, entry);
    const partition = messageIdPartition(entry.messageId as MessageId);
    if (partition !== entry.partition || partition >= this.#epochs.length) {
      return `message ${entry.messageId} is in partition ${entry.partition}`;
    }
    if (entry.messageId <= this.lastMessageIds[partition]!) return `message id ${entry.messageId} was given out before`;
    if (entry.epoch < this.#lastEpochs[partition]! || entry.epoch > this.#epochs[partition]!) {
      return `message ${entry.messageId} has epoch ${entry.epoch} after ${this.#lastEpochs[partition]}`;
    }
    const problem =
      this.#advance(entry.target, entry.seq) ??
      (entry.senderSeq > 0 ? this.#advance(entry.sender, entry.senderSeq) : undefined);
    if (problem !== undefined) return problem;
    this.#mention(entry.sender);
    this.lastMessageIds[partition] = entry.messageId;
    this.#lastEpochs[partition] = entry.epoch;
    this.messages += 1;
    this.lastTimeMs = Math.max(this.lastTimeMs, messageIdTimeMs(entry.messageId as MessageId));
    return undefined;
  }

  #advance(user: number, seq: number): string | undefined {
    this.#mention(user);
    const head = this.#heads[user]!;
    if (seq <= head) return `seq ${seq} of user number ${user} was given out before`;
    if (seq !== head + 1 && this.#gapsSeen[user] === this.#gaps) {
      return `seq ${seq} of user number ${user} follows seq ${head}`;
    }
    this.#heads[user] = seq;
    this.#gapsSeen[user] = this.#gaps;
    return undefined;
  }

  #timeline(user: number, head: number): string | undefined {
    const before = this.#heads[user]!;
    if (head < before) return `the head of user number ${user} falls from ${before} to ${head}`;
    if (head > before && this.#gapsSeen[user] === this.#gaps) {
      return `the head of user number ${user} rises from ${before} to ${head} without a message`;
    }
    this.#heads[user] = head;
    this.#gapsSeen[user] = this.#gaps;
    return undefined;
  }

  #mention(user: number): void {
    while (this.#heads.length <= user) {
      this.#heads.push(0);
      this.#isNamed.push(false);
      this.#gapsSeen.push(0);
    }
  }
}
