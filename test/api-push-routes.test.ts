import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BODY_BYTES_MAX, pushRoutes } from '../src/api/push-routes.ts';
import { RequestGuard } from '../src/api/request-guard.ts';
import { ErrorCode, PAYLOAD_BYTES_MAX } from '../src/protocol/index.ts';
import type { ApiPushedFrame, ApiPushFrame } from '../src/trunk/trunk-protocol.ts';
import { SeededRandom } from './support/seeded-random.ts';

const KEY = 'a-key-of-sixteen-bytes';
const STORED: ApiPushedFrame = { error: 0, messageId: 4_503_599_627_370_497, timeMs: 5, dup: false, durability: 3 };

/** Answers pushes from a list, then with STORED. */
class FakeTarget {
  up = true;
  readonly pushed: ApiPushFrame[] = [];
  readonly answers: (ApiPushedFrame | Error)[] = [];

  async push(frame: ApiPushFrame): Promise<ApiPushedFrame> {
    this.pushed.push(frame);
    const answer = this.answers.shift() ?? STORED;
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

class Harness {
  readonly target = new FakeTarget();
  readonly faults: unknown[] = [];
  readonly #app: ReturnType<typeof pushRoutes>;

  constructor(key = '', host = '127.0.0.1') {
    const guard = new RequestGuard({ host, key });
    this.#app = pushRoutes({
      target: this.target,
      guard,
      random: new SeededRandom(1),
      onFault: (error) => this.faults.push(error),
    });
  }

  async request(
    path: string,
    init: RequestInit = {},
  ): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }> {
    const headers = { host: '127.0.0.1:7480', ...(init.headers as Record<string, string>) };
    const response = await this.#app.request(`http://127.0.0.1:7480${path}`, { ...init, headers });
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
      headers: response.headers,
    };
  }

  push(
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.request('/v1/push', {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'application/json', ...headers },
    });
  }
}

const HELLO = { app: 'demo', to: 'bob', text: 'hi' };

function codeOf(body: Record<string, unknown>): unknown {
  return (body['error'] as { code?: unknown } | undefined)?.code;
}

describe('push over HTTP', () => {
  it('stores one message and answers its id, messageId as text, status, durability and dup', async () => {
    const api = new Harness();
    const { status, body } = await api.push({ ...HELLO, id: 'order-1', from: 'shop' });
    assert.equal(status, 200);
    assert.deepEqual(body, {
      id: 'order-1',
      messageId: '4503599627370497',
      status: 'stored',
      durability: 'disk',
      dup: false,
    });
    assert.deepEqual(api.target.pushed, [
      { app: 'demo', from: 'shop', to: 'bob', clientMsgId: 'order-1', payload: Buffer.from('hi') },
    ]);
  });

  it('generates an id when none is given and names the sender "system"', async () => {
    const api = new Harness();
    const { body } = await api.push(HELLO);
    assert.match(String(body['id']), /^[0-9a-f]{32}$/);
    assert.equal(api.target.pushed[0]?.clientMsgId, body['id']);
    assert.equal(api.target.pushed[0]?.from, 'system');
  });

  it('sends text as UTF-8 and payload as the bytes that base64 stands for', async () => {
    const api = new Harness();
    await api.push({ ...HELLO, text: 'ä€😀' });
    await api.push({ app: 'demo', to: 'bob', payload: 'AAEC/w==' });
    assert.deepEqual(
      api.target.pushed.map((frame) => Buffer.from(frame.payload).toString('hex')),
      ['c3a4e282acf09f9880', '000102ff'],
    );
  });

  it('answers a batch item by item, in order, and hands it on in order', async () => {
    const api = new Harness();
    api.target.answers.push(STORED, { ...STORED, error: ErrorCode.Conflict }, { ...STORED, dup: true });
    const messages = [
      { ...HELLO, id: 'a' },
      { ...HELLO, id: 'b' },
      { ...HELLO, to: 'no spaces', id: 'c' },
      { ...HELLO, id: 'd' },
      'nonsense',
    ];
    const { status, body } = await api.push({ messages });
    const results = body['results'] as Record<string, unknown>[];
    assert.equal(status, 200);
    assert.deepEqual(
      results.map((result) => [result['id'], result['status'] ?? codeOf(result), result['dup']]),
      [
        ['a', 'stored', false],
        ['b', 'CONFLICT', undefined],
        ['c', 'BAD_TARGET', undefined],
        ['d', 'stored', true],
        [undefined, 'BAD_REQUEST', undefined],
      ],
    );
    assert.deepEqual(
      api.target.pushed.map((frame) => frame.clientMsgId),
      ['a', 'b', 'd'],
    );
  });

  it('accepts 500 items and refuses 501 and none', async () => {
    const api = new Harness();
    const items = (count: number): unknown => ({ messages: Array.from({ length: count }, () => HELLO) });
    assert.equal(((await api.push(items(500))).body['results'] as unknown[]).length, 500);
    assert.equal((await api.push(items(501))).status, 400);
    assert.equal((await api.push(items(0))).status, 400);
    assert.equal(api.target.pushed.length, 500);
  });
});

