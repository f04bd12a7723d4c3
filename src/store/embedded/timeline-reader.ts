/**
 * Reads messages: from the log's tail in memory when they are fresh, else a block each from the disk, several at once.
 * A block that fails its checksum is an error, never an answer.
 */
import type { ClientMsgId, MessageId, Seq, Uid } from '../../model/ids.ts';
import { messageIdTimeMs } from '../../model/message-id.ts';
import type { MessageKind, StoredMessage } from '../store.ts';
import type { EngineState } from './engine-state.ts';
import { AppendEntry, decodeAppendContent, decodeAppendIndex } from './entry-codec.ts';
import { EntryType, viewOf } from './format.ts';
import type { LogTail } from './log-tail.ts';
import { blockIsIntact, firstEntry, nextEntry } from './record-reader.ts';

/** The first read of a block: most are not much longer than `BLOCK_BYTES`. */
const READ_BYTES = 8192;
const READS_AT_ONCE = 16;
/** A length beyond this is not a block's: an entry is one payload, blocks close at 4 KiB. */
const BLOCK_LENGTH_MAX = 64 * 1024 * 1024;

/** Stored bytes do not match their checksum any more. */
export class StoreReadError extends Error {
  override readonly name = 'StoreReadError';
}

export class TimelineReader {
  readonly #state: EngineState;
  readonly #tail: LogTail;
  readonly #secret: number;

  constructor(state: EngineState, tail: LogTail, secret: number) {
    this.#state = state;
    this.#tail = tail;
    this.#secret = secret;
  }

  /** Messages from `first` to `last`, stopping early at `bytesMax` or where retention has caught up with the reader. */
  async read(user: number, first: number, last: number, bytesMax: number): Promise<StoredMessage[]> {
    const messages: StoredMessage[] = [];
    let bytes = 0;
    for (let seq = first; seq <= last; seq += READS_AT_ONCE) {
      const wave: Promise<StoredMessage | undefined>[] = [];
      const end = Math.min(last, seq + READS_AT_ONCE - 1);
      for (let s = seq; s <= end; s++) wave.push(Promise.resolve(this.#message(user, s)));
      for (const message of await Promise.all(wave)) {
        if (message === undefined) return messages;
        bytes += message.payload.length;
        if (messages.length > 0 && bytes > bytesMax) return messages;
        messages.push(message);
      }
    }
    return messages;
  }

  #message(user: number, seq: number): StoredMessage | undefined | Promise<StoredMessage | undefined> {
    const position = this.#state.timelines.position(user, seq);
    if (position < 0) return undefined;
    const chunk = this.#tail.find(position);
    if (chunk === undefined) return this.#messageFromDisk(user, seq, position);
    return this.#findInBlock(chunk.bytes, chunk.view, position - chunk.position, user, seq);
  }

  async #messageFromDisk(user: number, seq: number, position: number): Promise<StoredMessage | undefined> {
    let bytes = Buffer.allocUnsafe(READ_BYTES);
    let length = await this.#state.segments.read(bytes, position);
    if (length === 0) return undefined;
    const stated = length >= 4 ? bytes.readUInt32LE(0) : 0;
    if (stated > length && stated <= BLOCK_LENGTH_MAX) {
      bytes = Buffer.allocUnsafe(stated);
      length = await this.#state.segments.read(bytes, position);
      if (length === 0) return undefined;
    }
    const view = viewOf(bytes);
    if (stated > length || !blockIsIntact(bytes, view, 0, stated, this.#secret)) {
      throw new StoreReadError(`the log is damaged at position ${position}; run \`sluice fsck\``);
    }
    return this.#findInBlock(bytes, view, 0, user, seq);
  }

  #findInBlock(bytes: Buffer, view: DataView, block: number, user: number, seq: number): StoredMessage {
    const length = view.getUint32(block, true);
    const entry = new AppendEntry();
    for (let at = firstEntry(view, block, length); at >= 0; at = nextEntry(view, at, block, length)) {
      if (view.getUint16(at, true) !== EntryType.Append) continue;
      decodeAppendIndex(view, at, entry);
      const isTargets = entry.target === user && entry.seq === seq;
      if (!isTargets && !(entry.sender === user && entry.senderSeq === seq)) continue;
      decodeAppendContent(view, bytes, at, entry);
      return this.#stored(entry, seq);
    }
    throw new StoreReadError(`seq ${seq} is not where the index says; restart the store to rebuild the index`);
  }

  #stored(entry: AppendEntry, seq: number): StoredMessage {
    const { directory } = this.#state;
    const messageId = entry.messageId as MessageId;
    return {
      seq: seq as Seq,
      messageId,
      timeMs: messageIdTimeMs(messageId),
      kind: entry.kind as MessageKind,
      from: directory.uid(entry.sender) as Uid,
      to: directory.uid(entry.target) as Uid,
      clientMsgId: entry.clientMsgId as ClientMsgId,
      payload: entry.payload,
    };
  }
}
