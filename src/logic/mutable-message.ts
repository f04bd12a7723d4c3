import type { MessageBody } from '../protocol/index.ts';

/** A MESSAGE body that one writer fills in again and again, so that a message costs no object. */
export type MutableMessage = { -readonly [Field in keyof MessageBody]: MessageBody[Field] };

export function mutableMessage(): MutableMessage {
  return {
    epoch: 0,
    seq: 0,
    messageId: 0,
    timeMs: 0,
    kind: 0,
    from: '',
    to: '',
    clientMsgId: '',
    payload: new Uint8Array(0),
  };
}
