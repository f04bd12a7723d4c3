/** A gate that is cut off from its logic holds a session that is not current any more: real gates, logic and clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SluiceClient } from '../src/client/index.ts';
import { Gate } from '../src/gate/gate.ts';
import type { Transport } from '../src/net/transport.ts';
import { StaticDirectory } from '../src/trunk/logic-directory.ts';
import { GATE_LIMITS } from './support/gate-world.ts';
import { LOGIC_ADDRESS, type LogicWorld, logicWorld } from './support/logic-world.ts';
import { SeededRandom } from './support/seeded-random.ts';

const TIMES = { heartbeatMs: 2000, heartbeatMisses: 3 };
const CONFIRMED_MS_MAX = 30_000;

/** A gate whose wires to the logic can be silenced, those that it dials meanwhile included. */
class CutOffGate {
  readonly gate: Gate;
  readonly port: number;
  #silent = false;
  readonly #wires: LogicWorld['transport']['links'] = [];

  constructor({ clock, transport, log }: LogicWorld, port: number) {
    this.port = port;
    const watched: Transport = {
      listen: (address, handler) => transport.listen(address, handler),
      dial: (address, handler) => {
        const stream = transport.dial(address, handler);
        const wire = transport.links.at(-1);
        if (wire !== undefined) this.#wires.push(wire);
        wire?.setSilent(this.#silent);
        return stream;
      },
    };
    this.gate = new Gate({
      clock,
      random: new SeededRandom(port),
      transport: watched,
      log,
      name: `gate ${port}`,
      bootId: `boot${port}`,
      listen: [{ host: '127.0.0.1', port }],
      logics: new StaticDirectory([{ name: 'logic', address: LOGIC_ADDRESS }]),
      trunkTimes: TIMES,
      limits: GATE_LIMITS,
      tellAddress: false,
    });
  }

  setSilent(silent: boolean): void {
    this.#silent = silent;
    for (const wire of this.#wires) wire.setSilent(silent);
  }
}

async function start() {
  const world = await logicWorld();
  const gates = [new CutOffGate(world, 7401), new CutOffGate(world, 7402)] as const;
  for (const { gate } of gates) await gate.start();
  await world.run(50);
  const client = async (deviceId: string, port: number) => {
    const { clock, transport } = world;
    const made = new SluiceClient({
      host: '127.0.0.1',
      port,
      app: 'demo',
      uid: 'alice',
      deviceType: 'phone',
      deviceId,
      token: 'good',
      platform: { clock, random: new SeededRandom(port), transport },
    });
    const told: string[] = [];
    made.on('stopped', ({ reasonName }) => told.push(reasonName));
    const connected = made.connect();
    await world.run(50);
    await connected;
    return { client: made, told };
  };
  return { world, gates, client };
}

test('G8: a session on a gate that is cut off does nothing any more within 30 s, and is REPLACED when the link is back', async () => {
  const { world, gates, client } = await start();
  const [cutOff, other] = gates;
  const first = await client('phone1', cutOff.port);
  cutOff.setSilent(true);
  await world.run(1000);
  const second = await client('phone2', other.port);
  await world.clock.advanceAsync(CONFIRMED_MS_MAX - 1000, 100);
  const stored = world.logic.counters.messagesStored;
  const receipt = first.client.send({ to: 'bob', text: 'from the past', timeoutMs: 5000 });
  receipt.catch(() => {});
  await world.clock.advanceAsync(10_000, 100);
  await assert.rejects(receipt);
  assert.equal(world.logic.counters.messagesStored, stored);
  assert.equal(first.client.state, 'online');
  assert.equal(cutOff.gate.connections, 1);
  cutOff.setSilent(false);
  await world.clock.advanceAsync(20_000, 100);
  assert.deepEqual([first.client.state, first.told], ['stopped', ['REPLACED']]);
  assert.deepEqual([second.client.state, second.told], ['online', []]);
  assert.equal(world.logic.sessions.size, 1);
});

test('a session that is still current goes on when the link is back', async () => {
  const { world, gates, client } = await start();
  const [cutOff] = gates;
  const first = await client('phone1', cutOff.port);
  cutOff.setSilent(true);
  await world.clock.advanceAsync(CONFIRMED_MS_MAX, 100);
  const receipt = first.client.send({ to: 'bob', text: 'as soon as it can' });
  cutOff.setSilent(false);
  await world.clock.advanceAsync(30_000, 100);
  assert.equal((await receipt).dup, false);
  assert.deepEqual([first.client.state, first.told], ['online', []]);
});
