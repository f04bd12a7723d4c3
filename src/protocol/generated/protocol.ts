// Generated from protocol-spec/protocol.json by tools/generate-protocol.ts. Do not edit.

/** The protocol version of this specification. */
export const PROTOCOL_VERSION = 1;

/** Size of the frame header. */
export const HEADER_BYTES = 8;
/** Smallest body: an empty array. */
export const BODY_BYTES_MIN = 1;
/** Largest body a client may send before CONNACK. */
export const PRE_LOGIN_BODY_BYTES_MAX = 4096;
/** Largest body a client may send after CONNACK, unless CONNACK announces less. */
export const BODY_BYTES_MAX = 65536;
/** Largest body a server may send; a client closes beyond it. */
export const SERVER_BODY_BYTES_MAX = 1048576;
/** Largest message payload. */
export const PAYLOAD_BYTES_MAX = 61440;
/** App ids, uids, device ids, device types: 1 to 64 characters of A-Z a-z 0-9 . _ : @ - */
export const IDENTIFIER_BYTES_MAX = 64;
/** clientMsgId: 1 to 64 bytes of UTF-8. */
export const CLIENT_MSG_ID_BYTES_MAX = 64;
/** Token or ticket. */
export const CREDENTIAL_BYTES_MAX = 3072;
/** Any MessagePack string. */
export const STRING_BYTES_MAX = 16384;
/** Nesting of arrays and maps in a body; the body's own array is depth 1. */
export const DEPTH_MAX = 8;
/** MessagePack values in a body, containers included. */
export const NODES_MAX = 2048;
/** Largest integer in a body: 2^53 - 1, so that no language loses precision. */
export const INTEGER_MAX = 9007199254740991;
/** Most messages a client may ask for in one SYNC. */
export const SYNC_LIMIT_MAX = 200;

/** What a frame means. */
export const Command = {
  /** Logs in. The first frame of a connection, alone. */
  Connect: 1,
  /** Keeps the connection alive and asks for the head. */
  Ping: 2,
  /** Everything up to seq has been taken by the application. */
  Ack: 3,
  /** The client leaves on purpose; the server closes. */
  Disconnect: 4,
  /** Asks for the messages after a seq; the pull acknowledges everything up to it. */
  Sync: 64,
  /** Presents a new token, so that the session goes on after its age. */
  Reauth: 65,
  /** Sends one message. */
  Send: 128,
  /** The login succeeded. */
  Connack: 193,
  /** Answers PING. */
  Pong: 194,
  /** The message is stored at the named level. */
  Sendack: 195,
  /** Pushes one message. */
  Message: 196,
  /** One page of the timeline; an empty page is the end. */
  Syncack: 197,
  /** There is more up to head; pull it with SYNC. */
  Notify: 198,
  /** This session has ended for good; a CLOSE with the same reason follows. */
  Kick: 199,
  /** The server is about to leave: reconnect elsewhere after a random part of retryAfterMs. */
  Goaway: 200,
  /** Why the connection ends; the last frame. */
  Close: 201,
  /** The request with this requestId was refused. */
  Error: 202,
  /** The client's epoch or seq is not the server's: pull from floor in the new epoch and drop messageIds already known. Answers SYNC, or comes unasked. */
  Resync: 203,
  /** Answers SYNC when messages after `after` have been trimmed: what is below floor is gone. */
  Gap: 204,
  /** The session goes on. */
  Reauthack: 205,
} as const;
export type Command = (typeof Command)[keyof typeof Command];

/** Command code → its name in the specification. */
export const COMMAND_NAMES: Readonly<Record<number, string>> = {
  1: 'CONNECT',
  2: 'PING',
  3: 'ACK',
  4: 'DISCONNECT',
  64: 'SYNC',
  65: 'REAUTH',
  128: 'SEND',
  193: 'CONNACK',
  194: 'PONG',
  195: 'SENDACK',
  196: 'MESSAGE',
  197: 'SYNCACK',
  198: 'NOTIFY',
  199: 'KICK',
  200: 'GOAWAY',
  201: 'CLOSE',
  202: 'ERROR',
  203: 'RESYNC',
  204: 'GAP',
  205: 'REAUTHACK',
};

