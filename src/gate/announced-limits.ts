/** What a client is told when it has logged in: its place in the timeline, and the limits of this gate. */
import { type MessagePackWriter, PROTOCOL_VERSION, writeConnack } from '../protocol/index.ts';
import type { LoginAcceptedFrame } from '../trunk/trunk-protocol.ts';

export interface AnnouncedLimits {
  readonly heartbeatMs: number;
  readonly windowMessages: number;
  readonly windowBytes: number;
  readonly bodyBytesMax: number;
  readonly ackTimeoutMs: number;
}

export function writeWelcome(
  writer: MessagePackWriter,
  requestId: number,
  frame: LoginAcceptedFrame,
  limits: AnnouncedLimits,
  serverTimeMs: number,
): void {
  const { heartbeatMs, windowMessages, windowBytes, bodyBytesMax, ackTimeoutMs } = limits;
  writeConnack(writer, requestId, {
    version: PROTOCOL_VERSION,
    generation: frame.generation,
    epoch: frame.epoch,
    head: frame.head,
    floor: frame.floor,
    cursor: frame.cursor,
    heartbeatMs,
    windowMessages,
    windowBytes,
    bodyBytesMax,
    ackTimeoutMs,
    serverTimeMs,
    ticket: frame.ticket,
    sessionExpiresAtMs: frame.sessionExpiresAtMs,
  });
}
