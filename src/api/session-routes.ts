/**
 * Sessions over HTTP, for operators and business services:
 *
 *   POST /v1/admin/kick {app, uid, deviceType?, deviceId?, revoke? | revokeBefore?}   → 200 {sessionsEnded}
 *   GET  /v1/sessions?app=&uid=                                                       → 200 {sessions: [ … ]}
 *
 * `revoke: true` refuses every token and ticket of the user that was issued before now, `revokeBefore` those issued
 * before that time (unix ms). A revocation concerns the whole user; `deviceType` and `deviceId` choose whom KICK tells.
 */
import type { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { isIdentifier } from '../model/ids.ts';
import { ErrorCode, INTEGER_MAX } from '../protocol/index.ts';
import type {
  ApiKickedFrame,
  ApiKickFrame,
  ApiSession,
  ApiSessionListFrame,
  ApiSessionsFrame,
} from '../trunk/trunk-protocol.ts';
import { type ApiError, apiError, apiErrorOf } from './api-error.ts';
import { isJsonType, parseJson, refuse } from './http-answers.ts';

const BODY_BYTES_MAX = 4096;

/** Who knows sessions: `LogicLink`, or a test's. */
export interface SessionTarget {
  kick(frame: ApiKickFrame): Promise<ApiKickedFrame>;
  sessions(frame: ApiSessionsFrame): Promise<ApiSessionListFrame>;
}

const identifier = z.string().refine(isIdentifier, '1 to 64 characters of A-Z a-z 0-9 . _ : @ -');

const kickRequest = z
  .strictObject({
    app: identifier,
    uid: identifier,
    deviceType: identifier.optional(),
    deviceId: identifier.optional(),
    revoke: z.boolean().optional(),
    revokeBefore: z.number().int().min(1).max(INTEGER_MAX).optional(),
  })
  .refine((given) => given.revoke === undefined || given.revokeBefore === undefined, 'give revoke or revokeBefore');

const MESSAGES: Partial<Record<ErrorCode, string>> = {
  [ErrorCode.RetryLater]: 'no answer from logic: what was done is unknown; ask again',
  [ErrorCode.Busy]: 'nothing was done: too much is queued; ask again later',
  [ErrorCode.StoreUnavailable]: 'nothing was done: the store cannot be written now; ask again later',
  [ErrorCode.Forbidden]: 'not allowed, or the app does not exist',
  [ErrorCode.BadRequest]: 'revokeBefore lies in the future',
};

/** Adds the routes to `app`, behind the checks that it makes already. */
export function addSessionRoutes(app: Hono, target: SessionTarget): void {
  app.all('/v1/admin/kick', async (context, next) => {
    if (context.req.method !== 'POST') return refuse(apiError('METHOD_NOT_ALLOWED', 'use POST'), { allow: 'POST' });
    if (isJsonType(context.req.header('content-type'))) return next();
    return refuse(apiError('BAD_CONTENT_TYPE', 'the content type must be application/json'));
  });
  const tooLarge = apiError('BODY_TOO_LARGE', `a request has at most ${BODY_BYTES_MAX} bytes`);
  app.use('/v1/admin/kick', bodyLimit({ maxSize: BODY_BYTES_MAX, onError: () => refuse(tooLarge) }));
  app.post('/v1/admin/kick', async (context) => kick(parseJson(await context.req.text()), target));
  app.all('/v1/sessions', async (context, next) => {
    return context.req.method === 'GET' ? next() : refuse(apiError('METHOD_NOT_ALLOWED', 'use GET'), { allow: 'GET' });
  });
  app.get('/v1/sessions', (context) => list(context.req.query('app') ?? '', context.req.query('uid') ?? '', target));
}

async function kick(body: unknown, target: SessionTarget): Promise<Response> {
  if (body === undefined) return refuse(apiError('BAD_JSON', 'the body is not JSON'));
  const parsed = kickRequest.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return refuse(apiError('BAD_REQUEST', [...(issue?.path ?? []), issue?.message].join(': ')));
  }
  const { app, uid, deviceType = '', deviceId = '', revoke = false, revokeBefore } = parsed.data;
  const revokes = revoke || revokeBefore !== undefined;
  const answer = await target.kick({
    app,
    uid,
    deviceType,
    deviceId,
    revoke: revokes,
    revokeBeforeMs: revokeBefore ?? 0,
  });
  return answer.error === 0 ? Response.json({ sessionsEnded: answer.sessionsEnded }) : refuse(errorOf(answer.error));
}

async function list(app: string, uid: string, target: SessionTarget): Promise<Response> {
  if (!isIdentifier(app) || !isIdentifier(uid)) return refuse(apiError('BAD_REQUEST', 'give app and uid'));
  const answer = await target.sessions({ app, uid });
  return answer.error === 0
    ? Response.json({ sessions: answer.sessions.map(sessionOf) })
    : refuse(errorOf(answer.error));
}

function sessionOf({ deviceType, deviceId, generation, gate, loggedInAtS }: ApiSession): object {
  return { deviceType, deviceId, generation, gate, since: new Date(loggedInAtS * 1000).toISOString() };
}

function errorOf(code: number): ApiError {
  const { code: name, message } = apiErrorOf(code);
  return apiError(name, MESSAGES[code as ErrorCode] ?? message);
}
