/** What the routes of the HTTP side share: JSON in, JSON or an error out. */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { API_ERROR_STATUS, type ApiError } from './api-error.ts';
import { bindingsOf } from './request-body.ts';

const RETRY_AFTER_SECONDS = 1;
const JSON_TYPE = /^application\/json(?:\s*;|$)/i;

export function isJsonType(contentType: string | undefined): boolean {
  return JSON_TYPE.test(contentType ?? '');
}

/** Undefined: not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param id of the item that was refused, when the caller named it */
export function refuse(error: ApiError, headers: Record<string, string> = {}, id?: string): Response {
  const status = API_ERROR_STATUS[error.code];
  if (status === 429 || status === 503) headers['retry-after'] = String(RETRY_AFTER_SECONDS);
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  return Response.json(id === undefined ? { error } : { id, error }, { status, headers });
}

/** Straight to the connection where there is one: read back from a web Response, an answer costs twice as much. */
export function answerJson(context: Context, status: number, body: unknown): Response {
  const outgoing = bindingsOf(context)?.outgoing;
  if (outgoing === undefined) return Response.json(body, { status });
  const text = JSON.stringify(body);
  outgoing.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  outgoing.end(text);
  return RESPONSE_ALREADY_SENT;
}
