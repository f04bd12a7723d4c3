import { CLOSE_REASON_NAMES, ERROR_CODE_NAMES } from '../protocol/index.ts';

/** Why a send has no receipt, where the server did not say so itself. */
export type LocalSendFailure = 'QUEUE_FULL' | 'TIMEOUT' | 'CANCELLED' | 'CLOSED' | 'STORAGE_FAILED';

/** A message that was refused, or whose outcome is not known. */
export class SendError extends Error {
  /** The server's error code; 0 when the failure is a local one. */
  readonly code: number;
  readonly clientMsgId: string;
  /** True when the message may have been stored all the same; a retry with the same clientMsgId is safe. */
  readonly outcomeUnknown: boolean;

  private constructor(name: string, code: number, clientMsgId: string, outcomeUnknown: boolean, detail: string) {
    super(`${name}${detail === '' ? '' : `: ${detail}`} (clientMsgId ${clientMsgId})`);
    this.name = name;
    this.code = code;
    this.clientMsgId = clientMsgId;
    this.outcomeUnknown = outcomeUnknown;
  }

  static refused(code: number, clientMsgId: string, detail: string): SendError {
    return new SendError(ERROR_CODE_NAMES[code] ?? `ERROR_${code}`, code, clientMsgId, false, detail);
  }

  static local(name: LocalSendFailure, clientMsgId: string, outcomeUnknown: boolean, detail = ''): SendError {
    return new SendError(name, 0, clientMsgId, outcomeUnknown, detail);
  }
}

/** The server has said not to come back by oneself. */
export class StoppedError extends Error {
  /** A close reason. */
  readonly reason: number;

  constructor(reason: number, detail: string) {
    super(`stopped: ${closeReasonName(reason)}${detail === '' ? '' : ` (${detail})`}`);
    this.name = 'StoppedError';
    this.reason = reason;
  }
}

/** `connect()` was given up: the time was over, or the client closed. */
export class ConnectError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConnectError';
  }
}

/** The stored state cannot be used: in use by another process, damaged, or somebody else's. */
export class StorageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StorageError';
  }
}

/** A message handler threw or rejected; the message is given to it again. */
export class HandlerError extends Error {
  readonly messageId: string;

  constructor(messageId: string, cause: unknown) {
    super(`the handler of message ${messageId} failed`, { cause });
    this.name = 'HandlerError';
    this.messageId = messageId;
  }
}

export function closeReasonName(reason: number): string {
  return CLOSE_REASON_NAMES[reason] ?? `REASON_${reason}`;
}
