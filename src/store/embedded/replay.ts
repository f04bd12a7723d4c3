/** Applies the entries of one intact record to the state. Costs about a quarter of a microsecond an entry; no text becomes a string. */

import type { AppId, MessageId } from '../../model/ids.ts';
import { messageIdPartition, messageIdTimeMs } from '../../model/message-id.ts';
import { NO_DEVICE } from './device-pool.ts';
import type { EngineState } from './engine-state.ts';
import {
  AppendEntry,
  CURSOR_DEVICE,
  decodeAppendIndex,
  decodeCursor,
  decodeDedupe,
  decodeTimeline,
  entryPartition,
  entryUser,
  USER_APP,
} from './entry-codec.ts';
import { RepeatedText, textAfter } from './entry-text.ts';
import { EntryType, RECORD_HEADER_BYTES } from './format.ts';
import { firstEntry, nextEntry } from './record-reader.ts';
import type { Segment } from './segment-set.ts';
import { SessionsDecoder } from './sessions-decoder.ts';

export class Replay {
  readonly #state: EngineState;
  readonly #append = new AppendEntry();
  readonly #sessions = new SessionsDecoder();
  readonly #apps = new RepeatedText();
  #lastTimeMs = 0;

  constructor(state: EngineState) {
    this.#state = state;
  }

  /** The record at `offset` of `bytes`, whose checksums are known to be right, lies at `position` of the log. */
  record(bytes: Buffer, view: DataView, offset: number, length: number, position: number, segment: Segment): void {
    const end = offset + length;
    let block = offset + RECORD_HEADER_BYTES;
    while (block < end) {
      const blockLength = view.getUint32(block, true);
      const blockPosition = position + block - offset;
      for (let at = firstEntry(view, block, blockLength); at >= 0; at = nextEntry(view, at, block, blockLength)) {
        if (view.getUint16(at, true) === EntryType.Append) this.#replayAppend(view, at, blockPosition, segment);
        else this.#replayRare(view, bytes, at, blockPosition);
      }
      block += blockLength;
    }
    if (this.#lastTimeMs > 0) this.#state.marks.note(this.#lastTimeMs, position);
  }

  #replayAppend(view: DataView, at: number, position: number, segment: Segment): void {
    const state = this.#state;
    const entry = this.#append;
    decodeAppendIndex(view, at, entry);
    this.#place(entry.target, entry.seq, position, segment);
    if (entry.senderSeq > 0) this.#place(entry.sender, entry.senderSeq, position, segment);
    else state.directory.reserve(entry.sender);
    const timeMs = this.#noteMessageId(entry.messageId);
    if (state.dedupe.isWithinWindow(timeMs)) {
      state.dedupe.insert(entry.key0, entry.key1, entry.key2, entry.bodyHash, entry.messageId, timeMs);
    }
  }

  #place(user: number, seq: number, position: number, segment: Segment): void {
    const { directory, timelines } = this.#state;
    directory.reserve(user);
    // A seq beyond the next one: the segments between held only messages below the floor and were deleted.
    if (seq !== directory.head[user]! + 1) this.#state.advanceFloor(user, seq);
    timelines.append(user, seq, position, directory.floor[user]!);
    directory.head[user] = seq;
    directory.visibleHead[user] = seq;
    segment.liveRows++;
  }

  #replayRare(view: DataView, bytes: Buffer, at: number, position: number): void {
    const state = this.#state;
    const { directory, devices } = state;
    switch (view.getUint16(at, true)) {
      case EntryType.User: {
        const user = entryUser(view, at);
        const uidAt = textAfter(bytes, at + USER_APP);
        directory.name(user, this.#apps.read(bytes, at + USER_APP) as AppId, entryPartition(view, at), bytes, uidAt);
        directory.snapshotPosition[user] = position;
        return;
      }
      case EntryType.Sessions: {
        const user = entryUser(view, at);
        directory.reserve(user);
        this.#sessions.restore(state, user, view, bytes, at);
        return;
      }
      case EntryType.Cursor: {
        const user = entryUser(view, at);
        directory.reserve(user);
        const row = devices.findBytes(directory.firstDevice[user]!, bytes, at + CURSOR_DEVICE);
        if (row === NO_DEVICE) return;
        const cursor = decodeCursor(view, at);
        devices.cursor[row] = cursor.seq;
        devices.lastUsedMs[row] = cursor.lastUsedMs;
        return;
      }
      case EntryType.Timeline: {
        const user = entryUser(view, at);
        const { head, floor } = decodeTimeline(view, at);
        directory.reserve(user);
        state.advanceFloor(user, floor);
        directory.head[user] = head;
        directory.visibleHead[user] = head;
        return;
      }
      case EntryType.Dedupe: {
        const row = decodeDedupe(view, at);
        const timeMs = messageIdTimeMs(row.messageId as MessageId);
        if (!state.dedupe.isWithinWindow(timeMs)) return;
        state.dedupe.insert(row.key0, row.key1, row.key2, row.bodyHash, row.messageId, timeMs);
        return;
      }
    }
  }

  #noteMessageId(messageId: number): number {
    const { lastMessageIds } = this.#state;
    const partition = messageIdPartition(messageId as MessageId);
    if (messageId > lastMessageIds[partition]!) lastMessageIds[partition] = messageId;
    const timeMs = messageIdTimeMs(messageId as MessageId);
    if (timeMs > this.#lastTimeMs) this.#lastTimeMs = timeMs;
    return timeMs;
  }
}
