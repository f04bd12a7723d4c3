import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HELD_TARGETS_MAX } from '../src/logic/hold-set.ts';
import type { AppId, ClientMsgId, Epoch, MessageId, Seq, Uid } from '../src/model/ids.ts';
import { Capability, CloseReason, Command, ErrorCode, PAYLOAD_BYTES_MAX, SendFlag } from '../src/protocol/index.ts';
import { MessageKind, RefusalReason } from '../src/store/store.ts';
import { type FakeGate, fieldsOf } from './support/fake-gate.ts';
import { type LogicWorldOptions, logicWorld } from './support/logic-world.ts';

/** alice on slots 0 (phone) and 1 (desktop), bob on slots 10 and 11. */
async function conversation(options: LogicWorldOptions = {}) {
  const world = await logicWorld(options);
  const { gate, run } = world;
  gate.login(0, 1, { uid: 'alice', deviceId: 'a1' });
  gate.login(1, 1, { uid: 'alice', deviceId: 'a2', deviceType: 'desktop' });
  gate.login(10, 1, { uid: 'bob', deviceId: 'b1' });
  gate.login(11, 1, { uid: 'bob', deviceId: 'b2', deviceType: 'desktop' });
  await run(60);
  gate.take();
  return world;
}

function errorOf(gate: FakeGate, slot: number): unknown {
  const [event] = gate.of(slot);
  gate.take();
  return event?.['command'] === Command.Error ? fieldsOf(event, 'code')[0] : event;
}

test('a message reaches both devices of its target, and its sender learns id, time and level', async () => {
  const { gate, run } = await conversation();
  gate.send(0, 1, 5, { text: 'hello' });
  await run();
  const [ack] = gate.of(0);
  assert.deepEqual(fieldsOf(ack, 'what', 'command', 'requestId', 'dup', 'durability'), [
    'reply',
    Command.Sendack,
    5,
    false,
    3,
  ]);
  const [messageId] = fieldsOf(ack, 'messageId');
  for (const slot of [10, 11]) {
    const names = ['what', 'epoch', 'seq', 'messageId', 'kind', 'from', 'to', 'clientMsgId', 'text'];
    assert.deepEqual(fieldsOf(gate.of(slot)[0], ...names), ['push', 1, 1, messageId, 0, 'alice', 'bob', '', 'hello']);
    assert.equal(gate.of(slot).length, 1);
  }
});

test('the own copy goes to the sender’s other devices with the clientMsgId; the sending one learns its seq', async () => {
  const { gate, run } = await conversation();
  gate.send(0, 1, 5, { clientMsgId: 'key' });
  await run();
  assert.deepEqual(fieldsOf(gate.of(0)[0], 'ownEpoch', 'ownSeq'), [1, 1]);
  assert.deepEqual(gate.of(0)[0]?.['window'], { epoch: 1, ackedSeq: 0, pushedSeq: 1 });
  assert.equal(gate.of(0).length, 1);
  assert.deepEqual(fieldsOf(gate.of(1)[0], 'what', 'seq', 'from', 'to', 'clientMsgId'), [
    'push',
    1,
    'alice',
    'bob',
    'key',
  ]);
});

test("a copy made for another logic goes to all of the sender's devices: the sending one has no seq for it yet", async () => {
  const { logic, gate, run } = await conversation();
  const ids = { messageId: 77 as MessageId, clientMsgId: 'key' as ClientMsgId };
  const users = { from: 'alice' as Uid, to: 'far' as Uid };
  const payload = Buffer.from('hello');
  const kind = MessageKind.ClientToClient;
  logic.copied('demo' as AppId, 1 as Epoch, { seq: 1 as Seq, timeMs: 5, kind, ...ids, ...users, payload });
  await run();
  for (const slot of [0, 1]) {
    const names = ['what', 'epoch', 'seq', 'messageId', 'kind', 'from', 'to', 'clientMsgId', 'text'];
    assert.deepEqual(fieldsOf(gate.of(slot)[0], ...names), ['push', 1, 1, 77, 0, 'alice', 'far', 'key', 'hello']);
  }
  assert.equal(gate.of(10).length, 0);
});

