/** Who is current, with real processes: races, kills in the middle of them, kicks and revocations. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ClientOptions, MemoryStorage, SluiceClient, systemPlatform } from '../src/client/index.ts';
import { SystemClock } from '../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../src/config/apps.ts';
import { mintToken } from '../src/logic/authentication/mint-token.ts';
import { type System, startSystem, until } from './support/system.ts';

const RACERS = 100;
const clock = new SystemClock();
const platform = systemPlatform();
let system: System;

before(async () => {
  system = await startSystem({ workers: 4 });
});

after(() => system.stop());

function token(uid: string, issuedAtMs: number = clock.wallMs()): Promise<string> {
  const lifetimeMs = 3_600_000;
  return mintToken({ app: DEVELOPMENT_APP_ID, uid, secret: DEVELOPMENT_SECRET, issuedAtMs, lifetimeMs });
}

interface Tracked {
  readonly client: SluiceClient;
  readonly told: string[];
}

function track(uid: string, deviceId: string, options: Partial<ClientOptions> = {}): Tracked {
  const client = new SluiceClient({
    host: '127.0.0.1',
    port: system.gatePort,
    app: DEVELOPMENT_APP_ID,
    uid,
    deviceType: 'phone',
    deviceId,
    token: () => token(uid),
    platform,
    ...options,
  });
  const told: string[] = [];
  client.on('kicked', ({ reasonName }) => told.push(`kicked ${reasonName}`));
  client.on('stopped', ({ reasonName }) => told.push(`stopped ${reasonName}`));
  client.on('disconnected', ({ reasonName }) => told.push(`disconnected ${reasonName}`));
  return { client, told };
}

interface ListedSession {
  readonly deviceId: string;
  readonly generation: number;
  readonly gate: string;
}

async function sessionsOf(uid: string): Promise<ListedSession[]> {
  const response = await fetch(system.url(`/v1/sessions?app=${DEVELOPMENT_APP_ID}&uid=${uid}`));
  return ((await response.json()) as { sessions?: ListedSession[] }).sessions ?? [];
}

async function kick(uid: string, fields: object): Promise<unknown> {
  const response = await fetch(system.url('/v1/admin/kick'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ app: DEVELOPMENT_APP_ID, uid, ...fields }),
  });
  return response.json();
}

async function closeAll(racers: readonly Tracked[]): Promise<void> {
  await Promise.all(racers.map(({ client }) => client.close()));
}

/** Lets 100 devices of one type log in at once; `meanwhile` happens in the middle of it. */
async function race(uid: string, meanwhile: () => Promise<void>): Promise<void> {
  const racers = Array.from({ length: RACERS }, (_, index) => track(uid, `phone${index}`));
  for (const { client } of racers) client.connect().catch(() => {});
  await meanwhile();
  const online = () => racers.filter(({ client }) => client.state === 'online');
  const stopped = () => racers.filter(({ client }) => client.state === 'stopped');
  await until(() => online().length === 1 && stopped().length === RACERS - 1, `one of ${RACERS} is current`);
  for (const { told } of stopped()) assert.equal(told.at(-1), 'stopped REPLACED');
  const [winner] = online();
  let listed: ListedSession[] = [];
  await until(async () => {
    listed = await sessionsOf(uid);
    return listed.length > 0;
  }, 'logic lists the session');
  assert.equal(listed.length, 1);
  assert.equal(listed[0]?.deviceId, `phone${racers.findIndex(({ client }) => client.state === 'online')}`);
  assert.equal((await winner?.client.send({ to: 'somebody', text: 'still here' }))?.dup, false);
  await closeAll(racers);
}

test('G8: of 100 logins that race over all workers exactly one is current', () => race('racer', async () => {}));

test('G8: the same when logic is killed in the middle of the race', () =>
  race('killed-racer', async () => {
    await until(async () => (await sessionsOf('killed-racer')).length > 0, 'the race has begun');
    const pid = system.kill('logic-1', 'SIGKILL');
    await system.replaced('logic-1', pid);
  }));

test('a kicked client stops; a revoked credential stays refused, also after logic was killed', async () => {
  const uid = 'kicked';
  const old = await token(uid, clock.wallMs() - 2000);
  const storage = new MemoryStorage();
  const first = track(uid, 'phone1', { storage });
  await first.client.connect();
  assert.deepEqual(await kick(uid, { deviceId: 'other' }), { sessionsEnded: 0 });
  assert.deepEqual(await kick(uid, { revoke: true }), { sessionsEnded: 1 });
  await until(() => first.client.state === 'stopped', 'the client stops');
  assert.deepEqual(first.told, ['kicked KICKED', 'disconnected KICKED', 'stopped KICKED']);
  const refused = async (options: Partial<ClientOptions>) => {
    const { client } = track(uid, 'phone1', options);
    await assert.rejects(client.connect(), /CREDENTIAL_REVOKED/);
    await client.close();
  };
  await refused({ token: old });
  const pid = system.kill('logic-1', 'SIGKILL');
  await system.replaced('logic-1', pid);
  await refused({ token: old });
  // Its storage still holds the ticket of the login: refused too, and the token after it.
  await refused({ token: old, storage });
  await first.client.close();
});

test('a client comes back with its tickets, login after login, over a restart of logic', async () => {
  const storage = new MemoryStorage();
  const asked: number[] = [];
  const options = {
    storage,
    resume: true,
    token: () => {
      asked.push(1);
      return token('ticketed');
    },
  };
  for (let round = 0; round < 4; round++) {
    const { client } = track('ticketed', 'phone1', options);
    await client.connect();
    await client.close();
    if (round !== 1) continue;
    const pid = system.kill('logic-1', 'SIGKILL');
    await system.replaced('logic-1', pid);
  }
  assert.equal(asked.length, 1);
});
