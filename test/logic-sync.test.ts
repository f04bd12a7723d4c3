import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Capability, CloseReason, Command, ErrorCode } from '../src/protocol/index.ts';
import { OperationType, RefusalReason } from '../src/store/store.ts';
import { fieldsOf, type GateEvent } from './support/fake-gate.ts';
import { type LogicWorldOptions, logicWorld, type WatchedStore } from './support/logic-world.ts';

interface Page {
  readonly head: number;
  readonly floor: number;
  readonly messages: readonly { readonly seq: number; readonly text: string; readonly clientMsgId: string }[];
}

/** bob is on slot 10; alice (slot 0) has sent him `count` messages, m1 first. */
async function inbox(count: number, options: LogicWorldOptions = {}) {
  const world = await logicWorld(options);
  const { gate, run } = world;
  gate.login(0, 1, { uid: 'alice', deviceId: 'a1' });
  await run();
  for (let i = 1; i <= count; i++) gate.send(0, 1, i, { text: `m${i}` });
  gate.login(10, 1, { uid: 'bob', deviceId: 'b1' });
  await run();
  gate.take();
  return world;
}

function pageOf(event: GateEvent | undefined): Page {
  assert.equal(event?.['command'], Command.Syncack);
  return event?.['body'] as Page;
}

function submittedSeqs(store: WatchedStore): unknown[] {
  return store.submitted.map((operation) => (operation.type === OperationType.Cursor ? operation.seq : operation));
}

test('pages are contiguous, bounded by what is asked and by the configuration, and end with an empty one', async () => {
  const { gate, run } = await inbox(7, { limits: { syncPageMessages: 3 } });
  const seen: number[] = [];
  let after = 0;
  for (let pull = 1; pull <= 5; pull++) {
    gate.sync(10, 1, pull, { epoch: 1, after, limit: pull === 1 ? 2 : 100 });
    await run();
    const [event] = gate.take();
    const { messages, head } = pageOf(event);
    seen.push(messages.length);
    assert.equal(head, 7);
    const last = messages.at(-1)?.seq ?? after;
    assert.deepEqual(event?.['window'], { epoch: 1, ackedSeq: after, pushedSeq: last });
    assert.deepEqual(
      messages.map((message) => message.text),
      messages.map((_, index) => `m${after + index + 1}`),
    );
    after = last;
  }
  assert.deepEqual(seen, [2, 3, 2, 0, 0]);
});

test('own messages in a page carry the clientMsgId, others do not', async () => {
  const { gate, run } = await inbox(1);
  gate.send(10, 1, 9, { target: 'alice', clientMsgId: 'own' });
  await run();
  gate.take();
  gate.sync(10, 1, 1, { epoch: 1, after: 0, limit: 10 });
  await run();
  assert.deepEqual(
    pageOf(gate.take()[0]).messages.map((message) => message.clientMsgId),
    ['', 'own'],
  );
});

test('a page is bounded by bytes, and holds at least one message', async () => {
  const { gate, run } = await inbox(0, { limits: { syncPageBytes: 4096 } });
  for (let i = 1; i <= 3; i++) gate.send(0, 1, 100 + i, { text: 'x'.repeat(5000) });
  await run();
  gate.take();
  gate.sync(10, 1, 1, { epoch: 1, after: 0, limit: 10 });
  await run();
  assert.equal(pageOf(gate.take()[0]).messages.length, 1);
});

test('a wrong epoch and a future seq are answered RESYNC from the floor (G6)', async () => {
  const { gate, run, logic } = await inbox(2);
  for (const position of [
    { epoch: 7, after: 0 },
    { epoch: 1, after: 3 },
  ]) {
    gate.sync(10, 1, 4, { ...position, limit: 10 });
    await run();
    const [event] = gate.take();
    assert.deepEqual([event?.['command'], event?.['requestId']], [Command.Resync, 4]);
    assert.deepEqual(event?.['window'], { epoch: 1, ackedSeq: 0, pushedSeq: 0 });
  }
  assert.equal(logic.counters.resyncs, 2);
});

test('a pull from below the floor is answered GAP; from the floor on it goes on (G6)', async () => {
  const { gate, run } = await inbox(10, { retentionCount: 4 });
  gate.sync(10, 1, 1, { epoch: 1, after: 5, limit: 10 });
  await run();
  const [gap] = gate.take();
  assert.equal(gap?.['command'], Command.Gap);
  assert.deepEqual(gap?.['window'], { epoch: 1, ackedSeq: 6, pushedSeq: 6 });
  gate.sync(10, 1, 2, { epoch: 1, after: 6, limit: 10 });
  await run();
  assert.deepEqual(
    pageOf(gate.take()[0]).messages.map((message) => message.seq),
    [7, 8, 9, 10],
  );
});

