/**
 * Byte streams as an argument: gate, trunk and client see sockets only through this file. `node-transport.ts` is the
 * real one (and the only owner of `node:net`); a simulator brings its own.
 *
 * One handler object serves many streams, so that a connection costs no closure. A stream carries one number and one
 * object of its owner's choice (`slot`, `owner`) to find the state that belongs to it.
 */
export interface Stream {
  /** The owner's index, −1 at first. */
  slot: number;
  /** The owner's object, undefined at first. */
  owner: unknown;
  /** Belongs to the outbox: the stream's place among the dirty ones of this tick, −1 (and at first) when it has none. */
  outboxEntry: number;
  /** Bytes accepted by `write` that the operating system has not taken yet. */
  readonly pendingBytes: number;
  /** The peer's address without port; '' when unknown. Costs memory when read: only for limits that need it. */
  readonly remoteAddress: string;
  /**
   * Queues `bytes` (which must not be changed afterwards). False when the peer is slower than we write: wait for
   * `onDrain`. Ignored on a closed stream.
   */
  write(bytes: Uint8Array): boolean;
  /** Stop / go on reporting `onBytes`. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes both ways. */
  end(): void;
  /** Closes now; what is queued is lost. */
  destroy(): void;
}

export interface StreamHandler {
  /** `bytes` is only valid during the call: copy what must outlive it. */
  onBytes(stream: Stream, bytes: Uint8Array): void;
  /** Everything written so far has been taken by the operating system. */
  onDrain(stream: Stream): void;
  /** Called exactly once; nothing is called after it. The peer's half-close ends the stream too. */
  onClosed(stream: Stream, error: Error | undefined): void;
}

export interface AcceptHandler extends StreamHandler {
  onAccepted(stream: Stream): void;
}

export interface DialHandler extends StreamHandler {
  onOpen(stream: Stream): void;
}

/** Where to listen or dial. `reusePort`: several processes share the port, where the runtime can. */
export type Address =
  | { readonly path: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly reusePort?: boolean;
      readonly backlog?: number;
      /** The address and port of this machine to dial from; the system chooses what is left out. */
      readonly localAddress?: string;
      readonly localPort?: number;
    };

export interface Listener {
  /** The bound port; 0 for a path. */
  readonly port: number;
  /** Stops accepting; streams stay. Idempotent. */
  close(): Promise<void>;
}

export interface Transport {
  listen(address: Address, handler: AcceptHandler): Promise<Listener>;
  /** Starts to dial; `onOpen` or `onClosed` follows. */
  dial(address: Address, handler: DialHandler): Stream;
}
