import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADDRESSES_MAX, AddressRates } from '../src/api/address-rates.ts';
import { IplistEndpoint, type IplistLimits, type IplistRequest } from '../src/api/iplist-endpoint.ts';
import { ManualClock } from './support/manual-clock.ts';

const NO_LIMITS: IplistLimits = { requestsPerSecondMax: 0, addressRequestsPerSecondMax: 0, addressExempt: [] };
const REQUEST: IplistRequest = {
  method: 'GET',
  url: '/v1/iplist?app=demo&uid=alice',
  address: '192.0.2.1',
  ifNoneMatch: undefined,
};

function world(limits: Partial<IplistLimits> = {}) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const answer = { gates: ['a:1'] as string[] | undefined };
  const endpoint = new IplistEndpoint({
    clock,
    limits: { ...NO_LIMITS, ...limits },
    find: (app, uid) => {
      asked.push(`${app}/${uid}`);
      return answer.gates && { gates: answer.gates, ttlMs: 90_500 };
    },
  });
  const ask = (changes: Partial<IplistRequest> = {}) => endpoint.answer({ ...REQUEST, ...changes });
  const statusOf = (changes: Partial<IplistRequest>) => ask(changes).status;
  return { clock, asked, answer, endpoint, ask, statusOf };
}

test('an answer is JSON that a client may keep for its time, and nobody else', () => {
  const { ask, asked } = world();
  const { status, headers, body } = ask();
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(body ?? ''), { gates: ['a:1'], ttlMs: 90_500 });
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['cache-control'], 'private, max-age=90');
  assert.match(headers['etag'] ?? '', /^"[\w-]{16}"$/);
  assert.deepEqual(asked, ['demo/alice']);
});

test('who has the answer already is told so without it', () => {
  const { ask, answer, endpoint } = world();
  const { etag = '' } = ask().headers;
  for (const ifNoneMatch of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const again = ask({ ifNoneMatch });
    assert.deepEqual([again.status, again.body, again.headers['etag']], [304, undefined, etag], ifNoneMatch);
    assert.equal(again.headers['cache-control'], 'private, max-age=90');
  }
  answer.gates = ['b:1'];
  assert.equal(ask({ ifNoneMatch: etag }).status, 200);
  assert.deepEqual(Object.fromEntries(endpoint.outcomes), { answered: 2, unchanged: 4 });
});

test('a uid may be left out; ids that make no sense are refused and looked up nowhere', () => {
  const { ask, asked } = world();
  assert.equal(ask({ url: '/v1/iplist?app=demo' }).status, 200);
  for (const query of ['', '?', '?uid=alice', '?app=', '?app=a%20b', '?app=demo&uid=%00', `?app=${'a'.repeat(65)}`]) {
    const { status, body, headers } = ask({ url: `/v1/iplist${query}` });
    assert.equal(status, 400, query);
    assert.equal(JSON.parse(body ?? '').error.code, 'BAD_REQUEST');
    assert.equal(headers['cache-control'], 'no-store');
  }
  assert.deepEqual(asked, ['demo/']);
});

test('with no gate there, a client is told when to ask again', () => {
  const { ask, answer } = world();
  answer.gates = undefined;
  const { status, body, headers } = ask();
  assert.equal(status, 503);
  assert.equal(JSON.parse(body ?? '').error.code, 'NO_GATE');
  assert.deepEqual([headers['retry-after'], headers['cache-control']], ['1', 'no-store']);
});

test('only GET and HEAD are answered', () => {
  const { ask } = world();
  assert.equal(ask({ method: 'HEAD' }).status, 200);
  const { status, headers } = ask({ method: 'POST' });
  assert.deepEqual([status, headers['allow']], [405, 'GET, HEAD']);
});

test('T9: one address asks as often as allowed, at max and max + 1, and harms no other', () => {
  const { clock, ask, statusOf, asked } = world({ addressRequestsPerSecondMax: 3 });
  const address = '2001:db8::1';
  assert.deepEqual(
    [1, 2, 3].map(() => statusOf({ address })),
    [200, 200, 200],
  );
  const refused = ask({ address });
  assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '1']);
  assert.equal(JSON.parse(refused.body ?? '').error.code, 'THROTTLED');
  assert.equal(statusOf({ address: '2001:db8::ffff:1' }), 429);
  assert.equal(statusOf({ address: '2001:db8:0:1::1' }), 200);
  assert.equal(asked.length, 4);
  clock.advance(334);
  assert.deepEqual(
    [1, 2].map(() => statusOf({ address })),
    [200, 429],
  );
});

test('T15: all together ask as often as allowed, exempt addresses too', () => {
  const limits = { requestsPerSecondMax: 4, addressRequestsPerSecondMax: 1, addressExempt: ['10.0.0.0/8'] };
  const { clock, statusOf } = world(limits);
  assert.deepEqual(
    [1, 2, 3].map(() => statusOf({ address: '10.0.0.1' })),
    [200, 200, 200],
  );
  assert.equal(statusOf({ address: '192.0.2.1' }), 200);
  assert.equal(statusOf({ address: '10.0.0.1' }), 429);
  assert.equal(statusOf({ address: '192.0.2.2' }), 429);
  clock.advance(250);
  assert.deepEqual(
    [1, 2].map(() => statusOf({ address: '10.0.0.2' })),
    [200, 429],
  );
});

test('addresses at rest are forgotten, and a flood of them fills no memory', () => {
  const rates = new AddressRates({ ...NO_LIMITS, addressRequestsPerSecondMax: 1 });
  for (let i = 0; i < ADDRESSES_MAX + 10; i++) assert.equal(rates.admit(`a${i}`, 0), true);
  assert.equal(rates.addresses, ADDRESSES_MAX);
  assert.equal(rates.admit('one more', 2000), true);
  assert.equal(rates.addresses, 1);
});
