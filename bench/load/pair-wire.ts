/** What one-way pairs of clients need of a system under test; one implementation for each protocol. */

export interface PairEvents {
  /** The system has taken responsibility for one message of the pair; in the order of sending. */
  onConfirmed(pair: number): void;
  /** `payload` lies at `bytes[start]`. */
  onDelivered(pair: number, bytes: Uint8Array, start: number): void;
  /** The system said no, and the wire will try again. */
  onRefused(code: number): void;
  /** The load is of no use any more. */
  onBroken(reason: string): void;
}

export interface PairWire {
  /** Connects and logs in both ends of every pair. */
  open(): Promise<void>;
  send(pair: number, counter: number, intendedMs: number): void;
  /** Confirms what is still held back for coalescing, then closes. */
  close(): Promise<void>;
}

export interface PairWireOptions {
  readonly host: string;
  readonly port: number;
  readonly pairs: number;
  /** The number of the first pair: other processes have the others. */
  readonly firstPair: number;
  readonly payloadBytes: number;
  /** Different in every run, so that nothing of an earlier one is met. */
  readonly runId: string;
}

export const PAYLOAD_BYTES_MIN = 12;
export const LOGINS_AT_ONCE = 64;

/** The intended time of a message, in the sender's monotonic milliseconds, and its place in the pair: 12 bytes. */
const scratch = new Float64Array(1);
const scratchBytes = new Uint8Array(scratch.buffer);

export function writePayload(bytes: Uint8Array, at: number, counter: number, intendedMs: number): void {
  bytes[at] = counter >>> 24;
  bytes[at + 1] = counter >>> 16;
  bytes[at + 2] = counter >>> 8;
  bytes[at + 3] = counter;
  scratch[0] = intendedMs;
  for (let i = 0; i < 8; i++) bytes[at + 4 + i] = scratchBytes[i] as number;
}

export function payloadCounter(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

export function payloadIntendedMs(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 8; i++) scratchBytes[i] = bytes[at + 4 + i] as number;
  return scratch[0] as number;
}

/** Runs `task` for 0 … count − 1, so many at a time. */
export async function inBatches(count: number, atOnce: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, lane));
}
