/** Frames that should not be: lengths (T2), hoarding (T3), bombs (T4), commands out of place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseReason, Command, ErrorCode } from '../src/protocol/index.ts';
import { GateWorld } from './support/gate-world.ts';
import { frameBytes } from './support/scripted-client.ts';

const EMPTY = Buffer.from([0x90]);

/** An array of one binary that makes the body exactly `length` bytes. */
function bodyOf(length: number): Buffer {
  const body = Buffer.alloc(length);
  body[0] = 0x91;
  body[1] = 0xc6;
  body.writeUInt32BE(length - 6, 2);
  return body;
}

for (const [title, bytes, reason] of [
  ['CVE-2021-32675: a header of 0xFFFFFFFF', [0xff, 0xff, 0xff, 0xff], 'FRAME_TOO_LARGE'],
  ['CVE-2017-7651: 16 MiB declared before CONNECT', [0xff, 0xff, 0xff, 1, 0, 0, 0, 1], 'FRAME_TOO_LARGE'],
  ['a length of 0', [0, 0, 0, 1, 0, 0, 0, 1], 'MALFORMED_FRAME'],
  ['an HTTP request', [...Buffer.from('GET / HTTP/1.1\r\n\r\n')], 'FRAME_TOO_LARGE'],
  ['a TLS hello', [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01], 'FRAME_TOO_LARGE'],
  ['zeros', Array.from({ length: 64 }, () => 0), 'MALFORMED_FRAME'],
  [
    'aedes#612: an MQTT packet',
    [...Buffer.from('101000044d5154540502003c0321001400006202d301e0020020', 'hex')],
    'FRAME_TOO_LARGE',
  ],
] as const) {
  test(`T2: ${title} before login: ${reason}, without waiting for more`, async () => {
    const world = await GateWorld.start();
    const client = world.dial();
    client.raw(Buffer.from(bytes));
    world.settle();
    assert.equal(client.closeReason, reason);
    assert.deepEqual(client.received, ['CLOSE']);
    assert.equal(world.gate.unfinishedFrames, 0);
  });
}

test('T2: before login a body of 4096 bytes is read and one of 4097 is not', async () => {
  const world = await GateWorld.start();
  for (const [length, reason] of [
    [4095, 'NOT_LOGGED_IN'],
    [4096, 'NOT_LOGGED_IN'],
    [4097, 'FRAME_TOO_LARGE'],
  ] as const) {
    const client = world.dial();
    client.frame(Command.Send, bodyOf(length));
    world.settle();
    assert.equal(client.closeReason, reason, `${length}`);
  }
});

test('T2: after login a body of 64 KiB is forwarded and one byte more is FRAME_TOO_LARGE', async () => {
  const world = await GateWorld.start();
  for (const length of [65_535, 65_536]) {
    const { client } = world.login();
    client.frame(Command.Send, bodyOf(length), 1);
    world.settle();
    assert.equal(client.closeReason, undefined);
    assert.equal(world.logic.lastForward.body.length, length);
  }
  const { client } = world.login();
  client.raw(frameBytes(Command.Send, bodyOf(65_537), 1).subarray(0, 3));
  world.settle();
  assert.equal(client.closeReason, 'FRAME_TOO_LARGE');
});

test('T2: 0xFFFFFFFF and 0 after login', async () => {
  const world = await GateWorld.start();
  for (const [bytes, reason] of [
    [[0xff, 0xff, 0xff, 0xff], 'FRAME_TOO_LARGE'],
    [[0, 0, 0, 2], 'MALFORMED_FRAME'],
  ] as const) {
    const { client } = world.login();
    client.raw(Buffer.from(bytes));
    world.settle();
    assert.equal(client.closeReason, reason);
  }
});

test('T2: what follows a malformed frame in the same chunk is not read', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  client.raw(Buffer.from([0, 0, 0, 2, 0, 0, 0, 1]), frameBytes(Command.Send, EMPTY, 2));
  world.settle();
  assert.equal(client.closeReason, 'MALFORMED_FRAME');
  assert.equal(world.logic.forwards.length, 0);
});

