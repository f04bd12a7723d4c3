/** The order of one sender's messages to one target, when the gate had to refuse some: G4. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command, SendFlag } from '../src/protocol/index.ts';
import { GateWorld } from './support/gate-world.ts';

test('G4 S-SEND-6: after RETRY_LATER later SENDs are HELD until RESTART, target by target', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  client.send('bob');
  world.settle();
  await world.killLogic();
  await world.startLogic();
  const held = [client.send('bob'), client.send('carol')];
  world.settle();
  assert.equal(world.logic.forwards.length, 0);
  client.send('bob', SendFlag.Restart);
  client.send('bob');
  const still = client.send('carol');
  world.settle();
  assert.equal(world.logic.forwards.length, 2);
  assert.deepEqual(
    client.errors.slice(1),
    [...held, still].map((id) => `${id} HELD`),
  );
});

test('G4: a restarted target is held again when its SEND is refused again', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  await world.killLogic();
  client.send('bob');
  world.settle();
  client.send('bob', SendFlag.Restart);
  world.settle();
  await world.startLogic();
  const id = client.send('bob');
  world.settle();
  assert.equal(client.errors.at(-1), `${id} HELD`);
  assert.equal(world.logic.forwards.length, 0);
});

test('a hold holds SEND alone', async () => {
  const world = await GateWorld.start();
  const { client } = world.login();
  client.send();
  world.settle();
  await world.killLogic();
  await world.startLogic();
  client.sync(0);
  client.frame(0x93, Buffer.from('91a3626f62', 'hex'), 77);
  world.settle();
  assert.deepEqual(
    world.logic.forwards.map(({ command }) => command),
    [Command.Sync, 0x93],
  );
});

for (const [title, targets, reason] of [
  ['max − 1', 1023, undefined],
  ['max', 1024, undefined],
  ['max + 1', 1025, 'HOLD_OVERFLOW'],
] as const) {
  test(`HOLD_OVERFLOW: ${title} restarted targets`, async () => {
    const world = await GateWorld.start();
    world.logic.acknowledging = true;
    const { client } = world.login();
    await world.killLogic();
    client.send('user0');
    world.settle();
    await world.startLogic();
    world.logic.acknowledging = true;
    for (let target = 0; target < targets; target++) {
      client.send(`user${target}`, SendFlag.Restart);
      world.settle();
    }
    assert.equal(client.closeReason, reason);
    assert.equal(world.gate.heldConnections, reason === undefined ? 1 : 0);
  });
}

test('emqx#16296: a hold ends with its connection; the next one in the slot is free', async () => {
  const world = await GateWorld.start();
  const { client, session } = world.login();
  client.send();
  world.settle();
  await world.killLogic();
  client.stream.destroy();
  world.settle();
  assert.equal(world.gate.heldConnections, 0);
  await world.startLogic();
  const next = world.login('bob');
  assert.equal(next.session.slot, session.slot);
  next.client.send();
  world.settle();
  assert.equal(world.logic.forwards.length, 1);
});
