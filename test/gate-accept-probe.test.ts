import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { AcceptProbe, DEAF_ROUNDS_MAX, DIALS_PER_WORKER } from '../src/gate/accept-probe.ts';
import type { AcceptHandler, Address, Listener } from '../src/net/transport.ts';
import { ManualClock } from './support/manual-clock.ts';
import { MemoryTransport } from './support/memory-transport.ts';
import { testLogger } from './support/test-logger.ts';

const PORT: Address = { host: 'gate', port: 9, reusePort: true };
const EVERY_MS = 10_000;
/** A look that finds nobody: the dials, and the wait after them. */
const ROUND_MS = EVERY_MS + 2 * DIALS_PER_WORKER * 100 + 1000;

describe('the accept probe of a gate worker', () => {
  let clock: ManualClock;
  let transport: MemoryTransport;
  let probe: AcceptProbe;
  let listener: Listener;
  let accepts: number;
  let shouldAccept: boolean;
  let told: number;

  const accepting: AcceptHandler = {
    onAccepted: () => {
      accepts += 1;
    },
    onBytes() {},
    onDrain() {},
    onClosed() {},
  };
  const another: AcceptHandler = { ...accepting, onAccepted() {} };

  beforeEach(async () => {
    clock = new ManualClock();
    transport = new MemoryTransport(clock);
    accepts = 0;
    shouldAccept = true;
    told = 0;
    listener = await transport.listen(PORT, accepting);
    probe = new AcceptProbe({
      clock,
      transport,
      log: testLogger(),
      target: PORT,
      workers: 2,
      everyMs: EVERY_MS,
      accepts: () => accepts,
      shouldAccept: () => shouldAccept,
      onDeaf: () => {
        told += 1;
      },
    });
    probe.start();
  });

  const pass = (ms: number): Promise<void> => clock.advanceAsync(ms, 50);

  /** Another worker takes over whatever is dialled. */
  async function becomeDeaf(): Promise<void> {
    await transport.listen(PORT, another);
    await listener.close();
  }

  it('is content with its own dial, once a look', async () => {
    await pass(10 * EVERY_MS + 900);
    assert.equal(accepts, transport.links.length);
    assert.ok(accepts >= 9 && accepts <= 10, `${accepts}`);
    assert.equal(probe.deafRounds, 0);
  });

  it('dials again when another worker has got the dial', async () => {
    await transport.listen(PORT, another);
    await pass(10 * EVERY_MS);
    assert.ok(transport.links.length > accepts);
    assert.equal(probe.deafRounds, 0);
  });

  it('does not dial while clients come', async () => {
    for (let look = 0; look < 5; look++) {
      accepts += 1;
      await pass(EVERY_MS);
    }
    assert.equal(transport.links.length, 0);
  });

  it(`tells of a worker that is not reached in ${DEAF_ROUNDS_MAX} rounds one after the other, once`, async () => {
    await pass(EVERY_MS + 500);
    await becomeDeaf();
    await pass((DEAF_ROUNDS_MAX - 1) * ROUND_MS);
    assert.deepEqual([probe.deafRounds, told], [DEAF_ROUNDS_MAX - 1, 0]);
    await pass(10 * ROUND_MS);
    assert.deepEqual([probe.deafRounds, told], [DEAF_ROUNDS_MAX, 1]);
    for (const link of transport.links) assert.ok(link.dialled.closed);
  });

  it('tells of a worker whose port refuses', async () => {
    await pass(EVERY_MS + 500);
    await listener.close();
    await pass(DEAF_ROUNDS_MAX * ROUND_MS + 500);
    assert.equal(told, 1);
  });

  it('begins to count anew when one connection comes', async () => {
    await pass(EVERY_MS + 500);
    await becomeDeaf();
    await pass(2 * ROUND_MS);
    accepts += 1;
    await pass(2 * ROUND_MS + EVERY_MS);
    assert.equal(told, 0);
  });

  it('says nothing of a worker that was never reached: it would not be helped by another start', async () => {
    await becomeDeaf();
    await pass(10 * ROUND_MS);
    assert.ok(probe.deafRounds > DEAF_ROUNDS_MAX);
    assert.equal(told, 0);
  });

  it('leaves a worker alone that is full or drains', async () => {
    await pass(EVERY_MS + 500);
    await becomeDeaf();
    shouldAccept = false;
    const dialled = transport.links.length;
    await pass(10 * ROUND_MS);
    assert.deepEqual([probe.deafRounds, told, transport.links.length], [0, 0, dialled]);
  });

  it('draws no conclusion from a dial that fails for want of descriptors', async () => {
    await pass(EVERY_MS + 500);
    await becomeDeaf();
    const dial = transport.dial.bind(transport);
    transport.dial = (address, handler) => {
      const stream = dial(address, handler);
      clock.defer(() => handler.onClosed(stream, Object.assign(new Error('connect EMFILE'), { code: 'EMFILE' })));
      return stream;
    };
    await pass(10 * ROUND_MS);
    assert.deepEqual([probe.deafRounds, told], [0, 0]);
  });

  it('ends with its worker', async () => {
    await pass(EVERY_MS + 500);
    await becomeDeaf();
    await pass(EVERY_MS + 500);
    probe.stop();
    await pass(10 * ROUND_MS);
    assert.equal(told, 0);
    assert.equal(clock.pendingTimers, 0);
  });
});
