import type { Epoch, Uid } from '../model/ids.ts';
import { type MessagePackWriter, writeMessageBody } from '../protocol/index.ts';
import type { StoredMessage, TimelinePage } from '../store/store.ts';
import { type MutableMessage, mutableMessage } from './mutable-message.ts';

/** Stored messages as MESSAGE bodies for one reader, who sees the clientMsgId of own messages only. */
export class PageWriter {
  readonly #message: MutableMessage = mutableMessage();

  /** The body of SYNCACK. */
  writePage(writer: MessagePackWriter, reader: Uid, page: TimelinePage): void {
    writer.arrayHeader(4);
    writer.uint(page.epoch);
    writer.uint(page.head);
    writer.uint(page.floor);
    writer.arrayHeader(page.messages.length);
    for (const message of page.messages) this.writeMessage(writer, reader, page.epoch, message);
  }

  /** The body of MESSAGE. */
  writeMessage(writer: MessagePackWriter, reader: Uid, epoch: Epoch, stored: StoredMessage): void {
    const message = this.#message;
    message.epoch = epoch;
    message.seq = stored.seq;
    message.messageId = stored.messageId;
    message.timeMs = stored.timeMs;
    message.kind = stored.kind;
    message.from = stored.from;
    message.to = stored.to;
    message.clientMsgId = stored.from === reader ? stored.clientMsgId : '';
    message.payload = stored.payload;
    writeMessageBody(writer, message);
  }
}
