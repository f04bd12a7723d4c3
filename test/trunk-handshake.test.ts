/** Who gets a trunk link over TCP: who knows the secret, and nobody else. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Address } from '../src/net/transport.ts';
import { HEADER_BYTES, MessagePackWriter } from '../src/protocol/index.ts';
import { writeChallenge, writeHello, writeProof, writeWelcome } from '../src/trunk/handshake-frames.ts';
import { type HandshakeFailure, type TrunkAccess, TrunkSecret } from '../src/trunk/trunk-access.ts';
import { TrunkDialer } from '../src/trunk/trunk-dialer.ts';
import { writeEmpty } from '../src/trunk/trunk-frames.ts';
import { HANDSHAKE_BODY_BYTES_MAX, TRUNK_VERSION, TrunkCommand } from '../src/trunk/trunk-protocol.ts';
import { TrunkServer } from '../src/trunk/trunk-server.ts';
import { ManualClock } from './support/manual-clock.ts';
import { MemoryTransport } from './support/memory-transport.ts';
import { SeededRandom } from './support/seeded-random.ts';

const TCP: Address = { host: '10.0.0.1', port: 7500 };
const UNIX: Address = { path: '/logic' };
const SECRET = 'a secret that is at least 32 bytes long';
const OTHER_SECRET = 'quite another secret, just as long as that';
const TIMES = { heartbeatMs: 2000, heartbeatMisses: 3 };
const WELCOME = { version: TRUNK_VERSION, bootId: 'logic-boot', partitions: 64, durability: 3 };
const HANDSHAKE_MS = 5000;
const STRANGERS_MAX = 4;

let clock: ManualClock;
let transport: MemoryTransport;
let server: TrunkServer;
let failures: string[];
let links: string[];
let framesIn: number[];

function access(secret: string | undefined, seed: number): TrunkAccess {
  return {
    secret: secret === undefined ? undefined : new TrunkSecret(secret, new SeededRandom(seed)),
    handshakeTimeoutMs: HANDSHAKE_MS,
    strangersMax: STRANGERS_MAX,
    onFailure: ({ reason, peer }: HandshakeFailure) => failures.push(`${reason} ${peer}`.trim()),
  };
}

async function listen(secret: string = SECRET): Promise<void> {
  server = new TrunkServer(
    {
      transport,
      clock,
      addresses: [TCP, UNIX],
      times: TIMES,
      access: access(secret || undefined, 1),
      welcome: WELCOME,
    },
    {
      onLinkUp: (link) => links.push(`up ${link.peerName} ${link.peerBootId}`),
      onLinkDown: (link) => links.push(`down ${link.peerName}`),
      onFrame: (_, command) => {
        framesIn.push(command);
        return true;
      },
    },
  );
  await server.start();
}

interface Dialled {
  readonly dialer: TrunkDialer;
  readonly events: string[];
}

function dial(secret: string | undefined, address: Address = TCP): Dialled {
  const events: string[] = [];
  const dialer = new TrunkDialer(
    {
      transport,
      clock,
      random: new SeededRandom(2),
      address,
      times: TIMES,
      access: access(secret, 3),
      role: 'gate',
      name: 'gate 1',
      bootId: 'gate-boot',
    },
    {
      onUp: (link) => events.push(`up ${link.peerBootId}`),
      onFrame: () => true,
      onDown: (reason) => events.push(`down ${reason}`),
    },
  );
  dialer.start();
  clock.runDeferred();
  return { dialer, events };
}

/** A connection that says what the test says. */
class Stranger {
  received: Buffer = Buffer.alloc(0);
  closed = false;
  readonly writer: MessagePackWriter = new MessagePackWriter();
  readonly #stream;

  constructor(address: Address = TCP) {
    this.#stream = transport.dial(address, {
      onOpen: () => {},
      onBytes: (_, bytes) => {
        this.received = Buffer.concat([this.received, bytes]);
      },
      onDrain: () => {},
      onClosed: () => {
        this.closed = true;
      },
    });
    clock.runDeferred();
  }

  hello(version: number = TRUNK_VERSION): Uint8Array {
    return writeHello(this.writer, { version, role: 'gate', name: 'stranger', bootId: 'b', nonce: Buffer.alloc(32) });
  }

  flush(): void {
    this.#stream.write(this.writer.copy());
    this.writer.reset();
    clock.runDeferred();
  }

  /** Commands of the frames that came back. */
  get commands(): number[] {
    const found: number[] = [];
    for (let at = 0; at < this.received.length; at += HEADER_BYTES + this.received.readUIntBE(at, 3)) {
      found.push(this.received[at + 3] as number);
    }
    return found;
  }

  /** The body of the first frame that came back. */
  get body(): Buffer {
    return this.received.subarray(HEADER_BYTES, HEADER_BYTES + this.received.readUIntBE(0, 3));
  }
}

