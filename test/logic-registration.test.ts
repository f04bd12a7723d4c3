import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Capability, CloseReason, Command, ErrorCode, SendFlag } from '../src/protocol/index.ts';
import { MemoryStoreData } from '../src/store/memory/memory-store-data.ts';
import { fieldsOf } from './support/fake-gate.ts';
import { logicWorld } from './support/logic-world.ts';

/** A store in which bob's phone b1 is current with generation 1 and has one message. */
async function storeWithBob(): Promise<MemoryStoreData> {
  const data = new MemoryStoreData();
  const { gate, run, logic } = await logicWorld({ data });
  gate.login(0, 1, { uid: 'bob', deviceId: 'b1' });
  gate.apiPush(1, {});
  await run();
  const stopped = logic.stop();
  await run();
  await stopped;
  return data;
}

test('after a restart a registered session is told the head and gets pushes again', async () => {
  const { gate, run } = await logicWorld({ data: await storeWithBob() });
  gate.register(4, 8, { uid: 'bob', deviceId: 'b1', generation: 1, ackedSeq: 0 });
  await run();
  const [head] = gate.take();
  assert.deepEqual([head?.what, head?.slot, head?.['serial'], head?.['epoch'], head?.['head']], ['head', 4, 8, 1, 1]);
  gate.apiPush(2, {});
  await run();
  assert.equal(gate.of(4)[0]?.what, 'push');
});

test('a registered session that is no longer current is kicked', async () => {
  const { gate, run, logic } = await logicWorld({ data: await storeWithBob() });
  gate.login(0, 1, { uid: 'bob', deviceId: 'b2' });
  await run();
  gate.take();
  gate.register(4, 8, { uid: 'bob', deviceId: 'b1', generation: 1 });
  await run();
  const [end] = gate.of(4);
  assert.deepEqual([end?.what, end?.['reason'], end?.['kick']], ['end', CloseReason.Replaced, true]);
  assert.equal(logic.sessions.size, 1);
});

test('a registered session whose login the store lost with an older epoch comes back at once: nobody has displaced it', async () => {
  const data = new MemoryStoreData();
  data.epochs.fill(5);
  const { gate, run } = await logicWorld({ data });
  gate.register(4, 8, { uid: 'bob', deviceId: 'b1', generation: 1 });
  await run();
  const [end] = gate.of(4);
  assert.deepEqual([end?.what, end?.['reason'], end?.['kick']], ['end', CloseReason.Shutdown, false]);
});

test('an older session of the same device is superseded, not kicked', async () => {
  const { gate, run } = await logicWorld({ data: await storeWithBob() });
  gate.login(0, 1, { uid: 'bob', deviceId: 'b1' });
  await run();
  gate.register(4, 8, { uid: 'bob', deviceId: 'b1', generation: 1 });
  await run();
  const [end] = gate.of(4);
  assert.deepEqual([end?.['reason'], end?.['kick']], [CloseReason.Superseded, false]);
});

test('a session may send only once the store has said that it is current', async () => {
  const { gate, run } = await logicWorld({ data: await storeWithBob() });
  gate.register(4, 8, { uid: 'bob', deviceId: 'b1', generation: 1 });
  gate.send(4, 8, 1, { target: 'alice' });
  await run();
  const [first] = gate.of(4);
  const [code, retryAfterMs] = fieldsOf(first, 'code', 'retryAfterMs') as [number, number];
  assert.equal(code, ErrorCode.Busy);
  assert.ok(retryAfterMs >= 100 && retryAfterMs <= 200, 'it will be compared in a moment');
  gate.take();
  gate.send(4, 8, 2, { target: 'alice', flags: SendFlag.Restart });
  await run();
  assert.equal(gate.of(4)[0]?.['command'], Command.Sendack);
});

test('a session that only sends is taken as it is', async () => {
  const { gate, run, logic } = await logicWorld();
  gate.register(4, 8, { uid: 'bob', deviceId: 'tool', generation: 0, capabilities: Capability.SendOnly, epoch: 0 });
  gate.send(4, 8, 1, { target: 'alice' });
  await run();
  assert.equal(logic.sessions.size, 1);
  assert.ok(gate.take().some((event) => event['command'] === Command.Sendack));
});

test('the same session on a newer link takes the place of the one on a dead link', async () => {
  const { gate, run, logic, dial } = await logicWorld({ data: await storeWithBob() });
  gate.register(4, 8, { uid: 'bob', deviceId: 'b1', generation: 1 });
  await run();
  const again = await dial('gate 1 again');
  again.register(4, 8, { uid: 'bob', deviceId: 'b1', generation: 1 });
  await run();
  assert.equal(logic.sessions.size, 1);
  gate.take();
  gate.apiPush(2, {});
  await run();
  assert.deepEqual(gate.of(4), []);
  assert.equal(again.of(4).at(-1)?.what, 'push');
});

test('a link that goes down takes its sessions with it and writes their cursors', async () => {
  const data = await storeWithBob();
  const { gate, run, logic, store, dial } = await logicWorld({ data });
  gate.register(4, 8, { uid: 'bob', deviceId: 'b1', generation: 1 });
  gate.position('cursor', 4, 8, 1, 1);
  await run();
  gate.dialer.stop();
  await run();
  assert.equal(logic.sessions.size, 0);
  assert.equal((store.submitted[0] as { seq?: number }).seq, 1);
  const again = await dial('gate 1 again');
  again.login(0, 1, { uid: 'bob', deviceId: 'b1' });
  await run();
  assert.equal(again.of(0)[0]?.['cursor'], 1);
});

test('thousands of registrations at once are all answered', async () => {
  const { gate, run, logic } = await logicWorld();
  const count = 2000;
  const send = { capabilities: Capability.SendOnly, generation: 0 };
  for (let slot = 0; slot < count; slot++) gate.register(slot, 1, { uid: `u${slot}`, ...send });
  await run(50);
  assert.equal(gate.take().filter((event) => event.what === 'head').length, count);
  assert.equal(logic.sessions.size, count);
});