describe('what is refused', () => {
  const wrong: [title: string, body: unknown, code: string][] = [
    ['no JSON', '{', 'BAD_JSON'],
    ['an unknown field', { ...HELLO, sender: 'x' }, 'BAD_REQUEST'],
    ['__proto__', '{"app":"demo","to":"bob","text":"hi","__proto__":{"x":1}}', 'BAD_REQUEST'],
    ['no app', { to: 'bob', text: 'hi' }, 'BAD_REQUEST'],
    ['a uid above 64 characters', { ...HELLO, to: 'b'.repeat(65) }, 'BAD_TARGET'],
    ['neither text nor payload', { app: 'demo', to: 'bob' }, 'BAD_REQUEST'],
    ['both text and payload', { ...HELLO, payload: '' }, 'BAD_REQUEST'],
    ['base64 without padding', { app: 'demo', to: 'bob', payload: 'AAE' }, 'BAD_REQUEST'],
    ['an empty id', { ...HELLO, id: '' }, 'BAD_CLIENT_MSG_ID'],
    ['an id of 65 bytes', { ...HELLO, id: 'x'.repeat(65) }, 'BAD_CLIENT_MSG_ID'],
    ['an id with half a surrogate pair', '{"app":"demo","to":"bob","text":"hi","id":"\\ud800"}', 'BAD_CLIENT_MSG_ID'],
    ['a list', [HELLO], 'BAD_REQUEST'],
  ];
  for (const [title, body, code] of wrong) {
    it(`400 for ${title}`, async () => {
      const api = new Harness();
      const answer = await api.push(body);
      assert.deepEqual([answer.status, codeOf(answer.body)], [400, code]);
      assert.equal(api.target.pushed.length, 0);
    });
  }

  it('413 for a payload above the limit; the limit itself is accepted', async () => {
    const api = new Harness();
    assert.equal((await api.push({ ...HELLO, text: 'x'.repeat(PAYLOAD_BYTES_MAX) })).status, 200);
    const answer = await api.push({ ...HELLO, text: 'x'.repeat(PAYLOAD_BYTES_MAX + 1) });
    assert.deepEqual([answer.status, codeOf(answer.body)], [413, 'PAYLOAD_TOO_LARGE']);
  });

  it('413 for a body above 1 MiB', async () => {
    const answer = await new Harness().push(JSON.stringify({ pad: 'x'.repeat(BODY_BYTES_MAX) }));
    assert.deepEqual([answer.status, codeOf(answer.body)], [413, 'BODY_TOO_LARGE']);
  });

  it('415 unless the content type is application/json', async () => {
    const api = new Harness();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', '']) {
      const answer = await api.push(HELLO, { 'content-type': type });
      assert.deepEqual([answer.status, codeOf(answer.body)], [415, 'BAD_CONTENT_TYPE'], type);
    }
    assert.equal((await api.push(HELLO, { 'content-type': 'application/json; charset=utf-8' })).status, 200);
  });

  it('403 for a Host that is not this machine', async () => {
    const api = new Harness();
    for (const host of ['evil.example', 'evil.example:7480', '127.0.0.1.evil.example', '', 'a@127.0.0.1']) {
      const answer = await api.push(HELLO, { host });
      assert.deepEqual([answer.status, codeOf(answer.body)], [403, 'BAD_HOST'], host);
    }
    for (const host of ['localhost:1', 'LOCALHOST', '[::1]:7480', '127.0.0.2']) {
      assert.equal((await api.push(HELLO, { host })).status, 200, host);
    }
  });

  it('403 for an Origin that is not the same', async () => {
    const api = new Harness();
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:3000', 'http://127.0.0.1']) {
      const answer = await api.push(HELLO, { origin });
      assert.deepEqual([answer.status, codeOf(answer.body)], [403, 'BAD_ORIGIN'], origin);
    }
    assert.equal((await api.push(HELLO, { origin: 'http://127.0.0.1:7480' })).status, 200);
  });

  it('401 without the configured key', async () => {
    const api = new Harness(KEY);
    for (const authorization of ['', KEY, `Bearer ${KEY}x`, 'Bearer ', `Basic ${KEY}`]) {
      const answer = await api.push(HELLO, { authorization });
      assert.deepEqual([answer.status, codeOf(answer.body)], [401, 'UNAUTHORIZED'], authorization);
    }
    assert.equal((await api.push(HELLO, { authorization: `Bearer ${KEY}` })).status, 200);
  });

  it('404 for another path, 405 for another method', async () => {
    const api = new Harness();
    assert.equal((await api.request('/v1/nothing')).status, 404);
    assert.equal((await api.request('/v1/push')).status, 405);
  });

  it('503 RETRY_LATER when logic is away or the link breaks under way', async () => {
    const api = new Harness();
    api.target.answers.push({ ...STORED, error: ErrorCode.RetryLater });
    const broken = await api.push({ ...HELLO, id: 'x' });
    assert.deepEqual([broken.status, codeOf(broken.body), broken.body['id']], [503, 'RETRY_LATER', 'x']);
    assert.equal(broken.headers.get('retry-after'), '1');
    api.target.up = false;
    const away = await api.push(HELLO);
    assert.deepEqual([away.status, codeOf(away.body)], [503, 'RETRY_LATER']);
    assert.equal(api.target.pushed.length, 1);
  });

  const answers: [code: number, status: number, name: string][] = [
    [ErrorCode.Busy, 429, 'BUSY'],
    [ErrorCode.StoreUnavailable, 503, 'STORE_UNAVAILABLE'],
    [ErrorCode.Conflict, 409, 'CONFLICT'],
    [ErrorCode.Forbidden, 403, 'FORBIDDEN'],
    [ErrorCode.BadTarget, 400, 'BAD_TARGET'],
  ];
  for (const [code, status, name] of answers) {
    it(`${status} when logic answers ${name}`, async () => {
      const api = new Harness();
      api.target.answers.push({ ...STORED, error: code });
      const answer = await api.push(HELLO);
      assert.deepEqual([answer.status, codeOf(answer.body)], [status, name]);
    });
  }

  it('500 for our own fault, without its text, and the fault is reported', async () => {
    const api = new Harness();
    api.target.answers.push(new Error('secret detail'));
    const answer = await api.push(HELLO);
    assert.deepEqual([answer.status, codeOf(answer.body)], [500, 'INTERNAL']);
    assert.doesNotMatch(JSON.stringify(answer.body), /secret/);
    assert.equal(api.faults.length, 1);
  });
});
