import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Api } from '../src/api/api.ts';
import { BODY_BYTES_MAX } from '../src/api/push-routes.ts';
import { SystemClock } from '../src/clock/clock.ts';
import { SystemRandom } from '../src/clock/random.ts';
import { NodeTransport } from '../src/net/node-transport.ts';
import { writeApiPushed } from '../src/trunk/api-frames.ts';
import { StaticDirectory } from '../src/trunk/logic-directory.ts';
import { dispatchToLogic, type LogicFrameHandler } from '../src/trunk/trunk-dispatch.ts';
import type { TrunkLink } from '../src/trunk/trunk-link.ts';
import { type ApiPushFrame, TRUNK_VERSION } from '../src/trunk/trunk-protocol.ts';
import { TrunkServer } from '../src/trunk/trunk-server.ts';
import { PARTITIONS, tellOwned } from './support/owned.ts';
import { testLogger } from './support/test-logger.ts';

const clock = new SystemClock();
const times = { heartbeatMs: 2000, heartbeatMisses: 3 };
const KEY = 'a-key-of-sixteen-bytes';

interface Answer {
  status: number;
  text: string;
}

/** The logic end of a trunk: answers every push, or holds it. */
class FakeLogic {
  readonly pushes: ApiPushFrame[] = [];
  holding = false;
  readonly #server: TrunkServer;
  #onEvent: () => void = () => {};

  constructor(path: string) {
    const welcome = { version: TRUNK_VERSION, bootId: 'logic', partitions: PARTITIONS, durability: 3 };
    const handler = { onApiPush: this.#onApiPush } as unknown as LogicFrameHandler<TrunkLink>;
    this.#server = new TrunkServer(
      { transport: new NodeTransport(), clock, addresses: [{ path }], times, welcome },
      {
        onLinkUp: (link) => {
          tellOwned(link);
          this.#onEvent();
        },
        onLinkDown: () => this.#onEvent(),
        onFrame: (link, command, slot, bytes, start, end) =>
          dispatchToLogic(handler, link, command, slot, bytes, start, end),
      },
    );
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** Resolves when `condition` holds after an event of the trunk. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onEvent = () => {
        if (condition()) resolve();
      };
      this.#onEvent();
    });
  }

  readonly #onApiPush = (link: TrunkLink, requestId: number, frame: ApiPushFrame): void => {
    this.pushes.push({ ...frame, payload: Buffer.from(frame.payload) });
    if (!this.holding) {
      writeApiPushed(link.writer, requestId, { error: 0, messageId: 7, timeMs: 1, dup: false, durability: 3 });
      link.touch();
    }
    this.#onEvent();
  };
}

