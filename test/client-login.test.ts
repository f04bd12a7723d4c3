import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectError, MemoryStorage, StoppedError } from '../src/client/index.ts';
import { Capability, CloseReason, CredentialType, Intent } from '../src/protocol/index.ts';
import { ClientWorld } from './support/client-world.ts';

test('CONNECT comes first and alone, as a fresh login without state', async () => {
  const world = await ClientWorld.start();
  world.server.script.connect = () => {};
  const client = world.client();
  const connecting = client.connect();
  void client.send({ to: 'bob', text: 'early' });
  await world.pass(100);
  assert.deepEqual(world.server.connection.names, ['connect']);
  const { body, requestId } = world.server.connection.last('connect');
  assert.deepEqual(
    [body.app, body.uid, body.deviceType, body.deviceId, body.credential],
    ['demo', 'alice', 'phone', 'phone1', 'token'],
  );
  assert.deepEqual([body.intent, body.lastGeneration, body.epoch, body.lastSeq], [Intent.Fresh, 0, 0, 0]);
  world.server.connection.connack(requestId);
  await world.finish(connecting);
  await world.settle();
  assert.deepEqual(world.server.connection.names, ['connect', 'send']);
  assert.equal(client.state, 'online');
});

for (const reason of [CloseReason.Shutdown, CloseReason.Busy, 240]) {
  test(`a login that ends with reason ${reason} is tried again until it succeeds`, async () => {
    const world = await ClientWorld.start();
    let refusals = 2;
    world.server.script.connect = (connection, { requestId }) => {
      if (refusals-- > 0) connection.close(reason);
      else connection.connack(requestId);
    };
    await world.connected();
    assert.equal(world.server.connections.length, 3);
    assert.equal(world.events.at(-1), 'connected');
  });
}

test('a connection that ends without a CLOSE counts as a reason to reconnect', async () => {
  const world = await ClientWorld.start();
  await world.connected();
  world.server.connection.cut();
  await world.pass(2000);
  assert.deepEqual(world.events, ['connected', 'disconnected PEER_CLOSED', 'connected']);
});

test("the server's retryAfterMs is obeyed", async () => {
  const world = await ClientWorld.start();
  await world.connected();
  world.server.connection.close(CloseReason.Unavailable, { retryAfterMs: 9000 });
  await world.pass(8990);
  assert.equal(world.server.connections.length, 1);
  await world.pass(1100);
  assert.equal(world.server.connections.length, 2);
});

test('a refused token is asked for again, and never presented twice', async () => {
  const world = await ClientWorld.start();
  const tokens = ['old', 'new'];
  world.server.script.connect = (connection, { requestId, body }) => {
    if (body.credential === 'old') connection.close(CloseReason.CredentialExpired);
    else connection.connack(requestId);
  };
  await world.connected({ token: async () => tokens.shift() ?? 'none' });
  assert.equal(world.server.connection.last('connect').body.credential, 'new');
});

test('a refused token that is all there is stops the client', async () => {
  const world = await ClientWorld.start();
  world.server.script.connect = (connection) => connection.close(CloseReason.CredentialInvalid);
  for (const token of ['only', async () => 'only']) {
    await assert.rejects(world.connected({ token }), { name: 'StoppedError', reason: CloseReason.CredentialInvalid });
  }
  assert.equal(world.server.connections.length, 2);
});

test('a token source that fails is asked again', async () => {
  const world = await ClientWorld.start();
  let failures = 1;
  await world.connected({
    token: async () => {
      if (failures-- > 0) throw new Error('no network');
      return 'token';
    },
  });
  assert.deepEqual(world.events, ['error Error', 'disconnected PEER_CLOSED', 'connected']);
});

test('a ticket is used for the next login, and falls back to the token when refused', async () => {
  const world = await ClientWorld.start();
  world.server.ticket = 'ticket';
  const storage = new MemoryStorage();
  const first = await world.connected({ storage });
  await world.finish(first.close());
  world.server.script.connect = (connection, { requestId, body }) => {
    if (body.credentialType === CredentialType.Ticket) connection.close(CloseReason.CredentialExpired);
    else connection.connack(requestId);
  };
  await world.connected({ storage });
  const presented = world.server.connections.map((each) => each.last('connect').body.credential);
  assert.deepEqual(presented, ['token', 'ticket', 'token']);
});

test('a terminal reason stops the client until a person connects again, as a fresh login', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  world.server.connection.kick(CloseReason.Replaced);
  world.server.connection.close(CloseReason.Replaced);
  await world.pass(120_000, 1000);
  assert.deepEqual(world.events, ['connected', 'kicked REPLACED', 'disconnected REPLACED', 'stopped REPLACED']);
  assert.equal(client.state, 'stopped');
  assert.equal(world.server.connections.length, 1);
  await world.finish(client.connect());
  assert.equal(world.server.connection.last('connect').body.intent, Intent.Fresh);
});

test('the reason of a KICK holds when the CLOSE after it is lost', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  world.server.connection.kick(CloseReason.Kicked);
  await world.settle();
  world.server.connection.cut();
  await world.settle();
  assert.equal(client.state, 'stopped');
});

test('connect rejects when the login is refused for good', async () => {
  const world = await ClientWorld.start();
  world.server.script.connect = (connection) => connection.close(CloseReason.UnsupportedVersion, { detail: 'v2' });
  await assert.rejects(world.connected(), (error) => error instanceof StoppedError && /v2/.test(error.message));
});

test('connect gives up after its time and can be called again', async () => {
  const world = await ClientWorld.start();
  world.server.script.connect = () => {};
  const client = world.client({ connectTimeoutMs: 3000 });
  await assert.rejects(world.finish(client.connect()), ConnectError);
  assert.equal(client.state, 'idle');
  world.server.script = {};
  await world.finish(client.connect());
});

