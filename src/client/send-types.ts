import { type Durability, type DurabilityName, durabilityName } from '../model/durability.ts';
import type { SendackBody } from '../protocol/index.ts';
import type { UnsentMessage } from './storage.ts';

export interface OutgoingMessage {
  /** The uid that gets it. */
  readonly to: string;
  /** Opaque bytes, or … */
  readonly payload?: Uint8Array;
  /** … text, sent as UTF-8. One of the two. */
  readonly text?: string;
  /** 1 to 64 bytes of UTF-8, the same in every retry; made up when not given. */
  readonly clientMsgId?: string;
  /** Stop waiting after this time. The outcome is then unknown, and the message stays in the queue until cancelled. */
  readonly timeoutMs?: number;
}

/** The server has stored the message. */
export interface Receipt {
  readonly to: string;
  readonly clientMsgId: string;
  /** Decimal; names the message for ever. */
  readonly messageId: string;
  /** True when this clientMsgId had been stored before. */
  readonly dup: boolean;
  readonly durability: DurabilityName;
  readonly replicas: number;
  readonly serverTimeMs: number;
}

export function receiptOf(message: UnsentMessage, body: SendackBody): Receipt {
  return {
    to: message.to,
    clientMsgId: message.clientMsgId,
    messageId: String(body.messageId),
    dup: body.dup,
    durability: durabilityName(body.durability as Durability),
    replicas: body.replicas,
    serverTimeMs: body.serverTimeMs,
  };
}
