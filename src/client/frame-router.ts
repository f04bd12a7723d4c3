/** Which frame of the server concerns whom. */
import {
  Command,
  type GoawayBody,
  readError,
  readGap,
  readGoaway,
  readMessage,
  readNotify,
  readPong,
  readReauthack,
  readResync,
  readSendack,
  readSyncack,
} from '../protocol/index.ts';
import type { Inbox } from './inbox.ts';
import type { Reauthenticator } from './reauthenticator.ts';
import type { SendQueue } from './send-queue.ts';

export interface FrameReceivers {
  readonly inbox: Inbox;
  readonly sendQueue: SendQueue;
  readonly reauthenticator: Reauthenticator;
  onGoaway(body: GoawayBody): void;
}

/**
 * Decodes one frame and passes it on. False when it makes no sense. Commands that this version does not know are passed
 * over: that is how the protocol grows.
 */
export function routeFrame(
  to: FrameReceivers,
  command: number,
  requestId: number,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  const pass = <Body>(
    read: (bytes: Buffer, start: number, end: number) => Body | undefined,
    use: (body: Body) => unknown,
  ): boolean => {
    const body = read(bytes, start, end);
    return body !== undefined && use(body) !== false;
  };
  switch (command) {
    case Command.Message:
      return pass(readMessage, (body) => to.inbox.onMessage(body));
    case Command.Syncack:
      return pass(readSyncack, (body) => to.inbox.onPage(requestId, body));
    case Command.Sendack:
      return pass(readSendack, (body) => to.sendQueue.onSendack(requestId, body));
    case Command.Pong:
      return pass(readPong, (body) => to.inbox.onPong(body));
    case Command.Notify:
      return pass(readNotify, (body) => to.inbox.onHead(body.epoch, body.head));
    case Command.Resync:
      return pass(readResync, (body) => to.inbox.onResync(requestId, body));
    case Command.Gap:
      return pass(readGap, (body) => to.inbox.onGap(requestId, body));
    case Command.Goaway:
      return pass(readGoaway, (body) => to.onGoaway(body));
    case Command.Reauthack:
      return pass(readReauthack, (body) => to.reauthenticator.onReauthack(requestId, body.sessionExpiresAtMs));
    case Command.Error:
      return pass(readError, (body) => {
        if (to.reauthenticator.onError(requestId)) return;
        if (!to.sendQueue.onError(requestId, body)) to.inbox.onError(requestId, body.retryAfterMs);
      });
    default:
      return true;
  }
}
