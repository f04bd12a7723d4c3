import assert from 'node:assert/strict';
import test from 'node:test';
import { Listening } from '../src/gate/listening.ts';
import type { AcceptHandler, Address } from '../src/net/transport.ts';
import { ManualClock } from './support/manual-clock.ts';
import { MemoryTransport } from './support/memory-transport.ts';
import { testLogger } from './support/test-logger.ts';

const SHARED: Address = { host: 'gate', port: 9, reusePort: true };
const LIMITS = { connectionsMax: 1000, stopAcceptingPercent: 97 };

const ignoring: AcceptHandler = { onAccepted() {}, onBytes() {}, onDrain() {}, onClosed() {} };

async function listening(
  addresses: Address[],
  limits: typeof LIMITS = LIMITS,
  transport: MemoryTransport = new MemoryTransport(new ManualClock()),
): Promise<Listening> {
  const one = new Listening(transport, addresses, ignoring, limits, testLogger());
  await one.start();
  return one;
}

/** Listening on the network in memory takes a few microtasks. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

test('a worker that shares its port stops listening at 97 % of its places and listens again at 93 %', async () => {
  const worker = await listening([SHARED, SHARED]);
  worker.filled(969);
  assert.ok(worker.open);
  worker.filled(970);
  assert.ok(!worker.open);
  worker.check(931);
  await settled();
  assert.ok(!worker.open);
  worker.check(930);
  await settled();
  assert.ok(worker.open);
  assert.equal(worker.closings, 1);
});

test('new connections go to the other workers while one is full', async () => {
  const transport = new MemoryTransport(new ManualClock());
  const full = await listening([SHARED], LIMITS, transport);
  const other = await listening([SHARED], LIMITS, transport);
  full.filled(1000);
  assert.deepEqual([full.open, other.open], [false, true]);
  // Its place on the port is free for a stranger no more than before: the other still shares it.
  await assert.rejects(transport.listen({ host: 'gate', port: 9 }, ignoring), /EADDRINUSE/);
});

test('a worker with a port of its own always listens', async () => {
  const alone = await listening([{ host: 'gate', port: 9 }]);
  alone.filled(1000);
  assert.ok(alone.open);
});

test('100 percent means that a worker never stops listening', async () => {
  const worker = await listening([SHARED], { ...LIMITS, stopAcceptingPercent: 100 });
  worker.filled(1000);
  assert.ok(worker.open);
});

test('a worker that cannot listen again tries once more later', async () => {
  const transport = new MemoryTransport(new ManualClock());
  const worker = await listening([SHARED], LIMITS, transport);
  worker.filled(970);
  await settled();
  const stranger = await transport.listen({ host: 'gate', port: 9 }, ignoring);
  worker.check(0);
  await settled();
  assert.ok(!worker.open);
  await stranger.close();
  worker.check(0);
  await settled();
  assert.ok(worker.open);
});

test('a worker that has been stopped does not listen again', async () => {
  const worker = await listening([SHARED]);
  await worker.stop();
  worker.check(0);
  await settled();
  assert.ok(!worker.open);
});