test('frames are the same whole, byte by byte, and many in one chunk', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  const send = frameBytes(Command.Send, bodyOf(300), 5);
  for (const byte of send) client.raw(byte);
  client.raw(send, send, send.subarray(0, 100));
  world.settle();
  client.raw(send.subarray(100));
  world.settle();
  assert.equal(world.logic.forwards.length, 4);
  for (const forward of world.logic.forwards) assert.deepEqual(forward.body, bodyOf(300));
  assert.equal(world.gate.unfinishedFrames, 0);
});

test('S-FRAME-6: a frame that was begun is finished within 15 s or ends FRAME_TIMEOUT, trickling or not', async () => {
  const world = await GateWorld.start({ frameTimeoutMs: 15_000 });
  const { client } = world.login();
  const send = frameBytes(Command.Send, bodyOf(300), 5);
  for (let second = 0; second < 14; second++) {
    client.raw(send.subarray(second, second + 1));
    world.advance(1000);
  }
  client.raw(send.subarray(14));
  world.advance(20_000);
  assert.equal(client.closeReason, undefined);
  for (let second = 0; second < 15; second++) {
    client.raw(send.subarray(second, second + 1));
    world.advance(999);
  }
  assert.equal(client.closeReason, undefined);
  world.advance(200);
  assert.equal(client.closeReason, 'FRAME_TIMEOUT');
});

test('T3 aedes#1086: unfinished frames up to the maximum stay, one byte more ends the oldest with MEMORY_PRESSURE', async () => {
  // Each holds a header and 92 bytes of body: 100 bytes.
  const world = await GateWorld.start({ partialFrameBytesMax: 1000 });
  const hoarders = Array.from({ length: 11 }, (_, index) => world.login(`user${index}`).client);
  const unfinished = frameBytes(Command.Send, bodyOf(200), 1).subarray(0, 100);
  for (const client of hoarders.slice(0, 9)) client.raw(unfinished);
  world.settle();
  assert.equal(world.gate.unfinishedFrames, 9);
  hoarders[9]?.raw(unfinished);
  world.settle();
  assert.ok(hoarders.every((client) => client.closeReason === undefined));
  hoarders[10]?.raw(unfinished);
  world.settle();
  assert.deepEqual(
    hoarders.map((client) => client.closeReason),
    ['MEMORY_PRESSURE', ...Array.from({ length: 10 }, () => undefined)],
  );
  assert.equal(world.gate.unfinishedFrames, 10);
});

test('T3: a finished frame gives its bytes back', async () => {
  const world = await GateWorld.start({ partialFrameBytesMax: 1000 });
  const { client } = world.login();
  const send = frameBytes(Command.Send, bodyOf(900), 1);
  for (let round = 0; round < 50; round++) {
    client.raw(send.subarray(0, 800));
    world.settle();
    client.raw(send.subarray(800));
    world.settle();
    world.logic.sendack(world.logic.lastForward);
    world.settle();
  }
  assert.equal(client.closeReason, undefined);
  assert.equal(world.gate.unfinishedFrames, 0);
});

for (const [title, body] of [
  ['msgpackr#199: an array of 30 million', Buffer.from('dd01c9c380dd01c9c380dd01c9c380', 'hex')],
  ['arrays of 65535 in arrays', Buffer.from('dcffff'.repeat(1000), 'hex')],
  ['msgpackr#183: 60000 nested arrays', Buffer.alloc(60_000, 0x91)],
  ['a map of 4 billion', Buffer.from('dfffffffff', 'hex')],
  ['an extension type', Buffer.from('91d6ff00000000', 'hex')],
  ['bytes after the array', Buffer.from('9090', 'hex')],
  ['more than 2048 values', Buffer.concat([Buffer.from('dc0800', 'hex'), Buffer.alloc(2048)])],
  ['a string that is no UTF-8', Buffer.from('91a2c328', 'hex')],
  ['a string longer than 16 KiB', Buffer.concat([Buffer.from('91da4001', 'hex'), Buffer.alloc(16_385, 0x61)])],
  ['no array', Buffer.from('80', 'hex')],
] as const) {
  test(`T4: ${title} is MALFORMED_BODY and is not forwarded`, async () => {
    const world = await GateWorld.start();
    for (const command of [Command.Send, 0x43]) {
      const { client } = world.login();
      client.frame(command, body, 1);
      world.settle();
      assert.equal(client.closeReason, 'MALFORMED_BODY');
    }
    assert.equal(world.logic.forwards.length, 0);
  });
}

