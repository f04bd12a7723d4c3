/** The checks that every message must pass, whoever sends it. */
import { isIdentifier } from '../model/ids.ts';
import { CLIENT_MSG_ID_BYTES_MAX, ErrorCode, PAYLOAD_BYTES_MAX } from '../protocol/index.ts';

/** 0, or why the message is refused for good. */
export function messageFault(target: string, clientMsgId: string, payload: Uint8Array): ErrorCode | 0 {
  if (!isIdentifier(target)) return ErrorCode.BadTarget;
  if (!isClientMsgId(clientMsgId)) return ErrorCode.BadClientMsgId;
  return payload.length > PAYLOAD_BYTES_MAX ? ErrorCode.PayloadTooLarge : 0;
}

function isClientMsgId(text: string): boolean {
  const length = text.length;
  if (length === 0 || length > CLIENT_MSG_ID_BYTES_MAX) return false;
  // A UTF-16 unit takes at most three bytes of UTF-8.
  return length * 3 <= CLIENT_MSG_ID_BYTES_MAX || Buffer.byteLength(text) <= CLIENT_MSG_ID_BYTES_MAX;
}
