import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pushRoutes } from '../src/api/push-routes.ts';
import { RequestGuard } from '../src/api/request-guard.ts';
import { addSessionRoutes } from '../src/api/session-routes.ts';
import { ErrorCode } from '../src/protocol/index.ts';
import type { ApiKickFrame, ApiSessionsFrame } from '../src/trunk/trunk-protocol.ts';
import { SeededRandom } from './support/seeded-random.ts';

const KEY = 'a-key-of-sixteen-bytes';
const SESSION = { deviceType: 'phone', deviceId: 'p1', generation: 7, gate: 'gate 1' };
const ALICE = { app: 'demo', uid: 'alice' };

/** The routes in front of a logic that keeps what it is asked and answers `error`. */
function routes(key = '') {
  const asked: (ApiKickFrame | ApiSessionsFrame)[] = [];
  const logic = { error: 0 };
  const nothing = { error: 0, messageId: 1, timeMs: 1, dup: false, durability: 3 };
  const app = pushRoutes({
    target: { up: true, push: async () => nothing },
    guard: new RequestGuard({ host: '127.0.0.1', key }),
    random: new SeededRandom(1),
    onFault: () => {},
  });
  addSessionRoutes(app, {
    kick: async (frame) => {
      asked.push(frame);
      return { error: logic.error, sessionsEnded: 2 };
    },
    sessions: async (frame) => {
      asked.push(frame);
      return { error: logic.error, sessions: [{ ...SESSION, loggedInAtS: 1_767_225_600 }] };
    },
  });
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const given = { host: '127.0.0.1:7480', 'content-type': 'application/json', ...headers };
    const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
    const response = await app.request(`http://127.0.0.1:7480${path}`, { method, headers: given, body: text });
    const answer = (await response.json()) as Record<string, unknown>;
    return { status: response.status, answer, code: (answer['error'] as { code?: string } | undefined)?.code };
  };
  const kick = (body: unknown, headers?: Record<string, string>) => call('POST', '/v1/admin/kick', body, headers);
  return { asked, logic, call, kick };
}

test('a kick goes to logic with what it names, and answers how many sessions ended', async () => {
  const { kick, asked } = routes();
  assert.deepEqual((await kick(ALICE)).answer, { sessionsEnded: 2 });
  await kick({ ...ALICE, deviceType: 'phone', deviceId: 'p1', revoke: true });
  await kick({ ...ALICE, revokeBefore: 1_767_225_600_000 });
  const everything = { ...ALICE, deviceType: '', deviceId: '', revoke: false, revokeBeforeMs: 0 };
  assert.deepEqual(asked, [
    everything,
    { ...everything, deviceType: 'phone', deviceId: 'p1', revoke: true },
    { ...everything, revoke: true, revokeBeforeMs: 1_767_225_600_000 },
  ]);
});

test('a kick that makes no sense is refused and goes nowhere', async () => {
  const { kick, call, asked } = routes();
  const wrong: unknown[] = [
    {},
    { app: 'demo' },
    { ...ALICE, uid: '' },
    { ...ALICE, uid: 'a b' },
    { ...ALICE, deviceId: '' },
    { ...ALICE, device: 'p1' },
    { ...ALICE, revoke: 'yes' },
    { ...ALICE, revokeBefore: 0 },
    { ...ALICE, revokeBefore: 1.5 },
    { ...ALICE, revoke: true, revokeBefore: 5 },
  ];
  for (const body of wrong) {
    const { status, code } = await kick(body);
    assert.deepEqual([status, code], [400, 'BAD_REQUEST'], JSON.stringify(body));
  }
  assert.equal((await kick('{')).code, 'BAD_JSON');
  assert.equal((await kick(ALICE, { 'content-type': 'text/plain' })).status, 415);
  assert.equal((await kick(JSON.stringify({ ...ALICE, deviceId: 'd'.repeat(5000) }))).status, 413);
  assert.equal((await call('GET', '/v1/admin/kick')).status, 405);
  assert.deepEqual(asked, []);
});

test('sessions are listed by app and uid', async () => {
  const { call, asked, logic } = routes();
  const { status, answer } = await call('GET', '/v1/sessions?app=demo&uid=alice');
  assert.deepEqual([status, answer], [200, { sessions: [{ ...SESSION, since: '2026-01-01T00:00:00.000Z' }] }]);
  assert.deepEqual(asked, [ALICE]);
  assert.equal((await call('GET', '/v1/sessions?app=demo')).status, 400);
  assert.equal((await call('POST', '/v1/sessions?app=demo&uid=alice', {})).status, 405);
  logic.error = ErrorCode.Forbidden;
  assert.equal((await call('GET', '/v1/sessions?app=x&uid=alice')).status, 403);
});

test('what logic refuses has its code and status, and words that speak of sessions', async () => {
  const { kick, logic } = routes();
  const cases: [ErrorCode, number, string][] = [
    [ErrorCode.RetryLater, 503, 'RETRY_LATER'],
    [ErrorCode.StoreUnavailable, 503, 'STORE_UNAVAILABLE'],
    [ErrorCode.Forbidden, 403, 'FORBIDDEN'],
    [ErrorCode.BadRequest, 400, 'BAD_REQUEST'],
  ];
  for (const [error, status, name] of cases) {
    logic.error = error;
    const refused = await kick(ALICE);
    assert.deepEqual([refused.status, refused.code], [status, name]);
    assert.doesNotMatch(JSON.stringify(refused.answer), /not stored/);
  }
});

test('T21: with a key configured, neither route answers without it', async () => {
  const { kick, call, asked } = routes(KEY);
  assert.equal((await kick(ALICE)).status, 401);
  assert.equal((await call('GET', '/v1/sessions?app=demo&uid=alice')).status, 401);
  assert.deepEqual(asked, []);
  assert.equal((await kick(ALICE, { authorization: `Bearer ${KEY}` })).status, 200);
  assert.equal((await routes().kick(ALICE, { origin: 'http://evil.example' })).status, 403);
});