describe('the HTTP process', () => {
  let folder: string;
  let logic: FakeLogic;
  let api: Api;
  let port: number;
  let gates: number;
  let drains: number;
  let stopping: boolean;
  let metricsText: () => Promise<string>;

  async function startApi(key = '', outstandingMax = 10): Promise<void> {
    const trunk = {
      transport: new NodeTransport(),
      clock,
      random: new SystemRandom(),
      logics: new StaticDirectory([{ name: 'logic', address: { path: join(folder, 'trunk.sock') } }]),
      log: testLogger(),
      times,
      name: 'api',
      bootId: 'b',
      outstandingMax,
    };
    api = new Api({
      clock,
      random: new SystemRandom(),
      host: '127.0.0.1',
      port: 0,
      key,
      trunk,
      iplist: {
        limits: { requestsPerSecondMax: 0, addressRequestsPerSecondMax: 2, addressExempt: [] },
        find: (app, uid) => ({ ttlMs: 1000, gates: [`${app}-${uid}:7400`] }),
      },
      metricsText: () => metricsText(),
      metricsContentType: 'text/plain',
      gatesListening: () => gates,
      drain: () => {
        drains += 1;
      },
      stopping: () => stopping,
      onFault: () => {},
    });
    port = await api.start();
  }

  /** `Connection: close`, so that a test ends as soon as the server does. */
  function call(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = '',
    agent?: Agent,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, method, path, headers: { connection: 'close', ...headers }, agent };
      const sent = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  function push(body: unknown): Promise<Answer> {
    return call('POST', '/v1/push', { 'content-type': 'application/json' }, JSON.stringify(body));
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-api-'));
    gates = 1;
    stopping = false;
    drains = 0;
    metricsText = async () => 'sluice_up 1\n';
    logic = new FakeLogic(join(folder, 'trunk.sock'));
    await logic.start();
  });

  afterEach(async () => {
    await api.stop();
    await logic.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function linkUp(): Promise<void> {
    // The api's side of the link is up one round trip after logic's; a push that is answered proves it.
    while (!api.link.up) await new Promise((resolve) => clock.defer(() => resolve(undefined)));
  }

  it('pushes through the trunk and answers what logic said', async () => {
    await startApi();
    await linkUp();
    const answer = await push({ app: 'demo', to: 'bob', text: 'hi', id: 'one' });
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.text), {
      id: 'one',
      messageId: '7',
      status: 'stored',
      durability: 'disk',
      dup: false,
    });
    assert.deepEqual(logic.pushes, [
      { app: 'demo', from: 'system', to: 'bob', clientMsgId: 'one', payload: Buffer.from('hi') },
    ]);
  });

  it('takes a body of unknown length up to the limit, in any number of parts, and refuses what is longer with 413', async () => {
    await startApi();
    await linkUp();
    const chunked = (padding: number): Promise<Answer> => {
      const item = { app: 'demo', to: 'bob', text: 'hi', id: 'one' };
      const body = JSON.stringify(item) + ' '.repeat(padding - JSON.stringify(item).length);
      const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
      return call('POST', '/v1/push', headers, body);
    };
    assert.equal((await chunked(BODY_BYTES_MAX)).status, 200);
    const refused = await chunked(BODY_BYTES_MAX + 1);
    assert.equal(refused.status, 413);
    assert.equal(JSON.parse(refused.text).error.code, 'BODY_TOO_LARGE');
    assert.equal(logic.pushes.length, 1);
  });

  it('lets a connection be used for one push after another', async () => {
    await startApi();
    await linkUp();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const id of ['1', '2', '3']) {
      const body = JSON.stringify({ app: 'demo', to: 'bob', text: 'hi', id });
      const answer = await call(
        'POST',
        '/v1/push',
        { 'content-type': 'application/json', connection: 'keep-alive' },
        body,
        agent,
      );
      assert.deepEqual([answer.status, JSON.parse(answer.text).id], [200, id]);
    }
    agent.destroy();
  });

  it('answers 503 RETRY_LATER to pushes whose link breaks, and works again when logic is back', async () => {
    await startApi();
    await linkUp();
    logic.holding = true;
    const held = push({ app: 'demo', to: 'bob', text: 'hi', id: 'one' });
    await logic.until(() => logic.pushes.length === 1);
    await logic.stop();
    const answer = await held;
    assert.equal(answer.status, 503);
    assert.equal(JSON.parse(answer.text).error.code, 'RETRY_LATER');
    assert.equal((await call('GET', '/readyz')).status, 503);

    logic = new FakeLogic(join(folder, 'trunk.sock'));
    await logic.start();
    await linkUp();
    assert.equal((await push({ app: 'demo', to: 'bob', text: 'hi', id: 'one' })).status, 200);
  });

  it('answers 429 when as many pushes as allowed wait for their answer', async () => {
    await startApi('', 2);
    await linkUp();
    logic.holding = true;
    const held = [1, 2].map((id) => push({ app: 'demo', to: 'bob', text: 'hi', id: `${id}` }));
    await logic.until(() => logic.pushes.length === 2);
    const refused = await push({ app: 'demo', to: 'bob', text: 'hi', id: '3' });
    assert.equal(refused.status, 429);
    assert.equal(JSON.parse(refused.text).error.code, 'BUSY');
    await logic.stop();
    for (const answer of await Promise.all(held)) assert.equal(answer.status, 503);
  });

  it('is ready only with a link to logic and a listening gate, and says why not', async () => {
    await startApi();
    await linkUp();
    assert.deepEqual(JSON.parse((await call('GET', '/readyz')).text), { ready: true, reasons: [] });
    gates = 0;
    const without = await call('GET', '/readyz');
    assert.equal(without.status, 503);
    assert.deepEqual(JSON.parse(without.text).reasons, ['no gate is listening']);
    gates = 1;
    stopping = true;
    assert.equal((await call('GET', '/readyz')).status, 503);
    await logic.stop();
    while (api.link.up) await new Promise((resolve) => clock.defer(() => resolve(undefined)));
    assert.match((await call('GET', '/readyz')).text, /link to logic is down/);
    assert.equal((await call('GET', '/healthz')).status, 200);
  });

  it('tells clients their gates without a key, as often as one address may ask', async () => {
    await startApi(KEY);
    const path = '/v1/iplist?app=demo&uid=alice';
    const { status, text } = await call('GET', path);
    assert.deepEqual([status, JSON.parse(text)], [200, { ttlMs: 1000, gates: ['demo-alice:7400'] }]);
    assert.equal((await call('GET', path, { host: 'evil.example' })).status, 403);
    assert.equal((await call('GET', path, { origin: 'http://evil.example' })).status, 403);
    assert.equal((await call('POST', path)).status, 405);
    assert.equal((await call('HEAD', path)).text, '');
    assert.equal((await call('GET', path)).status, 429);
  });

  it('T19: POST /v1/admin/drain with the key, and with nothing less, asks for a drain', async () => {
    await startApi(KEY);
    const drain = '/v1/admin/drain';
    const authorization = 'Bearer a-key';
    assert.equal((await call('POST', drain)).status, 401);
    assert.equal((await call('POST', drain, { authorization })).status, 401);
    assert.equal((await call('POST', drain, { authorization, origin: 'http://evil.test' })).status, 403);
    assert.equal(drains, 0);
    assert.equal((await call('POST', drain, { authorization: `Bearer ${KEY}` })).status, 202);
    assert.equal(drains, 1);
  });

  it('answers a drain at once, and takes no other method for it', async () => {
    await startApi();
    assert.equal((await call('GET', '/v1/admin/drain')).status, 405);
    assert.equal(drains, 0);
    assert.equal((await call('POST', '/v1/admin/drain')).status, 202);
    assert.equal((await call('POST', '/v1/admin/drain')).status, 202);
    assert.equal(drains, 2);
  });

  it('answers metrics; two scrapes at a time are one', async () => {
    await startApi();
    let scrapes = 0;
    let finish: (text: string) => void = () => {};
    let started: () => void = () => {};
    const first = new Promise<void>((resolve) => {
      started = resolve;
    });
    metricsText = () => {
      scrapes++;
      started();
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    const one = call('GET', '/metrics');
    await first;
    const two = call('GET', '/metrics');
    assert.equal((await call('GET', '/healthz')).status, 200);
    finish('sluice_up 1\n');
    assert.deepEqual(
      [await one, await two],
      [
        { status: 200, text: 'sluice_up 1\n' },
        { status: 200, text: 'sluice_up 1\n' },
      ],
    );
    assert.equal(scrapes, 1);
  });

  it('answers 500 when the metrics cannot be collected, and goes on', async () => {
    await startApi();
    metricsText = () => Promise.reject(new Error('no'));
    assert.equal((await call('GET', '/metrics')).status, 500);
    metricsText = async () => 'x';
    assert.equal((await call('GET', '/metrics')).status, 200);
  });

  it('T19: metrics need the key, health does not; foreign hosts and origins get neither', async () => {
    await startApi(KEY);
    assert.equal((await call('GET', '/metrics')).status, 401);
    assert.equal((await call('GET', '/metrics', { authorization: `Bearer ${KEY}` })).status, 200);
    assert.equal((await call('GET', '/healthz')).status, 200);
    for (const path of ['/metrics', '/healthz', '/readyz']) {
      assert.equal((await call('GET', path, { host: 'evil.example' })).status, 403, path);
      assert.equal((await call('GET', path, { origin: 'http://evil.example' })).status, 403, path);
      assert.equal((await call('POST', path, { authorization: `Bearer ${KEY}` })).status, 405, path);
    }
  });
});