test('a server that never answers the login is given up after the login time', async () => {
  const world = await ClientWorld.start();
  let isSilent = true;
  world.server.script.connect = (connection, { requestId }) => {
    if (!isSilent) connection.connack(requestId);
    isSilent = false;
  };
  await world.connected({ loginTimeoutMs: 4000 });
  assert.ok(world.clock.monotonicMs() >= 4000);
});

test('later logins resume with generation, epoch and seq', async () => {
  const world = await ClientWorld.start();
  world.server.store('one', 'two');
  const client = await world.connected();
  world.receive(client);
  await world.pass(100);
  world.server.connection.cut();
  await world.pass(2000);
  const { body } = world.server.connection.last('connect');
  assert.deepEqual([body.intent, body.lastGeneration, body.epoch, body.lastSeq], [Intent.Resume, 1, 1, 2]);
  assert.deepEqual(world.texts, ['one', 'two']);
});

test('a new program is a fresh login, with the option resume it comes back as what it was', async () => {
  const world = await ClientWorld.start();
  const storage = new MemoryStorage();
  for (const [resume, intent] of [
    [false, Intent.Fresh],
    [false, Intent.Fresh],
    [true, Intent.Resume],
  ] as const) {
    const client = await world.connected({ storage, resume });
    assert.equal(world.server.connection.last('connect').body.intent, intent);
    await world.finish(client.close());
  }
});

test('silence of the server for 1.5 heartbeats leads to a new connection', async () => {
  const world = await ClientWorld.start();
  world.server.script.ping = () => {};
  await world.connected();
  await world.pass(44_900, 100);
  assert.equal(world.server.connections.length, 1);
  await world.pass(2000, 100);
  assert.equal(world.server.connections.length, 2);
  assert.ok(world.server.connections[0]?.names.includes('ping'));
});

test('answered heartbeats keep the connection for ever', async () => {
  const world = await ClientWorld.start();
  await world.connected();
  await world.pass(600_000, 1000);
  assert.equal(world.server.connections.length, 1);
  const pings = world.server.connection.all('ping').length;
  assert.ok(pings >= 16 && pings <= 26, `${pings} pings`);
});

test('GOAWAY leads to another gate within its time, and back to the first one after that', async () => {
  const world = await ClientWorld.start();
  await world.connected();
  world.server.connection.goaway(5000, ['127.0.0.1:7499', 'nonsense']);
  await world.pass(20_000, 100);
  assert.deepEqual(world.events, ['connected', 'disconnected NORMAL', 'disconnected PEER_CLOSED', 'connected']);
  assert.ok(world.server.connections[0]?.names.includes('disconnect'));
});

test('GOAWAY: the move itself takes no back-off, whatever the attempts before it', async () => {
  const world = await ClientWorld.start();
  await world.connected();
  world.server.connection.goaway(5000, []);
  await world.pass(5000, 1);
  assert.deepEqual(world.events, ['connected', 'disconnected NORMAL', 'connected']);
  assert.deepEqual(world.retriesInMs, [0]);
});

test('a send-only client shows no cursor, pulls nothing and acknowledges nothing', async () => {
  const world = await ClientWorld.start();
  world.server.store('one');
  const client = await world.connected({ sendOnly: true });
  assert.equal(world.server.connection.last('connect').body.capabilities, Capability.SendOnly);
  const receipt = await world.finish(client.send({ to: 'bob', text: 'hi' }));
  assert.equal(receipt.durability, 'disk');
  await world.pass(60_000, 1000);
  assert.deepEqual(new Set(world.server.connection.names), new Set(['connect', 'send', 'ping']));
});

test('frames cut into single bytes are read all the same', async () => {
  const world = await ClientWorld.start();
  world.transport.linkOptions = { ...world.transport.linkOptions, chunkBytes: 1 };
  world.server.store('one', 'two', 'three');
  const client = await world.connected();
  world.receive(client);
  await world.finish(client.send({ to: 'bob', text: 'hi' }));
  await world.pass(100);
  assert.deepEqual(world.texts, ['one', 'two', 'three']);
});

test('a frame that is too long or makes no sense ends the connection, and the next one goes on', async () => {
  const world = await ClientWorld.start();
  await world.connected();
  world.server.connection.write((writer) => {
    writer.endFrame(writer.beginFrame(196, 0));
  });
  await world.pass(3000);
  world.server.connection.write((writer) => {
    const start = writer.beginFrame(196, 0);
    writer.arrayHeader(0);
    writer.endFrame(start);
  });
  await world.pass(3000);
  assert.equal(world.events.filter((event) => event === 'connected').length, 3);
});

test('close says DISCONNECT, shares one promise, and ends every timer', async () => {
  const world = await ClientWorld.start();
  const client = await world.connected();
  const closing = client.close();
  assert.equal(client.close(), closing);
  await world.finish(closing);
  await world.pass(3000);
  assert.equal(client.state, 'closed');
  assert.equal(world.server.connection.names.at(-1), 'disconnect');
  assert.equal(world.clock.pendingTimers, 0);
  await assert.rejects(client.connect(), ConnectError);
  await assert.rejects(client.send({ to: 'bob', text: 'late' }), { name: 'CLOSED', outcomeUnknown: false });
});

test('close while connecting rejects connect', async () => {
  const world = await ClientWorld.start();
  world.server.script.connect = () => {};
  const client = world.client();
  const connecting = client.connect();
  connecting.catch(() => {});
  await world.pass(50);
  await world.finish(client.close());
  await assert.rejects(connecting, ConnectError);
  await world.pass(3000);
  assert.equal(world.clock.pendingTimers, 0);
});
