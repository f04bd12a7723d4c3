import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AsyncTarget, pushRoutes } from '../src/api/push-routes.ts';
import { RequestGuard } from '../src/api/request-guard.ts';
import { AddOutcome } from '../src/bus/entry-writer.ts';
import { Durability } from '../src/model/durability.ts';
import type { ApiPushFrame } from '../src/trunk/trunk-protocol.ts';
import { SeededRandom } from './support/seeded-random.ts';

const HELLO = { app: 'demo', to: 'bob', text: 'hi', async: true };

class FakeQueue implements AsyncTarget {
  durability: Durability | undefined = Durability.Disk;
  readonly added: ApiPushFrame[] = [];
  readonly outcomes: AddOutcome[] = [];

  knowsApp(app: string): boolean {
    return app === 'demo';
  }

  async add(frame: ApiPushFrame): Promise<AddOutcome> {
    this.added.push(frame);
    return this.outcomes.shift() ?? AddOutcome.Added;
  }
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
  retryAfter: string | null;
}

async function push(queue: FakeQueue | undefined, body: unknown): Promise<Answer> {
  const app = pushRoutes({
    target: { up: false, push: () => assert.fail('nothing may go through the trunk') },
    ...(queue === undefined ? {} : { queue }),
    guard: new RequestGuard({ host: '127.0.0.1', key: '' }),
    random: new SeededRandom(1),
    onFault: (error) => assert.fail(String(error)),
  });
  const headers = { host: '127.0.0.1', 'content-type': 'application/json' };
  const response = await app.request('http://127.0.0.1/v1/push', {
    method: 'POST',
    body: JSON.stringify(body),
    headers,
  });
  const given = (await response.json()) as Record<string, unknown>;
  return { status: response.status, body: given, retryAfter: response.headers.get('retry-after') };
}

function codeOf(body: Record<string, unknown>): unknown {
  return (body['error'] as { code?: unknown } | undefined)?.code;
}

describe('asynchronous pushes', () => {
  test('are answered 202 with id and level once they are in the stream, also while logic is away', async () => {
    const queue = new FakeQueue();
    const { status, body } = await push(queue, { ...HELLO, id: 'a' });
    assert.equal(status, 202);
    assert.deepEqual(body, { id: 'a', status: 'queued', durability: 'disk' });
    assert.deepEqual(queue.added, [
      { app: 'demo', from: 'system', to: 'bob', clientMsgId: 'a', payload: Buffer.from('hi') },
    ]);
  });

  test('of a batch are queued in its order, each with its own outcome', async () => {
    const queue = new FakeQueue();
    queue.outcomes.push(AddOutcome.Added, AddOutcome.Full);
    const { async, ...item } = HELLO;
    const messages = [
      { ...item, id: 'a' },
      { ...item, id: 'b' },
      { ...item, id: 'c', app: 'other' },
      { ...item, id: 'd', async },
    ];
    const { status, body } = await push(queue, { messages, async });
    assert.equal(status, 202);
    const results = body['results'] as Record<string, unknown>[];
    assert.deepEqual(
      results.map((result) => [result['id'], result['status'] ?? codeOf(result)]),
      [
        ['a', 'queued'],
        ['b', 'BUSY'],
        ['c', 'FORBIDDEN'],
        ['d', 'BAD_REQUEST'],
      ],
    );
    assert.deepEqual(
      queue.added.map(({ clientMsgId }) => clientMsgId),
      ['a', 'b'],
    );
  });

  test('are refused with 429 and Retry-After above the backlog, and tell what else went wrong', async () => {
    const queue = new FakeQueue();
    const cases: [AddOutcome, number, string][] = [
      [AddOutcome.Full, 429, 'BUSY'],
      [AddOutcome.NotAdded, 503, 'STORE_UNAVAILABLE'],
      [AddOutcome.Unknown, 503, 'RETRY_LATER'],
    ];
    for (const [outcome, status, code] of cases) {
      queue.outcomes.push(outcome);
      const answer = await push(queue, { ...HELLO, id: 'a' });
      assert.deepEqual([answer.status, codeOf(answer.body), answer.body['id']], [status, code, 'a']);
      assert.ok(Number(answer.retryAfter) > 0);
    }
  });

  test('need a system on Redis, and one that Redis has answered', async () => {
    const none = await push(undefined, HELLO);
    assert.deepEqual([none.status, codeOf(none.body)], [400, 'BAD_REQUEST']);
    const closed = new FakeQueue();
    closed.durability = undefined;
    const away = await push(closed, HELLO);
    assert.deepEqual([away.status, codeOf(away.body), closed.added.length], [503, 'STORE_UNAVAILABLE', 0]);
  });
});
