/** What the two halves say to the server, as frames of one connection. */
import { HEADER_BYTES, SendFlag, TargetType, writeAck, writeReauth, writeSend, writeSync } from '../protocol/index.ts';
import type { Connection } from './connection.ts';
import type { InboxLink } from './inbox.ts';
import type { ReauthenticationLink } from './reauthenticator.ts';
import type { SendLink } from './send-queue.ts';
import type { UnsentMessage } from './storage.ts';

/** Tags and lengths of SEND's fields, generously. */
const SEND_OVERHEAD_BYTES = 32;

export class ServerLink implements InboxLink, SendLink, ReauthenticationLink {
  readonly #connection: Connection;
  readonly #bodyBytesMax: number;
  readonly #syncLimit: number;

  constructor(connection: Connection, bodyBytesMax: number, syncLimit: number) {
    this.#connection = connection;
    this.#bodyBytesMax = bodyBytesMax;
    this.#syncLimit = syncLimit;
  }

  get congested(): boolean {
    return this.#connection.congested;
  }

  nextRequestId(): number {
    return this.#connection.nextRequestId();
  }

  sync(epoch: number, after: number): number {
    const requestId = this.#connection.nextRequestId();
    writeSync(this.#connection.writer(), requestId, { epoch, after, limit: this.#syncLimit });
    return requestId;
  }

  reauthenticate(token: string): number {
    const requestId = this.#connection.nextRequestId();
    writeReauth(this.#connection.writer(), requestId, { credential: token });
    return requestId;
  }

  ack(epoch: number, seq: number): void {
    writeAck(this.#connection.writer(), 0, { epoch, seq });
  }

  fits(message: UnsentMessage): boolean {
    const strings = Buffer.byteLength(message.clientMsgId) + message.to.length;
    return HEADER_BYTES + SEND_OVERHEAD_BYTES + strings + message.payload.length <= this.#bodyBytesMax;
  }

  send(requestId: number, message: UnsentMessage, restart: boolean): void {
    writeSend(this.#connection.writer(), requestId, {
      target: message.to,
      targetType: TargetType.User,
      clientMsgId: message.clientMsgId,
      flags: restart ? SendFlag.Restart : 0,
      payload: message.payload,
    });
  }
}