beforeEach(() => {
  clock = new ManualClock();
  transport = new MemoryTransport(clock);
  failures = [];
  links = [];
  framesIn = [];
});

describe('a trunk link over TCP', () => {
  it('comes up when both ends know the secret, which is never on the wire', async () => {
    await listen();
    const tapped: Buffer[] = [];
    const original = transport.dial.bind(transport);
    transport.dial = (address, handler) => {
      const stream = original(address, handler);
      const write = stream.write.bind(stream);
      stream.write = (bytes) => {
        tapped.push(Buffer.from(bytes));
        return write(bytes);
      };
      return stream;
    };
    const { dialer, events } = dial(SECRET);
    assert.deepEqual(events, ['up logic-boot']);
    assert.deepEqual(links, ['up gate 1 gate-boot']);
    assert.equal(server.strangers, 0);
    assert.ok(tapped.length >= 2);
    assert.ok(tapped.every((bytes) => !bytes.includes(SECRET)));
    writeEmpty((dialer.link as NonNullable<typeof dialer.link>).writer, TrunkCommand.Login);
    dialer.link?.touch();
    clock.runDeferred();
    assert.deepEqual(framesIn, [TrunkCommand.Login]);
    assert.deepEqual(failures, []);
  });

  it('does not come up with another secret: both ends say why, and the dialer tries again', async () => {
    await listen();
    const { events } = dial(OTHER_SECRET);
    assert.deepEqual(failures, ['secret gate 1', 'secret logic']);
    clock.advance(1000);
    assert.ok(failures.length >= 4);
    assert.deepEqual(events, []);
    assert.deepEqual(links, []);
  });

  it('does not come up when only one end has a secret', async () => {
    await listen();
    dial(undefined);
    assert.deepEqual(failures, ['secret logic']);
    await server.stop();
    await listen('');
    failures = [];
    const { events } = dial(SECRET);
    // The listener lets it in; the dialer does not trust a listener that proves nothing.
    assert.deepEqual(failures, ['secret logic']);
    assert.deepEqual(events, []);
  });

  it('does not come up with a listener that asks for a proof and then shows none of its own', async () => {
    await transport.listen(TCP, {
      onAccepted: () => {},
      onBytes: (stream) => {
        const writer = new MessagePackWriter();
        writeChallenge(writer, { bootId: WELCOME.bootId, nonce: Buffer.alloc(32) });
        writeWelcome(writer, WELCOME, Buffer.alloc(32));
        stream.write(writer.copy());
      },
      onDrain: () => {},
      onClosed: () => {},
    });
    const { events } = dial(SECRET);
    assert.deepEqual(events, []);
    assert.equal(failures[0], 'secret logic');
  });

  it('takes no proof a second time: a recorded one fails on the next link', async () => {
    await listen();
    const first = new Stranger();
    const hello = first.hello();
    first.flush();
    const proof = new TrunkSecret(SECRET, new SeededRandom(9)).proof('dialer', hello, first.body);
    const second = new Stranger();
    second.hello();
    second.flush();
    writeProof(second.writer, { proof });
    second.flush();
    assert.deepEqual(second.commands, [TrunkCommand.Challenge, TrunkCommand.Refused]);
    writeProof(first.writer, { proof });
    first.flush();
    assert.deepEqual(first.commands, [TrunkCommand.Challenge, TrunkCommand.Welcome]);
  });

  it("does not take the listener's own proof for the dialer's", async () => {
    await listen();
    const stranger = new Stranger();
    const hello = stranger.hello();
    stranger.flush();
    const proof = new TrunkSecret(SECRET, new SeededRandom(9)).proof('listener', hello, stranger.body);
    writeProof(stranger.writer, { proof });
    stranger.flush();
    assert.deepEqual(stranger.commands, [TrunkCommand.Challenge, TrunkCommand.Refused]);
  });

  it('tells another version of the trunk so', async () => {
    await listen();
    const stranger = new Stranger();
    stranger.hello(TRUNK_VERSION + 1);
    stranger.flush();
    assert.deepEqual(stranger.commands, [TrunkCommand.Refused]);
    assert.deepEqual(failures, ['version stranger']);
    assert.deepEqual(links, []);
  });
});

