import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseReason, CredentialType, ErrorCode } from '../src/protocol/index.ts';
import { ClientWorld } from './support/client-world.ts';

const AGE_MS = 1_000_000;
const STEP_MS = 5000;

/** A server whose sessions live for 1,000 s, and a client that gets tokens t1, t2, t3 … */
async function online(tokens: () => Promise<string>) {
  const world = await ClientWorld.start();
  // The server's clock: `serverTimeMs` of CONNACK is 1.
  world.server.sessionExpiresAtMs = 1 + AGE_MS;
  const client = await world.connected({ token: tokens });
  const sent = () => world.server.connection.all('reauth').map(({ body }) => body.credential);
  return { world, client, sent };
}

function counted(): () => Promise<string> {
  let count = 0;
  return async () => `t${++count}`;
}

test('S-REAUTH-2: a client presents a new token after 75 to 85 % of the session, again and again', async () => {
  const { world, client, sent } = await online(counted());
  world.server.script.reauth = (connection, { requestId }) => connection.reauthack(requestId, 1 + 3 * AGE_MS);
  await world.pass(0.75 * AGE_MS - STEP_MS, STEP_MS);
  assert.deepEqual(sent(), []);
  await world.pass(0.1 * AGE_MS + 2 * STEP_MS, STEP_MS);
  assert.deepEqual(sent(), ['t2']);
  await world.pass(AGE_MS, STEP_MS);
  assert.deepEqual(sent(), ['t2']);
  await world.pass(AGE_MS, STEP_MS);
  assert.deepEqual(sent(), ['t2', 't3']);
  assert.deepEqual(world.events, ['connected']);
  await world.finish(client.close());
});

test('a session without an age is left alone', async () => {
  const world = await ClientWorld.start();
  await world.connected({ token: counted() });
  await world.pass(2 * AGE_MS, 30_000);
  assert.deepEqual(world.server.connection.all('reauth'), []);
});

test('a refused REAUTH is tried again with another token, a bounded number of times, until the session ends', async () => {
  const { world, sent } = await online(counted());
  world.server.script.reauth = (connection, { requestId }) => connection.error(requestId, ErrorCode.Forbidden);
  await world.pass(AGE_MS, STEP_MS);
  const tries = sent();
  assert.ok(tries.length > 3 && tries.length < 30, `${tries.length} tries`);
  assert.equal(new Set(tries).size, tries.length);
  assert.deepEqual(world.events, ['connected']);
});

test('a token source that fails is asked again, and told to the application', async () => {
  let calls = 0;
  const { world, sent } = await online(async () => {
    calls++;
    if (calls === 2) throw new Error('no network');
    return `t${calls}`;
  });
  world.server.script.reauth = (connection, { requestId }) => connection.reauthack(requestId, 0);
  await world.pass(AGE_MS, STEP_MS);
  assert.deepEqual(sent(), ['t3']);
  assert.deepEqual(world.events, ['connected', 'error Error']);
});

test('a session that ended for its age is followed by a login with a new token, not with the ticket', async () => {
  const world = await ClientWorld.start();
  world.server.ticket = 'ticket';
  await world.connected({ token: counted() });
  world.server.connection.close(CloseReason.CredentialExpired);
  await world.pass(60_000, 1000);
  const { credential, credentialType } = world.server.connection.last('connect').body;
  assert.deepEqual([credential, credentialType], ['t2', CredentialType.Token]);
});

test('every login presents the newest ticket, so that the chain goes on', async () => {
  const world = await ClientWorld.start();
  world.server.script.connect = (connection, { requestId }) =>
    connection.connack(requestId, { ticket: `ticket ${world.server.connections.length}` });
  await world.connected({ token: counted() });
  for (let i = 0; i < 3; i++) {
    world.server.connection.cut();
    await world.pass(60_000, 1000);
  }
  const presented = world.server.connections.map((each) => each.last('connect').body.credential);
  assert.deepEqual(presented, ['t1', 'ticket 1', 'ticket 2', 'ticket 3']);
});

test('KICKED and REPLACED stop a client; CREDENTIAL_REVOKED makes it ask for a token', async () => {
  for (const reason of [CloseReason.Kicked, CloseReason.Replaced]) {
    const world = await ClientWorld.start();
    const client = await world.connected({ token: counted() });
    world.server.connection.kick(reason);
    world.server.connection.close(reason);
    await world.pass(120_000, 1000);
    assert.equal(client.state, 'stopped');
    assert.equal(world.server.connections.length, 1);
  }
  const world = await ClientWorld.start();
  const client = await world.connected({ token: counted() });
  world.server.connection.close(CloseReason.CredentialRevoked);
  await world.pass(60_000, 1000);
  assert.equal(client.state, 'online');
  assert.equal(world.server.connection.last('connect').body.credential, 't2');
});