test('a message to oneself is stored once and pushed to the other devices only', async () => {
  const { gate, run, data } = await conversation();
  gate.send(0, 1, 5, { target: 'alice' });
  await run();
  assert.deepEqual(fieldsOf(gate.of(0)[0], 'ownEpoch', 'ownSeq'), [1, 1]);
  assert.equal(gate.of(0).length, 1);
  assert.equal(gate.of(1).length, 1);
  assert.equal(
    [...data.users.values()].reduce((sum, user) => sum + user.head, 0),
    1,
  );
});

test('nothing is written to anyone before the commit (G1)', async () => {
  const { gate, run } = await conversation({ commitDelayMs: 50 });
  gate.send(0, 1, 1, {});
  gate.apiPush(2, {});
  gate.sync(10, 1, 3, { epoch: 1, after: 0, limit: 10 });
  await run(45);
  const early = gate.take();
  assert.deepEqual(
    early.map((event) => [event.slot, event['command']]),
    [[10, Command.Syncack]],
  );
  assert.deepEqual(fieldsOf(early[0], 'head', 'messages'), [0, []]);
  await run(10);
  assert.equal(gate.of(0)[0]?.['command'], Command.Sendack);
  assert.equal(gate.of(2)[0]?.what, 'apiPushed');
});

test('a retry is answered dup with the first messageId and delivered once (G3)', async () => {
  const { gate, run } = await conversation();
  gate.send(0, 1, 1, { clientMsgId: 'key' });
  await run();
  const [first] = gate.of(0);
  gate.take();
  gate.send(0, 1, 2, { clientMsgId: 'key' });
  await run();
  assert.deepEqual(fieldsOf(gate.of(0)[0], 'messageId', 'dup'), [fieldsOf(first, 'messageId')[0], true]);
  assert.deepEqual(gate.of(0)[0]?.['window'], { epoch: 0, ackedSeq: 0, pushedSeq: 0 });
  assert.equal(gate.events.length, 1);
});

test('another body under the same clientMsgId is a conflict (G3)', async () => {
  const { gate, run } = await conversation();
  gate.send(0, 1, 1, { clientMsgId: 'key', text: 'one' });
  gate.send(0, 1, 2, { clientMsgId: 'key', text: 'two' });
  await run();
  assert.deepEqual(fieldsOf(gate.of(0)[1], 'requestId', 'code'), [2, ErrorCode.Conflict]);
  assert.equal(gate.of(10).length, 1);
});

test('a session that only sends gets no own seq, no pushes, and its user’s devices get the copy', async () => {
  const { gate, run } = await conversation();
  gate.login(20, 1, { uid: 'alice', deviceId: 'tool', deviceType: 'cli', capabilities: Capability.SendOnly });
  await run();
  gate.take();
  gate.send(20, 1, 1, {});
  gate.send(10, 1, 2, { target: 'alice' });
  await run();
  assert.deepEqual(fieldsOf(gate.of(20)[0], 'command', 'ownEpoch', 'ownSeq'), [Command.Sendack, 0, 0]);
  assert.deepEqual(gate.of(20)[0]?.['window'], { epoch: 0, ackedSeq: 0, pushedSeq: 0 });
  assert.equal(gate.of(20).length, 1);
  assert.deepEqual(
    gate.of(0).map((event) => event['seq']),
    [1, 2],
  );
});

test('each bad SEND gets its own error, and a malformed one ends the session', async () => {
  const { gate, run } = await conversation();
  const cases: [Parameters<FakeGate['send']>[3], ErrorCode][] = [
    [{ target: '' }, ErrorCode.BadTarget],
    [{ target: 'no spaces' }, ErrorCode.BadTarget],
    [{ target: 'u'.repeat(65) }, ErrorCode.BadTarget],
    [{ targetType: 1 }, ErrorCode.BadTarget],
    [{ clientMsgId: '' }, ErrorCode.BadClientMsgId],
    [{ clientMsgId: 'x'.repeat(65) }, ErrorCode.BadClientMsgId],
    [{ clientMsgId: 'ä'.repeat(33) }, ErrorCode.BadClientMsgId],
    [{ payload: Buffer.alloc(PAYLOAD_BYTES_MAX + 1) }, ErrorCode.PayloadTooLarge],
  ];
  for (const [send, code] of cases) {
    gate.send(0, 1, 1, send);
    await run();
    assert.equal(errorOf(gate, 0), code);
  }
  gate.send(0, 1, 1, { clientMsgId: 'ä'.repeat(32), payload: Buffer.alloc(PAYLOAD_BYTES_MAX) });
  await run();
  assert.equal(gate.of(0)[0]?.['command'], Command.Sendack);
  gate.take();
  gate.forward(0, 1, Command.Send, 9, Buffer.from([0x91, 0x01]));
  await run();
  assert.deepEqual(fieldsOf(gate.of(0)[0], 'what', 'reason', 'kick'), ['end', CloseReason.MalformedBody, false]);
});

