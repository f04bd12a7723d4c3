/**
 * What a client keeps between runs, so that a killed program loses and repeats nothing.
 *
 * A storage belongs to one client at a time. Calls take effect in the order in which they are made; each is done when
 * its promise resolves.
 */
export interface CursorPosition {
  readonly epoch: number;
  /** Everything up to it has been taken by the application. */
  readonly seq: number;
}

export interface SessionState {
  /** Login generation of the last CONNACK. */
  readonly generation: number;
  /** Credential for the next login; empty when there is none. */
  readonly ticket: string;
}

export interface UnsentMessage {
  readonly clientMsgId: string;
  readonly to: string;
  readonly payload: Buffer;
}

export interface Backoff {
  /** The range of the first wait between two tries. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/** The last answer of the iplist. */
export interface GateList {
  /** `host:port`, the first one to be tried first. */
  readonly gates: readonly string[];
  readonly backoff: Backoff | undefined;
  readonly etag: string;
  /** Unix time. */
  readonly fetchedAtMs: number;
  readonly ttlMs: number;
}

export interface ClientState {
  readonly cursor: CursorPosition | undefined;
  readonly session: SessionState | undefined;
  /** Oldest first. */
  readonly unsent: readonly UnsentMessage[];
  /** Message ids that need not be shown again, oldest first. */
  readonly knownMessageIds: readonly number[];
  /** Keys of messages that were sent from here, oldest first. */
  readonly sentIds: readonly string[];
  readonly gates?: GateList | undefined;
}

export interface ClientStorage {
  /** The state of `owner` (app, uid and device in one string); undefined when there is none. Fails on another's. */
  load(owner: string): Promise<ClientState | undefined>;
  /** `takenMessageId`: the message that the application has just taken. */
  saveCursor(cursor: CursorPosition, takenMessageId?: number): Promise<void>;
  saveSession(session: SessionState): Promise<void>;
  /** A storage without it costs a question to the iplist at every start. */
  saveGates?(gates: GateList): Promise<void>;
  addUnsent(message: UnsentMessage): Promise<void>;
  /** The message is stored on the server as `messageId`, or given up. */
  removeUnsent(clientMsgId: string, messageId?: number): Promise<void>;
  close(): Promise<void>;
}