it('a unix socket asks for no secret: its folder says who may open it', async () => {
  await listen();
  assert.deepEqual(dial(SECRET, UNIX).events, ['up logic-boot']);
  assert.deepEqual(dial(undefined, UNIX).events, ['up logic-boot']);
});

it('T1: a peer that has not finished its handshake in time is cut, whatever it has sent', async () => {
  await listen();
  const silent = new Stranger();
  const slow = new Stranger();
  slow.hello();
  slow.flush();
  const refused = new Stranger();
  refused.hello(0);
  refused.flush();
  assert.equal(server.strangers, 2);
  clock.advance(HANDSHAKE_MS - 1);
  assert.equal(silent.closed || slow.closed, false);
  clock.advance(1);
  clock.runDeferred();
  assert.ok(silent.closed && slow.closed && refused.closed);
  assert.equal(server.strangers, 0);
  assert.deepEqual(failures, ['version stranger', 'timeout', 'timeout stranger']);
});

it('T9: at most so many peers are in their handshake; one more costs the oldest its place, and no gate its link', async () => {
  await listen();
  const { events } = dial(SECRET);
  const strangers = Array.from({ length: STRANGERS_MAX }, () => new Stranger());
  assert.deepEqual(failures, []);
  strangers.push(new Stranger());
  clock.runDeferred();
  assert.equal(server.strangers, STRANGERS_MAX);
  assert.deepEqual(
    strangers.map(({ closed }) => closed),
    [true, false, false, false, false],
  );
  assert.deepEqual(failures, ['crowded']);
  assert.deepEqual(dial(SECRET).events, ['up logic-boot']);
  assert.deepEqual(events, ['up logic-boot']);
});

for (const [title, bytes, closed] of [
  ['max', HANDSHAKE_BODY_BYTES_MAX, false],
  ['max + 1', HANDSHAKE_BODY_BYTES_MAX + 1, true],
] as const) {
  it(`T2: a frame of ${title} bytes before the handshake: ${closed ? 'refused by its header' : 'read'}`, async () => {
    await listen();
    const stranger = new Stranger();
    stranger.writer.beginFrame(TrunkCommand.Hello, 0);
    stranger.writer.buffer.writeUIntBE(bytes, 0, 3);
    stranger.flush();
    assert.equal(stranger.closed, closed);
  });
}

for (const [title, write] of [
  ['Ping', (stranger: Stranger) => writeEmpty(stranger.writer, TrunkCommand.Ping)],
  ['Pong', (stranger: Stranger) => writeEmpty(stranger.writer, TrunkCommand.Pong)],
  ['a frame of a gate', (stranger: Stranger) => writeEmpty(stranger.writer, TrunkCommand.Login)],
  ['Proof', (stranger: Stranger) => writeProof(stranger.writer, { proof: Buffer.alloc(32) })],
] as const) {
  it(`T15: ${title} in place of Hello ends the connection without an answer`, async () => {
    await listen();
    const stranger = new Stranger();
    write(stranger);
    stranger.flush();
    assert.ok(stranger.closed);
    assert.equal(stranger.received.length, 0);
    assert.deepEqual(framesIn, []);
    assert.deepEqual(failures, ['nonsense']);
  });
}

it('a dial that is not answered is given up after the handshake time, and made again', async () => {
  await transport.listen(TCP, { onAccepted: () => {}, onBytes: () => {}, onDrain: () => {}, onClosed: () => {} });
  const { dialer } = dial(SECRET);
  clock.advance(HANDSHAKE_MS - 1);
  assert.equal(transport.links.length, 1);
  clock.advance(1001);
  assert.equal(transport.links.length, 2);
  assert.deepEqual(failures, ['timeout logic']);
  dialer.stop();
  clock.advance(10_000);
  assert.equal(transport.links.length, 2);
  assert.equal(clock.pendingTimers, 0);
});

it('stopping the listener leaves no peer and no timer behind', async () => {
  await listen();
  const stranger = new Stranger();
  const { dialer } = dial(SECRET);
  await server.stop();
  dialer.stop();
  clock.runDeferred();
  assert.ok(stranger.closed);
  assert.deepEqual(links, ['up gate 1 gate-boot', 'down gate 1']);
  assert.equal(clock.pendingTimers, 0);
});