test('a SEND whose target or clientMsgId is no UTF-8, or that has bytes behind its end, ends the session', async () => {
  const body = (target: number, id: number, rest: number[]): Buffer =>
    Buffer.from([0x95, 0xa3, 0x62, target, 0x62, 0, 0xa2, 0x6d, id, 0, 0xc4, 1, 0x21, ...rest]);
  for (const bytes of [body(0xff, 0x31, []), body(0x6f, 0xff, []), body(0x6f, 0x31, [0])]) {
    const { gate, run } = await conversation();
    gate.forward(0, 1, Command.Send, 1, body(0x6f, 0x31, []));
    await run();
    assert.equal(gate.of(0)[0]?.['command'], Command.Sendack);
    gate.take();
    gate.forward(0, 1, Command.Send, 2, bytes);
    await run();
    assert.deepEqual(fieldsOf(gate.of(0)[0], 'what', 'reason'), ['end', CloseReason.MalformedBody]);
  }
});

test('after a refusal later messages to that target are HELD until one carries RESTART (G4)', async () => {
  const { gate, run, store } = await conversation();
  store.refuse = RefusalReason.Unavailable;
  gate.send(0, 1, 1, {});
  await run();
  assert.equal(errorOf(gate, 0), ErrorCode.StoreUnavailable);
  store.refuse = undefined;
  gate.send(0, 1, 2, {});
  await run();
  assert.equal(errorOf(gate, 0), ErrorCode.Held);
  gate.send(0, 1, 3, { target: 'carol' });
  gate.send(1, 1, 4, {});
  await run();
  assert.equal(gate.of(0)[0]?.['command'], Command.Sendack, 'another target is free');
  assert.equal(gate.of(1).at(-1)?.['command'], Command.Sendack, 'another session is free');
  gate.take();
  gate.send(0, 1, 1, { flags: SendFlag.Restart });
  gate.send(0, 1, 2, {});
  await run();
  assert.deepEqual(
    gate.of(0).map((event) => event['command']),
    [Command.Sendack, Command.Sendack],
  );
});

test('a busy store is BUSY, with a delay', async () => {
  const { gate, run, store } = await conversation();
  store.refuse = RefusalReason.Busy;
  gate.send(0, 1, 1, {});
  await run();
  const [code, retryAfterMs] = fieldsOf(gate.of(0)[0], 'code', 'retryAfterMs');
  assert.equal(code, ErrorCode.Busy);
  assert.ok((retryAfterMs as number) >= 500);
});

test('too many held targets end the session', async () => {
  const { gate, run, store } = await conversation();
  store.refuse = RefusalReason.Busy;
  for (let i = 0; i < HELD_TARGETS_MAX; i++) gate.send(0, 1, i, { target: `u${i}` });
  await run();
  assert.deepEqual(
    gate.take().filter((event) => event.what === 'end'),
    [],
  );
  gate.send(0, 1, 99, { target: 'one-more' });
  await run();
  assert.deepEqual(fieldsOf(gate.of(0).at(-1), 'what', 'reason'), ['end', CloseReason.HoldOverflow]);
});

test('the payload is kept, not a view of the read buffer', async () => {
  const { gate, run } = await conversation({ commitDelayMs: 20 });
  gate.send(0, 1, 1, { text: 'first' });
  await run(5);
  gate.send(0, 1, 2, { text: 'other' });
  await run(60);
  assert.deepEqual(
    gate.of(10).map((event) => fieldsOf(event, 'text')[0]),
    ['first', 'other'],
  );
});

