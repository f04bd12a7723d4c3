import type { MessageBody, MessageKind } from '../protocol/index.ts';

/** One message as the application sees it. It owns its bytes. */
export class Message {
  readonly epoch: number;
  /** Place in this user's timeline. */
  readonly seq: number;
  /** Decimal; names the message for ever. */
  readonly messageId: string;
  readonly from: string;
  /** Differs from one's own uid in copies of what one sent from another device. */
  readonly to: string;
  readonly kind: MessageKind;
  /** When the server stored it, unix milliseconds. */
  readonly timeMs: number;
  /** Set in copies of one's own messages, else empty. */
  readonly clientMsgId: string;
  readonly payload: Buffer;
  #text: string | undefined;

  constructor(body: MessageBody) {
    this.epoch = body.epoch;
    this.seq = body.seq;
    this.messageId = String(body.messageId);
    this.from = body.from;
    this.to = body.to;
    this.kind = body.kind as MessageKind;
    this.timeMs = body.timeMs;
    this.clientMsgId = body.clientMsgId;
    this.payload = Buffer.from(body.payload);
  }

  /** The payload as UTF-8, decoded when first asked for. */
  get text(): string {
    this.#text ??= this.payload.toString('utf8');
    return this.#text;
  }
}
