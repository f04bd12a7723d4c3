/** What many listeners of one publisher need of a system under test; one implementation for each protocol. */

export interface FanoutEvents {
  /** `payload` lies at `bytes[start]`. */
  onDelivered(session: number, bytes: Uint8Array, start: number): void;
  /** The load is of no use any more. */
  onBroken(reason: string): void;
}

/** The first session publishes, and listens like all others. */
export interface FanoutWire {
  open(): Promise<void>;
  publish(round: number, intendedMs: number): void;
  close(): Promise<void>;
}

export interface FanoutWireOptions {
  readonly host: string;
  readonly port: number;
  readonly sessions: number;
  readonly payloadBytes: number;
  readonly runId: string;
}
