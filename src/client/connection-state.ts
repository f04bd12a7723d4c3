/** Where a client stands, and the steps it may take from there. */
export const ConnectionState = {
  /** Not asked to connect, or given up after `connectTimeoutMs`. */
  Idle: 'idle',
  /** Getting a token, dialling, logging in. */
  Connecting: 'connecting',
  Online: 'online',
  /** Between two attempts. */
  Waiting: 'waiting',
  /** The server has said not to come back; `connect()` starts anew. */
  Stopped: 'stopped',
  /** Finishing what is under way. */
  Closing: 'closing',
  Closed: 'closed',
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

const { Idle, Connecting, Online, Waiting, Stopped, Closing, Closed } = ConnectionState;

/** From each state, where it may go. */
export const STATE_TRANSITIONS: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  [Idle]: [Connecting, Closing],
  [Connecting]: [Online, Waiting, Stopped, Idle, Closing],
  [Online]: [Waiting, Stopped, Closing],
  [Waiting]: [Connecting, Idle, Closing],
  [Stopped]: [Connecting, Closing],
  [Closing]: [Closed],
  [Closed]: [],
};