test('an ACK whose body has the wrong shape is MALFORMED_BODY', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  client.frame(Command.Ack, Buffer.from([0x91, 0x01]));
  world.settle();
  assert.equal(client.closeReason, 'MALFORMED_BODY');
});

test('S-BODY-12: a PING and a DISCONNECT whose bodies are no arrays are MALFORMED_BODY', async () => {
  const world = await GateWorld.start();
  for (const command of [Command.Ping, Command.Disconnect]) {
    const { client } = world.login();
    client.frame(command, Buffer.from([0x80]));
    world.settle();
    assert.equal(client.closeReason, 'MALFORMED_BODY');
  }
});

test('S-GROW-5: every unknown command of the gate’s own range is UNKNOWN_COMMAND', async () => {
  const world = await GateWorld.start();
  for (const command of [0x00, 0x05, 0x20, 0x3f]) {
    const { client } = world.login();
    client.frame(command, EMPTY);
    world.settle();
    assert.equal(client.closeReason, 'UNKNOWN_COMMAND', `${command}`);
  }
});

test('S-GROW-7 aedes#1086: every command of the server’s range is WRONG_DIRECTION', async () => {
  const world = await GateWorld.start();
  for (let command = 0xc0; command <= 0xff; command++) {
    const { client } = world.login();
    client.frame(command, EMPTY);
    world.settle();
    assert.equal(client.closeReason, 'WRONG_DIRECTION', `${command}`);
  }
  assert.equal(world.gate.counters.closes[CloseReason.WrongDirection], 64);
});

test('S-GROW-6: a gate forwards commands 43 and 93 that it does not know, and brings their answers back', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  const body = Buffer.from('93a3626f620142', 'hex');
  client.frame(0x43, body, 11);
  client.frame(0x93, body, 12);
  world.settle();
  const [first, second] = world.logic.forwards;
  assert.deepEqual([first?.command, first?.body], [0x43, body]);
  assert.deepEqual([second?.command, second?.body], [0x93, body]);
  if (first !== undefined) world.logic.reply(first, 0xd7, (writer) => writer.arrayHeader(0));
  if (second !== undefined) world.logic.error(second, ErrorCode.UnknownCommand);
  world.settle();
  assert.deepEqual(
    client.frames.slice(1).map(({ command, requestId }) => [command, requestId]),
    [
      [0xd7, 11],
      [Command.Error, 12],
    ],
  );
});

test('S-CLOSE-5: DISCONNECT is answered NORMAL, after everything that was sent before it', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  client.send();
  client.frame(Command.Disconnect, Buffer.from([0x91, 0x01]));
  client.send();
  world.settle();
  assert.equal(client.closeReason, 'NORMAL');
  assert.ok(client.closed);
  assert.equal(world.logic.forwards.length, 1);
  assert.equal(world.logic.closed[0]?.reason, CloseReason.Normal);
});

test('T24: a client that resets or hangs up in any state is PEER_CLOSED, told to the logic and leaves nothing', async () => {
  const world = await GateWorld.start();
  world.logic.accepting = false;
  const fresh = world.dial();
  const loggingIn = world.dial();
  loggingIn.connect('carol');
  world.settle();
  world.logic.accepting = {};
  const ready = world.login('bob').client;
  ready.raw(1, 2);
  world.settle();
  fresh.link.cut();
  loggingIn.link.cut();
  ready.stream.end();
  world.settle();
  assert.equal(world.gate.connections, 0);
  assert.equal(world.gate.preLoginConnections, 0);
  assert.equal(world.gate.unfinishedFrames, 0);
  assert.equal(world.gate.counters.closes[CloseReason.PeerClosed], 3);
  assert.deepEqual(
    world.logic.closed.map((closed) => closed.reason),
    [CloseReason.PeerClosed, CloseReason.PeerClosed],
  );
});
