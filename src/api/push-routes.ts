/**
 * `POST /v1/push`: one message or a batch.
 *
 *   {app, to, text | payload, from?, id?}      → 200 {id, messageId, status, durability, dup} or an error's status
 *   {messages: [ … at most 500 ]}              → 200 {results: [ … one for each, in order ]}
 *   either with async: true                    → 202 {id, status: queued, durability}: kept in a stream, stored later
 *
 * In a batch every item has its own outcome: {id, messageId, …} or {id, error: {code, message}}. Items to one target are
 * handed on in the order of the batch.
 */
import { type Context, Hono } from 'hono';
import { AddOutcome } from '../bus/entry-writer.ts';
import type { Random } from '../clock/random.ts';
import type { Durability } from '../model/durability.ts';
import { type DurabilityName, durabilityName } from '../model/durability.ts';
import { ErrorCode } from '../protocol/index.ts';
import type { ApiPushedFrame, ApiPushFrame } from '../trunk/trunk-protocol.ts';
import { type ApiError, apiError, apiErrorOf } from './api-error.ts';
import { answerJson, isJsonType, parseJson, refuse } from './http-answers.ts';
import { isAsync, type PushItem, readBatch, readBatchItem, readSingleItem } from './push-request.ts';
import { bodyText, headersOf } from './request-body.ts';
import type { RequestGuard } from './request-guard.ts';

export const BODY_BYTES_MAX: number = 1024 * 1024;

/** Where pushes go: `LogicLink`, or a test's. */
export interface PushTarget {
  readonly up: boolean;
  push(frame: ApiPushFrame): Promise<ApiPushedFrame>;
}

/** Where asynchronous pushes go: `PushQueue`, or a test's. */
export interface AsyncTarget {
  /** At which pushes are kept; undefined while none can be taken. */
  readonly durability: Durability | undefined;
  knowsApp(app: string): boolean;
  /** In order for each target; resolves always. */
  add(frame: ApiPushFrame): Promise<AddOutcome>;
}

export interface PushRoutesOptions {
  readonly target: PushTarget;
  /** None: the store has no streams. */
  readonly queue?: AsyncTarget;
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
      readonly status: 'stored';
      readonly durability: DurabilityName;
      readonly dup: boolean;
    }
  | { readonly id: string; readonly status: 'queued'; readonly durability: DurabilityName }
  | { readonly id: string | undefined; readonly error: ApiError };

export function pushRoutes(options: PushRoutesOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const { host, origin, authorization } = headersOf(context);
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
    if (isJsonType(headersOf(context)['content-type'])) return next();
    return refuse(apiError('BAD_CONTENT_TYPE', 'the content type must be application/json'));
  });
  const tooLarge = apiError('BODY_TOO_LARGE', `a request has at most ${BODY_BYTES_MAX} bytes`);
  app.post('/v1/push', async (context) => {
    const text = await bodyText(context, BODY_BYTES_MAX);
    return text === undefined ? refuse(tooLarge) : answer(context, parseJson(text), options);
  });
  return app;
}

async function answer(context: Context, body: unknown, options: PushRoutesOptions): Promise<Response> {
  if (body === undefined) return refuse(apiError('BAD_JSON', 'the body is not JSON'));
  const batch = readBatch(body);
  if (batch !== undefined && 'code' in batch) return refuse(batch);
  const way = isAsync(body) ? queued(options) : stored(options);
  if ('code' in way) return refuse(way);
  const { random } = options;
  if (batch === undefined) {
    const result = await resultOf(readSingleItem(body, random), way.push);
    return 'error' in result ? refuse(result.error, {}, result.id) : answerJson(context, way.status, result);
  }
  const results = await Promise.all(batch.map((item) => resultOf(readBatchItem(item, random), way.push)));
  return answerJson(context, way.status, { results });
}

type Push = (id: string, frame: ApiPushFrame) => Promise<PushResult>;

/** How the items of a request are pushed, and the status of its answer. */
interface Way {
  readonly status: number;
  readonly push: Push;
}

function resultOf(item: PushItem, push: Push): Promise<PushResult> {
  return 'error' in item ? Promise.resolve(item) : push(item.id, item.frame);
}

/** Through the trunk: answered when it is stored. */
function stored({ target }: PushRoutesOptions): Way | ApiError {
  if (!target.up) return apiError('RETRY_LATER', 'not stored: logic is away; send it again');
  const push: Push = async (id, frame) => {
    const pushed = await target.push(frame);
    if (pushed.error !== 0) return { id, error: apiErrorOf(pushed.error) };
    const durability = durabilityName(pushed.durability as Durability);
    return { id, messageId: String(pushed.messageId), status: 'stored', durability, dup: pushed.dup };
  };
  return { status: 200, push };
}

const QUEUE_ERRORS: Readonly<Record<Exclude<AddOutcome, typeof AddOutcome.Added>, ApiError>> = {
  [AddOutcome.Full]: apiError('BUSY', 'not queued: too much waits already; send it again later'),
  [AddOutcome.NotAdded]: apiError('STORE_UNAVAILABLE', 'not queued: Redis does not take it now; send it again later'),
  [AddOutcome.Unknown]: apiError('RETRY_LATER', 'it is unknown whether it is queued; send it again with the same id'),
};

/** Through the stream of the target's partition: answered when it is there. */
function queued({ queue }: PushRoutesOptions): Way | ApiError {
  if (queue === undefined) return apiError('BAD_REQUEST', 'async: only a system on Redis (store.engine) queues pushes');
  const level = queue.durability;
  if (level === undefined) return QUEUE_ERRORS[AddOutcome.NotAdded];
  const push: Push = async (id, frame) => {
    if (!queue.knowsApp(frame.app)) return { id, error: apiErrorOf(ErrorCode.Forbidden) };
    const outcome = await queue.add(frame);
    if (outcome !== AddOutcome.Added) return { id, error: QUEUE_ERRORS[outcome] };
    return { id, status: 'queued', durability: durabilityName(level) };
  };
  return { status: 202, push };
}