/** Client to server, handled by the gate itself. */
export const GATE_COMMANDS = { first: 0, last: 63 } as const;
/** Client to server, forwarded by the session's own uid. Gates forward commands of this range that they do not know. */
export const SESSION_COMMANDS = { first: 64, last: 127 } as const;
/** Client to server, forwarded by body field 0, the target, always first and a string. Gates forward commands of this range that they do not know. */
export const TARGET_COMMANDS = { first: 128, last: 191 } as const;
/** Server to client. */
export const SERVER_COMMANDS = { first: 192, last: 255 } as const;

/** Bits of the capabilities field of CONNECT. */
export const Capability = {
  /** The session only sends: nothing is pushed to it, it has no cursor, takes no part in the session policy and gets generation 0. For tools and short-lived senders. */
  SendOnly: 1,
} as const;
export type Capability = (typeof Capability)[keyof typeof Capability];

/** What the credential field of CONNECT holds. */
export const CredentialType = {
  /** A signed token (JWT). */
  Token: 0,
  /** A ticket from the last CONNACK. */
  Ticket: 1,
} as const;
export type CredentialType = (typeof CredentialType)[keyof typeof CredentialType];

/** Why the client connects. */
export const Intent = {
  /** A person started it: takes over from other devices of its type. */
  Fresh: 0,
  /** Comes back by itself: is refused REPLACED when another device has become current since. */
  Resume: 1,
} as const;
export type Intent = (typeof Intent)[keyof typeof Intent];

/** What the target of SEND names. */
export const TargetType = {
  /** A uid. */
  User: 0,
} as const;
export type TargetType = (typeof TargetType)[keyof typeof TargetType];

/** Bits of the flags field of SEND. */
export const SendFlag = {
  /** First of the re-sent messages to this target after a retryable refusal; ends HELD. */
  Restart: 1,
} as const;
export type SendFlag = (typeof SendFlag)[keyof typeof SendFlag];

/** How a message came to be. */
export const MessageKind = {
  /** Sent by another user, or the copy of one's own on another device. */
  ClientToClient: 0,
  /** Pushed by the business. */
  ServerToClient: 1,
} as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

/** How safe a message is when SENDACK leaves. */
export const Durability = {
  /** In the memory of the server. */
  Memory: 1,
  /** Handed to the operating system: survives the death of the process. */
  Os: 2,
  /** On stable storage: survives power loss. */
  Disk: 3,
} as const;
export type Durability = (typeof Durability)[keyof typeof Durability];

/** Why a connection ends: wire code, log field and metric label. */
export const CloseReason = {
  /** The client said DISCONNECT. */
  Normal: 1,
  /** No complete login within the deadline, counted from accept. */
  LoginTimeout: 2,
  /** No frame for 1.5 times the heartbeat. */
  IdleTimeout: 3,
  /** A frame was begun but not finished in time. */
  FrameTimeout: 4,
  /** Pushed messages were not acknowledged, also after one more push. */
  AckTimeout: 5,
  /** The client did not read what was sent to it. */
  SlowConsumer: 6,
  /** The server stops. */
  Shutdown: 7,
  /** The same device logged in on another connection. */
  Superseded: 8,
  /** A fault of the server. */
  InternalError: 9,
  /** The connection ended without a reason from either side (in logs and metrics, never on the wire). */
  PeerClosed: 10,
  /** Too many targets were waiting for a re-send on this connection. */
  HoldOverflow: 11,
  /** Too many logins are waiting. */
  Busy: 50,
  /** The gate is full. */
  ConnectionsMax: 51,
  /** No logic can be reached to log in, or the store cannot be written. */
  Unavailable: 52,
  /** Too many connections, logins or failed logins from this address or user. */
  RateLimited: 53,
  /** The gate holds too many unfinished frames; the oldest go first. */
  MemoryPressure: 54,
  /** Wrong signature, unknown key, another app, user or device, or not a token at all. */
  CredentialInvalid: 100,
  /** The token or ticket is too old, or the session has reached its age without REAUTH. */
  CredentialExpired: 101,
  /** Issued before the user's credentials were revoked, or a ticket that was used too often. */
  CredentialRevoked: 102,
  /** A body length of 0. */
  MalformedFrame: 150,
  /** A body length above the limit. */
  FrameTooLarge: 151,
  /** The body is not the MessagePack array that its command asks for, or breaks a limit. */
  MalformedBody: 152,
  /** A command of the gate's own range that it does not know. */
  UnknownCommand: 153,
  /** A client sent a command that only servers send. */
  WrongDirection: 154,
  /** Something other than CONNECT came first, or more came before CONNACK. */
  NotLoggedIn: 155,
  /** A second CONNECT. */
  AlreadyLoggedIn: 156,
  /** The server does not speak this protocol version. */
  UnsupportedVersion: 157,
  /** A frame that is well formed and makes no sense, such as an ACK beyond what was sent, or too many refused requests of that kind. */
  ProtocolError: 158,
  /** Another device of this type has taken over. */
  Replaced: 170,
  /** An administrator ended the session. */
  Kicked: 171,
} as const;
export type CloseReason = (typeof CloseReason)[keyof typeof CloseReason];