test('a push of the business is stored as server to client and answered at the commit', async () => {
  const { gate, run } = await conversation();
  gate.apiPush(77, { text: 'from the business' });
  await run();
  const [pushed] = gate.of(77);
  assert.deepEqual(fieldsOf(pushed, 'what', 'error', 'dup', 'durability'), ['apiPushed', 0, false, 3]);
  const names = ['kind', 'from', 'to', 'clientMsgId', 'text'];
  assert.deepEqual(fieldsOf(gate.of(10)[0], ...names), [1, 'system', 'bob', '', 'from the business']);
  gate.take();
  gate.apiPush(77, { text: 'from the business' });
  gate.apiPush(77, { text: 'another body' });
  await run();
  assert.deepEqual(fieldsOf(gate.of(77)[0], 'error', 'dup', 'messageId'), [0, true, pushed?.['messageId']]);
  assert.deepEqual(fieldsOf(gate.of(77)[1], 'error'), [ErrorCode.Conflict]);
});

test('each bad push of the business gets its own error', async () => {
  const { gate, run, store } = await conversation();
  const cases: [Parameters<FakeGate['apiPush']>[1], ErrorCode][] = [
    [{ app: 'nobody' }, ErrorCode.Forbidden],
    [{ to: '?' }, ErrorCode.BadTarget],
    [{ from: 'a b' }, ErrorCode.BadRequest],
    [{ clientMsgId: '' }, ErrorCode.BadClientMsgId],
    [{ payload: Buffer.alloc(PAYLOAD_BYTES_MAX + 1) }, ErrorCode.PayloadTooLarge],
  ];
  for (const [push, code] of cases) {
    gate.apiPush(1, push);
    await run();
    assert.equal(gate.take()[0]?.['error'], code);
  }
  store.refuse = RefusalReason.Unavailable;
  gate.apiPush(1, {});
  await run();
  assert.equal(gate.take()[0]?.['error'], ErrorCode.StoreUnavailable);
});

test('a command that nobody knows is answered UNKNOWN_COMMAND; a new one works with one more row', async () => {
  const { gate, run, logic } = await conversation();
  gate.forward(0, 1, 0x43, 8, Buffer.from([0x90]));
  await run();
  assert.equal(errorOf(gate, 0), ErrorCode.UnknownCommand);
  logic.commands.set(0x43, (session, requestId) => logic.errors.write(session, requestId, ErrorCode.Forbidden));
  gate.forward(0, 1, 0x43, 8, Buffer.from([0x90]));
  await run();
  assert.equal(errorOf(gate, 0), ErrorCode.Forbidden);
});

test('a committed message reaches its target although the sender’s link is gone', async () => {
  const { gate, run, dial, logic } = await conversation({ commitDelayMs: 30 });
  const other = await dial('gate 2');
  other.login(0, 1, { uid: 'carol', deviceId: 'c1' });
  await run(60);
  other.take();
  gate.send(0, 1, 1, { target: 'carol' });
  await run(5);
  gate.dialer.stop();
  await run(60);
  assert.deepEqual(
    other.take().map((event) => event.what),
    ['push'],
  );
  assert.equal(logic.sessions.size, 1);
});

test('a store that fails ends the links, acknowledges nothing more and asks for the exit (G12)', async () => {
  const { gate, run, store, fatal, log } = await conversation({ commitDelayMs: 20 });
  gate.send(0, 1, 1, {});
  await run(5);
  store.fail(new Error('EIO'));
  await run(60);
  assert.deepEqual(gate.take(), []);
  assert.equal(fatal.length, 1);
  assert.equal(gate.dialer.link, undefined);
  assert.equal(log.lines.filter((line) => line.level === 'error').length, 1);
});

test('stop finishes and answers what was submitted, then ends the links; twice is once', async () => {
  const { gate, run, logic } = await conversation({ commitDelayMs: 20 });
  gate.send(0, 1, 1, {});
  await run(5);
  const stopped = logic.stop();
  assert.equal(logic.stop(), stopped);
  await run(40);
  await stopped;
  assert.equal(gate.of(0)[0]?.['command'], Command.Sendack);
  assert.equal(gate.dialer.link, undefined);
});
