import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage, type SluiceClient } from '../src/client/index.ts';
import { CloseReason, ErrorCode, SendFlag } from '../src/protocol/index.ts';
import { ClientWorld } from './support/client-world.ts';
import { SeededRandom } from './support/seeded-random.ts';

/**
 * Everything at once, decided by a seed: connections that break, refusals with HELD as the server keeps it, replies and
 * pushes that get lost, handlers that fail, programs that are replaced by a new one on the same storage. At the end each
 * side must have every message of the other once and in order.
 */
class Turmoil {
  readonly world: ClientWorld;
  readonly random: SeededRandom;
  readonly storage = new MemoryStorage();
  /** What the server has stored of the client, by key. */
  readonly stored = new Map<string, number>();
  readonly held = new Set<string>();
  isCalm = false;
  client: SluiceClient | undefined;

  constructor(world: ClientWorld, seed: number) {
    this.world = world;
    this.random = new SeededRandom(seed);
    world.server.script.send = (connection, { requestId, body }) => {
      if ((body.flags & SendFlag.Restart) !== 0) this.held.delete(body.target);
      if (this.held.has(body.target)) connection.error(requestId, ErrorCode.Held);
      else if (this.chance(0.2)) {
        this.held.add(body.target);
        if (this.chance(0.5)) this.store(body.clientMsgId);
        if (this.chance(0.8)) connection.error(requestId, ErrorCode.RetryLater);
      } else {
        const { messageId, ownSeq } = this.store(body.clientMsgId);
        if (!this.chance(0.05)) connection.sendack(requestId, { messageId, ownSeq: this.chance(0.5) ? ownSeq : 0 });
      }
    };
    world.server.script.connect = (connection, { requestId }) => {
      this.held.clear();
      if (this.chance(0.2)) connection.close(CloseReason.Busy);
      else connection.connack(requestId);
    };
  }

  chance(probability: number): boolean {
    return !this.isCalm && this.random.fraction() < probability;
  }

  /** One commit: the message, and the copy in the sender's own timeline. */
  store(clientMsgId: string): { messageId: number; ownSeq: number } {
    const { server } = this.world;
    let messageId = this.stored.get(clientMsgId);
    if (messageId === undefined) {
      const [copy] = server.store('own copy');
      if (copy === undefined) throw new Error('nothing was stored');
      server.timeline[server.timeline.length - 1] = { ...copy, from: 'alice', to: 'bob', clientMsgId };
      messageId = copy.messageId;
      this.stored.set(clientMsgId, messageId);
    }
    const ownSeq = server.timeline.find((message) => message.messageId === messageId)?.seq ?? 0;
    return { messageId, ownSeq };
  }

  /** A new program on the same storage; the old one just stops, as if it had been killed between two tasks. */
  async startProgram(): Promise<void> {
    await this.client?.close();
    const client = this.world.client({ storage: this.storage, replyTimeoutMs: 2000, closeTimeoutMs: 0 });
    client.onMessage((message) => {
      if (this.chance(0.1)) throw new Error('not now');
      this.world.texts.push(message.text);
    });
    client.connect().catch(() => {});
    this.client = client;
  }

  async step(index: number): Promise<void> {
    const { server } = this.world;
    const connected = server.connections.at(-1);
    if (this.chance(0.6)) {
      const sent = this.client?.send({ to: 'bob', text: `up ${index}`, clientMsgId: `up ${index}` });
      sent?.catch(() => {});
      await this.world.settle();
    } else this.stored.set(`up ${index}`, 0);
    for (const message of server.store(`down ${index}`)) {
      if (this.client?.state === 'online' && this.chance(0.7)) connected?.message(message);
    }
    if (this.chance(0.1)) connected?.cut();
    if (this.chance(0.05)) server.restoreAs(server.epoch + 1);
    if (this.chance(0.05)) await this.world.finish(this.startProgram());
    await this.world.pass(this.random.below(300), 10);
  }
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`G2, G3, G4: under turmoil of seed ${seed} nothing is lost, doubled or reordered`, async () => {
    const world = await ClientWorld.start();
    const turmoil = new Turmoil(world, seed);
    await world.finish(turmoil.startProgram());
    const steps = 120;
    for (let index = 0; index < steps; index += 1) await turmoil.step(index);
    turmoil.isCalm = true;
    await world.pass(200_000, 100);
    const downs = Array.from({ length: steps }, (_, index) => `down ${index}`);
    assert.deepEqual(world.texts, downs);
    assert.equal(turmoil.client?.unsent, 0);
    const ups = [...turmoil.stored].filter(([, messageId]) => messageId > 0).map(([key]) => Number(key.slice(3)));
    assert.deepEqual(
      ups,
      ups.toSorted((a, b) => a - b),
    );
    assert.equal(turmoil.stored.size, steps);
  });
}
