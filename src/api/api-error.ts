/** The errors of the HTTP side: a code for programs, a status for HTTP, a sentence for people. */
import { ERROR_CODE_NAMES, ErrorCode } from '../protocol/index.ts';

export type ApiErrorStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 500 | 503;

export type ApiErrorCode =
  | 'BAD_JSON'
  | 'UNAUTHORIZED'
  | 'BAD_HOST'
  | 'BAD_ORIGIN'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'BODY_TOO_LARGE'
  | 'BAD_CONTENT_TYPE'
  | 'INTERNAL'
  | 'NO_GATE'
  | ProtocolErrorName;

/** Codes that logic answers, under their names in the protocol's specification. */
type ProtocolErrorName =
  | 'RETRY_LATER'
  | 'BUSY'
  | 'STORE_UNAVAILABLE'
  | 'THROTTLED'
  | 'BAD_TARGET'
  | 'BAD_CLIENT_MSG_ID'
  | 'PAYLOAD_TOO_LARGE'
  | 'CONFLICT'
  | 'FORBIDDEN'
  | 'BAD_REQUEST';

export const API_ERROR_STATUS: Readonly<Record<ApiErrorCode, ApiErrorStatus>> = {
  BAD_JSON: 400,
  UNAUTHORIZED: 401,
  BAD_HOST: 403,
  BAD_ORIGIN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  BODY_TOO_LARGE: 413,
  BAD_CONTENT_TYPE: 415,
  INTERNAL: 500,
  NO_GATE: 503,
  RETRY_LATER: 503,
  BUSY: 429,
  STORE_UNAVAILABLE: 503,
  THROTTLED: 429,
  BAD_TARGET: 400,
  BAD_CLIENT_MSG_ID: 400,
  PAYLOAD_TOO_LARGE: 413,
  CONFLICT: 409,
  FORBIDDEN: 403,
  BAD_REQUEST: 400,
};

export interface ApiError {
  readonly code: ApiErrorCode;
  readonly message: string;
}

export function apiError(code: ApiErrorCode, message: string): ApiError {
  return { code, message };
}

const MESSAGES: Partial<Record<ErrorCode, string>> = {
  [ErrorCode.RetryLater]: 'it is unknown whether the message is stored; send it again with the same id',
  [ErrorCode.Busy]: 'not stored: too much is queued; send it again later',
  [ErrorCode.StoreUnavailable]: 'not stored: the store cannot be written now; send it again later',
  [ErrorCode.Throttled]: 'not stored: above the allowed rate; send it again later',
  [ErrorCode.BadTarget]: 'not stored: the target is not a valid uid',
  [ErrorCode.BadClientMsgId]: 'not stored: the id is empty or too long',
  [ErrorCode.PayloadTooLarge]: 'not stored: the payload is too large',
  [ErrorCode.Conflict]: 'not stored: this id was used before with another body',
  [ErrorCode.Forbidden]: 'not stored: not allowed, or the app does not exist',
  [ErrorCode.BadRequest]: 'not stored: a field has a value that makes no sense',
};

/** What logic answered, as an error of the HTTP side. */
export function apiErrorOf(errorCode: number): ApiError {
  const name = ERROR_CODE_NAMES[errorCode];
  if (name === undefined || !Object.hasOwn(API_ERROR_STATUS, name)) {
    return apiError('INTERNAL', `unexpected answer ${errorCode}`);
  }
  return apiError(name as ApiErrorCode, MESSAGES[errorCode as ErrorCode] ?? 'not stored');
}
