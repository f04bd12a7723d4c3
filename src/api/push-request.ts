/** What `POST /v1/push` accepts, and how an accepted item becomes a push. */
import { z } from 'zod';
import type { Random } from '../clock/random.ts';
import { randomHex } from '../clock/random.ts';
import { isIdentifier } from '../model/ids.ts';
import { CLIENT_MSG_ID_BYTES_MAX, PAYLOAD_BYTES_MAX } from '../protocol/index.ts';
import type { ApiPushFrame } from '../trunk/trunk-protocol.ts';
import { type ApiError, apiError } from './api-error.ts';

/** Items of one batch. */
export const BATCH_ITEMS_MAX = 500;
/** The sender of pushes that name none. */
export const DEFAULT_SENDER = 'system';

const GENERATED_ID_BYTES = 16;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const identifier = z.string().refine(isIdentifier, '1 to 64 characters of A-Z a-z 0-9 . _ : @ -');

const fields = z.strictObject({
  app: identifier,
  to: identifier,
  from: identifier.optional(),
  id: z.string().refine(isClientMsgId, `1 to ${CLIENT_MSG_ID_BYTES_MAX} bytes of UTF-8`).optional(),
  text: z.string().optional(),
  payload: z.string().regex(BASE64, 'base64 with padding').optional(),
});

function hasOneBody(item: { text?: string | undefined; payload?: string | undefined }): boolean {
  return (item.text === undefined) !== (item.payload === undefined);
}

const batchItem = fields.refine(hasOneBody, 'give either text or payload');
const singleItem = fields.extend({ async: z.boolean().optional() }).refine(hasOneBody, 'give either text or payload');
const batch = z.strictObject({
  messages: z.array(z.unknown()).min(1).max(BATCH_ITEMS_MAX),
  async: z.boolean().optional(),
});

/** One item: a push, or why it is none. `id` is the caller's, or a generated one. */
export type PushItem =
  | { readonly id: string; readonly frame: ApiPushFrame }
  | { readonly id: string | undefined; readonly error: ApiError };

/** Whether the request, of one item or of many, is to be answered before anything is stored. */
export function isAsync(body: unknown): boolean {
  return (body as { async?: unknown } | null)?.async === true;
}

/** Reads an item that is the whole request. */
export function readSingleItem(given: unknown, random: Random): PushItem {
  return readItem(singleItem, given, random);
}

/** Reads an item of a batch; a wrong one never spoils its neighbours. */
export function readBatchItem(given: unknown, random: Random): PushItem {
  return readItem(batchItem, given, random);
}

function readItem(schema: typeof batchItem, given: unknown, random: Random): PushItem {
  const parsed = schema.safeParse(given);
  if (!parsed.success) return { id: givenId(given), error: describe(parsed.error) };
  const { app, to, from = DEFAULT_SENDER, id = randomHex(random, GENERATED_ID_BYTES), text, payload } = parsed.data;
  const bytes = text === undefined ? Buffer.from(payload ?? '', 'base64') : Buffer.from(text, 'utf8');
  if (bytes.length > PAYLOAD_BYTES_MAX) {
    return {
      id,
      error: apiError('PAYLOAD_TOO_LARGE', `the payload has ${bytes.length} bytes, ${PAYLOAD_BYTES_MAX} are allowed`),
    };
  }
  return { id, frame: { app, from, to, clientMsgId: id, payload: bytes } };
}

/** The items of a batch; undefined when the body is not one. */
export function readBatch(body: unknown): readonly unknown[] | ApiError | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'messages')) return undefined;
  const parsed = batch.safeParse(body);
  return parsed.success ? parsed.data.messages : describe(parsed.error);
}

function isClientMsgId(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= CLIENT_MSG_ID_BYTES_MAX && Buffer.from(text).toString() === text;
}

function givenId(given: unknown): string | undefined {
  const id = (given as { id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' && isClientMsgId(id) ? id : undefined;
}

function describe(error: z.ZodError): ApiError {
  const issue = error.issues[0];
  const path = issue?.path.join('.') ?? '';
  const code = path === 'to' ? 'BAD_TARGET' : path === 'id' ? 'BAD_CLIENT_MSG_ID' : 'BAD_REQUEST';
  return apiError(code, path === '' ? String(issue?.message) : `${path}: ${issue?.message}`);
}