test('a second pull while one is under way is BUSY', async () => {
  const { gate, run } = await inbox(1);
  gate.sync(10, 1, 1, { epoch: 1, after: 0, limit: 10 });
  gate.sync(10, 1, 2, { epoch: 1, after: 0, limit: 10 });
  await run();
  const answers = new Map(gate.take().map((event) => [event['requestId'], event]));
  assert.equal(answers.get(1)?.['command'], Command.Syncack);
  assert.deepEqual(fieldsOf(answers.get(2), 'code'), [ErrorCode.Busy]);
  gate.sync(10, 1, 3, { epoch: 1, after: 0, limit: 10 });
  await run();
  assert.equal(gate.take()[0]?.['command'], Command.Syncack);
});

test('SYNC of a session that only sends is FORBIDDEN, with limit 0 a BAD_REQUEST, malformed the end', async () => {
  const { gate, run } = await inbox(1);
  gate.login(20, 1, { uid: 'bob', deviceId: 'tool', deviceType: 'cli', capabilities: Capability.SendOnly });
  await run();
  gate.take();
  gate.sync(20, 1, 1, { epoch: 1, after: 0, limit: 10 });
  gate.sync(10, 1, 2, { epoch: 1, after: 0, limit: 0 });
  gate.forward(10, 1, Command.Sync, 3, Buffer.from([0x90]));
  await run();
  const [forbidden, bad, end] = gate.take();
  assert.deepEqual(fieldsOf(forbidden, 'code'), [ErrorCode.Forbidden]);
  assert.deepEqual(fieldsOf(bad, 'code'), [ErrorCode.BadRequest]);
  assert.deepEqual([end?.what, end?.['reason']], ['end', CloseReason.MalformedBody]);
});

test('a pull acknowledges everything up to it: the next login of the device starts there', async () => {
  const { gate, run } = await inbox(5);
  gate.sync(10, 1, 1, { epoch: 1, after: 3, limit: 10 });
  await run(1100);
  gate.login(11, 1, { uid: 'bob', deviceId: 'b1' });
  await run();
  assert.equal(gate.of(11)[0]?.['cursor'], 3);
});

test('acknowledgements are collected: one write a session and interval, the newest', async () => {
  const { gate, run, store } = await inbox(9);
  store.submitted.length = 0;
  for (const seq of [1, 4, 9, 2]) gate.position('cursor', 10, 1, 1, seq);
  await run(990);
  assert.deepEqual(submittedSeqs(store), []);
  await run(20);
  assert.deepEqual(submittedSeqs(store), [9]);
  await run(3000);
  assert.equal(store.submitted.length, 1);
});

test('a close writes the last acknowledgement at once, also of a session that was told to end', async () => {
  const { gate, run, store } = await inbox(9);
  store.submitted.length = 0;
  gate.closed(10, 1, 1, 6);
  await run();
  assert.deepEqual(submittedSeqs(store), [6]);
  gate.login(11, 1, { uid: 'bob', deviceId: 'b1' });
  gate.login(12, 1, { uid: 'bob', deviceId: 'b2' });
  await run();
  store.submitted.length = 0;
  gate.closed(11, 1, 1, 8);
  await run();
  assert.deepEqual(submittedSeqs(store), [8]);
});

test('a refused cursor comes along with the next flush', async () => {
  const { gate, run, store } = await inbox(9);
  store.refuse = RefusalReason.Busy;
  gate.position('cursor', 10, 1, 1, 5);
  await run(1005);
  store.refuse = undefined;
  store.submitted.length = 0;
  await run(1005);
  assert.deepEqual(submittedSeqs(store), [5]);
});

test('stop writes the collected acknowledgements', async () => {
  const { gate, run, store, logic } = await inbox(9);
  gate.position('cursor', 10, 1, 1, 5);
  await run();
  store.submitted.length = 0;
  const stopped = logic.stop();
  await run();
  await stopped;
  assert.deepEqual(submittedSeqs(store), [5]);
});

test('a re-push sends what comes after the acknowledged seq again, as far as the window reaches', async () => {
  const { gate, run } = await inbox(9, { limits: { windowMessages: 4 } });
  gate.position('repush', 10, 1, 1, 3);
  await run();
  const pushes = gate.take();
  assert.deepEqual(
    pushes.map((event) => fieldsOf(event, 'what', 'seq', 'text')),
    [4, 5, 6, 7].map((seq) => ['push', seq, `m${seq}`]),
  );
});
