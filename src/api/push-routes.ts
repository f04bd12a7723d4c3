/**
 * `POST /v1/push`: one message or a batch.
 *
 *   {app, to, text | payload, from?, id?}      → 200 {id, messageId, status, durability, dup} or an error's status
 *   {messages: [ … at most 500 ]}              → 200 {results: [ … one for each, in order ]}
 *
 * In a batch every item has its own outcome: {id, messageId, …} or {id, error: {code, message}}. Items to one target are
 * handed on in the order of the batch.
 */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Random } from '../clock/random.ts';
import type { Durability } from '../model/durability.ts';
import { type DurabilityName, durabilityName } from '../model/durability.ts';
import type { ApiPushedFrame, ApiPushFrame } from '../trunk/trunk-protocol.ts';
import { type ApiError, apiError, apiErrorOf } from './api-error.ts';
import { isJsonType, parseJson, refuse } from './http-answers.ts';
import { readBatch, readPushItem } from './push-request.ts';
import type { RequestGuard } from './request-guard.ts';

export const BODY_BYTES_MAX: number = 1024 * 1024;

/** Where pushes go: `LogicLink`, or a test's. */
export interface PushTarget {
  readonly up: boolean;
  push(frame: ApiPushFrame): Promise<ApiPushedFrame>;
}

export interface PushRoutesOptions {
  readonly target: PushTarget;
  readonly guard: RequestGuard;
  readonly random: Random;
  /** Our fault, for the log. */
  readonly onFault: (error: unknown) => void;
}

/** What became of one item. */
export type PushResult =
  | {
      readonly id: string;
      readonly messageId: string;
      readonly status: 'stored' | 'queued';
      readonly durability: DurabilityName;
      readonly dup: boolean;
    }
  | { readonly id: string | undefined; readonly error: ApiError };

export function pushRoutes(options: PushRoutesOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const { host, origin, authorization } = context.req.header();
    const refused = options.guard.refusal({ host, origin, authorization });
    return refused === undefined ? next() : refuse(refused);
  });
  app.notFound(() => refuse(apiError('NOT_FOUND', 'there is nothing here; pushes go to POST /v1/push')));
  app.onError((error) => {
    options.onFault(error);
    return refuse(apiError('INTERNAL', 'the request failed by our fault'));
  });
  app.all('/v1/push', async (context, next) => {
    if (context.req.method !== 'POST') return refuse(apiError('METHOD_NOT_ALLOWED', 'use POST'), { allow: 'POST' });
    if (isJsonType(context.req.header('content-type'))) return next();
    return refuse(apiError('BAD_CONTENT_TYPE', 'the content type must be application/json'));
  });
  const tooLarge = apiError('BODY_TOO_LARGE', `a request has at most ${BODY_BYTES_MAX} bytes`);
  app.use('/v1/push', bodyLimit({ maxSize: BODY_BYTES_MAX, onError: () => refuse(tooLarge) }));
  app.post('/v1/push', async (context) => answer(parseJson(await context.req.text()), options));
  return app;
}

async function answer(body: unknown, options: PushRoutesOptions): Promise<Response> {
  if (body === undefined) return refuse(apiError('BAD_JSON', 'the body is not JSON'));
  const batch = readBatch(body);
  if (batch !== undefined && 'code' in batch) return refuse(batch);
  if (!options.target.up) return refuse(apiError('RETRY_LATER', 'not stored: logic is away; send it again'));
  if (batch === undefined) {
    const result = await pushItem(body, options);
    return 'error' in result ? refuse(result.error, {}, result.id) : Response.json(result);
  }
  const results = await Promise.all(batch.map((item) => pushItem(item, options)));
  return Response.json({ results });
}

async function pushItem(given: unknown, { random, target }: PushRoutesOptions): Promise<PushResult> {
  const item = readPushItem(given, random);
  if ('error' in item) return item;
  const pushed = await target.push(item.frame);
  if (pushed.error !== 0) return { id: item.id, error: apiErrorOf(pushed.error) };
  return {
    id: item.id,
    messageId: String(pushed.messageId),
    status: 'stored',
    durability: durabilityName(pushed.durability as Durability),
    dup: pushed.dup,
  };
}
