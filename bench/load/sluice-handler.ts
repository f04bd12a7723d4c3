/** Where many clients connect to, and what they tell their owner. */
import type { LoopPacer } from '../../src/clock/loop-pacer.ts';
import type { TokenMaker } from './login-token.ts';
import type { SluiceConnection } from './sluice-connection.ts';
import type { SourcePorts } from './source-ports.ts';

export interface SluiceTarget {
  readonly app: string;
  readonly host: string;
  readonly port: number;
  readonly tokens: TokenMaker;
  /** Lets reads share wakings of the process. */
  readonly pacer?: LoopPacer | undefined;
  /** Where connections dial from; the system chooses when left out. */
  readonly from?: SourcePorts;
}

export interface SluiceHandler {
  /** One message of the timeline, in order and once. `bytes[start, end)` is its payload. */
  onMessage(connection: SluiceConnection, bytes: Buffer, start: number, end: number): void;
  onSendack(connection: SluiceConnection, requestId: number): void;
  onError(connection: SluiceConnection, requestId: number, code: number, retryAfterMs: number): void;
  /** A command that this client does not know. */
  onUnknown(connection: SluiceConnection, bytes: Buffer, start: number, end: number): void;
  /** A connection that was logged in is gone, not by our own `end`. */
  onLost(connection: SluiceConnection, reason: string): void;
}
