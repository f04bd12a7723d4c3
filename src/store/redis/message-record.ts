/**
 * A message as the elements of a timeline hold it. Redis looks at the first 12 bytes only: they are the dedupe row.
 *
 *   0 message id, f64 · 8 fingerprint of the body, i32 · 12 kind, u8 · from, to, clientMsgId: u8 length + UTF-8 · payload
 */
import { type ClientMsgId, IDENTIFIER_BYTES_MAX, type MessageId, type Seq, type Uid } from '../../model/ids.ts';
import { messageIdTimeMs } from '../../model/message-id.ts';
import { bodyFingerprint } from '../dedupe-rules.ts';
import type { AppendOperation, MessageKind, StoredMessage } from '../store.ts';

const TEXTS = 13;
/** The part that is the dedupe row. */
export const RECORD_MARK_BYTES = 12;
/** Of the bytes in front of the payload. */
export const RECORD_HEADER_BYTES_MAX: number = TEXTS + 3 * (1 + IDENTIFIER_BYTES_MAX);

/** What a record holds besides its id. */
export type RecordContent = Pick<AppendOperation, 'sender' | 'target' | 'kind' | 'clientMsgId' | 'payload'>;

export function encodeRecord(content: RecordContent, messageId: MessageId): Buffer {
  const { sender, target, clientMsgId, payload } = content;
  const idBytes = Buffer.byteLength(clientMsgId);
  const bytes = Buffer.allocUnsafe(TEXTS + 3 + sender.length + target.length + idBytes + payload.length);
  bytes.writeDoubleBE(messageId, 0);
  bytes.writeInt32BE(bodyFingerprint(payload), 8);
  bytes[12] = content.kind;
  let at = writeText(bytes, TEXTS, sender, sender.length);
  at = writeText(bytes, at, target, target.length);
  at = writeText(bytes, at, clientMsgId, idBytes);
  bytes.set(payload, at);
  return bytes;
}

export function decodeRecord(bytes: Buffer, seq: Seq): StoredMessage {
  const messageId = recordMessageId(bytes);
  const toAt = TEXTS + 1 + bytes[TEXTS]!;
  const idAt = toAt + 1 + bytes[toAt]!;
  const payloadAt = idAt + 1 + bytes[idAt]!;
  return {
    seq,
    messageId,
    timeMs: messageIdTimeMs(messageId),
    kind: bytes[12] as MessageKind,
    from: bytes.toString('latin1', TEXTS + 1, toAt) as Uid,
    to: bytes.toString('latin1', toAt + 1, idAt) as Uid,
    clientMsgId: bytes.toString('utf8', idAt + 1, payloadAt) as ClientMsgId,
    payload: bytes.subarray(payloadAt),
  };
}

/** Of a record, or of a dedupe row. */
export function recordMessageId(bytes: Buffer): MessageId {
  return bytes.readDoubleBE(0) as MessageId;
}

export function recordFingerprint(bytes: Buffer): number {
  return bytes.readInt32BE(8);
}

function writeText(bytes: Buffer, at: number, text: string, length: number): number {
  bytes[at] = length;
  bytes.write(text, at + 1, length);
  return at + 1 + length;
}
