/**
 * Finds what is intact behind a damaged place, where the chain can no longer be followed: records that pass their
 * checksums and lie where they say they lie.
 */
import type { MessageId } from '../../model/ids.ts';
import { messageIdPartition } from '../../model/message-id.ts';
import { AppendEntry, decodeAppendIndex, decodeUser, type UserEntry } from './entry-codec.ts';
import { ALIGNMENT, EntryType, RECORD_HEADER_BYTES, RECORD_MAGIC } from './format.ts';
import { blocksAreIntact, firstEntry, nextEntry, readRecordHeader } from './record-reader.ts';

export interface ByteRange {
  from: number;
  to: number;
}

export class LogSurvey {
  readonly #secret: number;
  readonly #append = new AppendEntry();
  /** By partition: the largest message id seen. */
  readonly #lastMessageIds: number[];
  /** Names by user number. */
  readonly names: Map<number, UserEntry> = new Map();
  bytes = 0;
  commits = 0;
  messages = 0;

  constructor(secret: number, lastMessageIds: number[]) {
    this.#secret = secret;
    this.#lastMessageIds = lastMessageIds;
  }

  /** Looks through a segment from offset `from` on; answers the offsets that belong to no intact record. */
  segment(bytes: Buffer, view: DataView, base: number, from: number): ByteRange[] {
    const damaged: ByteRange[] = [];
    this.bytes += bytes.length - from;
    let at = from;
    let intactTo = from;
    while (at + RECORD_HEADER_BYTES <= bytes.length) {
      const isHeader = view.getUint32(at, true) === RECORD_MAGIC;
      const header = isHeader ? readRecordHeader(bytes, view, at, this.#secret) : undefined;
      const isIntact =
        header !== undefined &&
        header.position === base + at &&
        blocksAreIntact(bytes, view, at, header, this.#secret) &&
        header.length >= RECORD_HEADER_BYTES;
      if (!isIntact) {
        at += ALIGNMENT;
        continue;
      }
      if (at > intactTo) damaged.push({ from: intactTo, to: at });
      this.#record(bytes, view, at, header.length);
      at += header.length;
      intactTo = at;
    }
    if (intactTo < bytes.length) damaged.push({ from: intactTo, to: bytes.length });
    return damaged;
  }

  #record(bytes: Buffer, view: DataView, offset: number, length: number): void {
    this.commits += 1;
    const end = offset + length;
    for (let block = offset + RECORD_HEADER_BYTES; block < end; block += view.getUint32(block, true)) {
      const blockLength = view.getUint32(block, true);
      for (let at = firstEntry(view, block, blockLength); at >= 0; at = nextEntry(view, at, block, blockLength)) {
        this.#entry(view, bytes, at);
      }
    }
  }

  #entry(view: DataView, bytes: Buffer, at: number): void {
    const type = view.getUint16(at, true);
    if (type === EntryType.User) {
      const entry = decodeUser(view, bytes, at);
      this.names.set(entry.user, entry);
    } else if (type === EntryType.Append) {
      decodeAppendIndex(view, at, this.#append);
      this.messages += 1;
      const { messageId } = this.#append;
      const partition = messageIdPartition(messageId as MessageId);
      if (messageId > (this.#lastMessageIds[partition] ?? Number.POSITIVE_INFINITY)) {
        this.#lastMessageIds[partition] = messageId;
      }
    }
  }
}
