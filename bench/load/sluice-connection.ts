/** The client's end of one connection to a gate, as small as a load of a million of them needs. */
import type { Stream } from '../../src/net/transport.ts';
import type { PartialFrame } from '../../src/protocol/index.ts';

const DEVICE_ID = 'd1';

export const ConnectionPhase = { Dialing: 0, LoggingIn: 1, Live: 2, Closed: 3 } as const;
export type ConnectionPhase = (typeof ConnectionPhase)[keyof typeof ConnectionPhase];

export interface LoginOutcome {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class SluiceConnection {
  readonly uid: string;
  /** The owner's number for it. */
  readonly index: number;
  readonly deviceId: string;
  stream: Stream | undefined;
  partial: PartialFrame | undefined;
  phase: ConnectionPhase = ConnectionPhase.Dialing;
  login: LoginOutcome | undefined;
  epoch = 0;
  /** The largest contiguous seq held. */
  seq = 0;
  acked = 0;
  head = 0;
  /** Pushes since the last ACK. */
  unacked = 0;
  /** Waits in the list of those that owe an ACK. */
  ackQueued = false;
  syncing = false;
  lastRequest = 0;
  /** What the server gave as the reason of its CLOSE. */
  closeReason = 0;
  retryAfterMs = 0;

  constructor(uid: string, index: number, deviceId: string) {
    this.uid = uid;
    this.index = index;
    this.deviceId = deviceId;
  }

  nextRequest(): number {
    this.lastRequest = this.lastRequest === 0xffffffff ? 1 : this.lastRequest + 1;
    return this.lastRequest;
  }
}

export function newConnection(uid: string, index: number): SluiceConnection {
  return new SluiceConnection(uid, index, DEVICE_ID);
}