/** Close reason → its name in the specification. */
export const CLOSE_REASON_NAMES: Readonly<Record<number, string>> = {
  1: 'NORMAL',
  2: 'LOGIN_TIMEOUT',
  3: 'IDLE_TIMEOUT',
  4: 'FRAME_TIMEOUT',
  5: 'ACK_TIMEOUT',
  6: 'SLOW_CONSUMER',
  7: 'SHUTDOWN',
  8: 'SUPERSEDED',
  9: 'INTERNAL_ERROR',
  10: 'PEER_CLOSED',
  11: 'HOLD_OVERFLOW',
  50: 'BUSY',
  51: 'CONNECTIONS_MAX',
  52: 'UNAVAILABLE',
  53: 'RATE_LIMITED',
  54: 'MEMORY_PRESSURE',
  100: 'CREDENTIAL_INVALID',
  101: 'CREDENTIAL_EXPIRED',
  102: 'CREDENTIAL_REVOKED',
  150: 'MALFORMED_FRAME',
  151: 'FRAME_TOO_LARGE',
  152: 'MALFORMED_BODY',
  153: 'UNKNOWN_COMMAND',
  154: 'WRONG_DIRECTION',
  155: 'NOT_LOGGED_IN',
  156: 'ALREADY_LOGGED_IN',
  157: 'UNSUPPORTED_VERSION',
  158: 'PROTOCOL_ERROR',
  170: 'REPLACED',
  171: 'KICKED',
};

/** Reconnect with full jitter: a random time below min(60 s, 1 s x 2^attempt). */
export const RECONNECT_REASONS = { first: 1, last: 49 } as const;
/** As RECONNECT, but not before retryAfterMs, and never before 1 s. */
export const WAIT_REASONS = { first: 50, last: 99 } as const;
/** Get a new token first; then as RECONNECT. The same credential will be refused again. */
export const REAUTHENTICATE_REASONS = { first: 100, last: 149 } as const;
/** Do not reconnect by yourself: a person or a new program version is needed. */
export const STOP_REASONS = { first: 150, last: 199 } as const;

/** Why one request was refused. */
export const ErrorCode = {
  /** The outcome is unknown: it may be stored. Retry with the same clientMsgId. */
  RetryLater: 1,
  /** Not stored: too much is queued. */
  Busy: 2,
  /** Not stored: the store cannot be written now. */
  StoreUnavailable: 3,
  /** Not stored: an earlier message to this target was refused; re-send from there, the first one with RESTART. */
  Held: 4,
  /** Not stored: above this connection's rate. */
  Throttled: 5,
  /** The target is not a valid uid, or of an unknown type. */
  BadTarget: 100,
  /** Empty or too long. */
  BadClientMsgId: 101,
  /** The payload is above the limit. */
  PayloadTooLarge: 102,
  /** This clientMsgId was stored before with another body. */
  Conflict: 103,
  /** Not allowed, or it does not exist. */
  Forbidden: 104,
  /** Nobody behind the gate knows this command. */
  UnknownCommand: 105,
  /** A field has a value that makes no sense. */
  BadRequest: 106,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** Error code → its name in the specification. */
export const ERROR_CODE_NAMES: Readonly<Record<number, string>> = {
  1: 'RETRY_LATER',
  2: 'BUSY',
  3: 'STORE_UNAVAILABLE',
  4: 'HELD',
  5: 'THROTTLED',
  100: 'BAD_TARGET',
  101: 'BAD_CLIENT_MSG_ID',
  102: 'PAYLOAD_TOO_LARGE',
  103: 'CONFLICT',
  104: 'FORBIDDEN',
  105: 'UNKNOWN_COMMAND',
  106: 'BAD_REQUEST',
};

/** Codes after which the same request may be tried again. */
export const RETRYABLE_ERRORS: ReadonlySet<number> = new Set([1, 2, 3, 4, 5]);
