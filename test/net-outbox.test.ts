import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../src/net/outbox.ts';
import { FakeStream } from './support/fake-stream.ts';
import { ManualClock } from './support/manual-clock.ts';
import { SeededRandom } from './support/seeded-random.ts';

function frame(text: string): Buffer {
  return Buffer.from(text);
}

test('frames of one tick leave in one write per stream, in order, at the end of the tick', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const a = new FakeStream();
  const b = new FakeStream();
  outbox.append(a, frame('a1 '));
  outbox.append(a, frame('a2 '));
  outbox.append(b, frame('b1 '));
  outbox.append(a, frame('xxa3 xx'), 2, 5);
  assert.equal(clock.pendingDeferred, 1);
  assert.deepEqual([a.writes.length, b.writes.length], [0, 0]);
  clock.runDeferred();
  assert.deepEqual([a.writes.map(String), b.writes.map(String)], [['a1 a2 a3 '], ['b1 ']]);
  assert.deepEqual([outbox.frames, outbox.flushes, outbox.bytes], [4, 2, 12]);
  assert.deepEqual([a.outboxEntry, b.outboxEntry], [-1, -1]);
});

test('a tick without frames asks for no deferral, the next frame asks again', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const stream = new FakeStream();
  for (let tick = 0; tick < 3; tick += 1) {
    assert.equal(clock.pendingDeferred, 0);
    outbox.append(stream, frame(`${tick}`));
    assert.equal(clock.pendingDeferred, 1);
    clock.runDeferred();
  }
  assert.deepEqual(stream.writes.map(String), ['0', '1', '2']);
});

test('written bytes stay as they are while later ticks reuse the staging area', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const stream = new FakeStream();
  const sent: Buffer[] = [];
  const random = new SeededRandom(1);
  for (let tick = 0; tick < 200; tick += 1) {
    const bytes = Buffer.from(random.bytes(random.below(9_000)));
    sent.push(Buffer.from(bytes));
    outbox.append(stream, bytes);
    bytes.fill(0);
    clock.runDeferred();
  }
  assert.deepEqual(stream.written, Buffer.concat(sent));
});

test('a reserved frame is written in place between appended ones', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const stream = new FakeStream();
  outbox.append(stream, frame('before '));
  const { buffer, offset } = outbox.reserve(stream, 7);
  buffer.write('inside ', offset);
  outbox.append(stream, frame('after'));
  clock.runDeferred();
  assert.equal(String(stream.written), 'before inside after');
  assert.equal(outbox.frames, 3);
});

test('queued bytes are what is staged and what the stream still holds', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const stream = new FakeStream();
  stream.taking = false;
  assert.equal(outbox.queuedBytes(stream), 0);
  outbox.append(stream, Buffer.alloc(10));
  assert.equal(outbox.queuedBytes(stream), 10);
  clock.runDeferred();
  outbox.append(stream, Buffer.alloc(5));
  assert.deepEqual([outbox.stagedBytes(stream), outbox.queuedBytes(stream)], [5, 15]);
});

test('flushing one stream writes it at once and leaves the others to the end of the tick', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const closing = new FakeStream();
  const other = new FakeStream();
  outbox.append(other, frame('o1'));
  outbox.append(closing, frame('reason'));
  outbox.append(other, frame('o2'));
  outbox.flush(closing);
  closing.end();
  assert.deepEqual([String(closing.written), other.writes.length], ['reason', 0]);
  outbox.flush(closing);
  clock.runDeferred();
  assert.deepEqual([closing.writes.length, String(other.written)], [1, 'o1o2']);
});

test('discarding a stream drops its staged frames only, and it may be used again in the same tick', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const a = new FakeStream();
  const b = new FakeStream();
  outbox.append(a, frame('lost'));
  outbox.append(b, frame('kept'));
  outbox.discard(a);
  outbox.discard(a);
  assert.equal(outbox.queuedBytes(a), 0);
  outbox.append(a, frame('again'));
  clock.runDeferred();
  assert.deepEqual([String(a.written), String(b.written)], ['again', 'kept']);
});

test('a frame that is appended while the outbox writes leaves in the same flush', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const a = new FakeStream();
  const b = new FakeStream();
  a.onWrite = () => {
    a.onWrite = () => {};
    outbox.append(a, frame('second'));
    outbox.append(b, frame('answer'));
  };
  outbox.append(a, frame('first '));
  clock.runDeferred();
  assert.deepEqual([a.writes.map(String), String(b.written)], [['first ', 'second'], 'answer']);
});

for (const [name, bytes, early] of [
  ['max − 1', 999, 0],
  ['max', 1_000, 0],
  ['max + 1', 1_001, 1],
] as const) {
  test(`a tick that stages ${name} bytes is flushed early ${early} times`, () => {
    const clock = new ManualClock();
    const outbox = new Outbox(clock, { stagingBytesMax: 1_000 });
    const stream = new FakeStream();
    outbox.append(stream, Buffer.alloc(500, 1));
    outbox.append(stream, Buffer.alloc(bytes - 500, 2));
    assert.equal(stream.writes.length, early);
    clock.runDeferred();
    assert.equal(stream.written.length, bytes);
    assert.equal(stream.writes.length, early + 1);
  });
}

test('a frame larger than the staging area passes whole', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const stream = new FakeStream();
  const large = Buffer.from(new SeededRandom(3).bytes(700_000));
  outbox.append(stream, frame('small'));
  outbox.append(stream, large);
  clock.runDeferred();
  assert.deepEqual(stream.written, Buffer.concat([frame('small'), large]));
});

test('any mix of streams, frames, flushes and ticks gives every stream its own bytes in order', () => {
  const random = new SeededRandom(11);
  const clock = new ManualClock();
  const outbox = new Outbox(clock, { stagingBytesMax: 50_000 });
  const streams = Array.from({ length: 600 }, () => new FakeStream());
  const expected = streams.map(() => [] as Buffer[]);
  let frames = 0;
  for (let step = 0; step < 20_000; step += 1) {
    const index = random.below(streams.length);
    const stream = streams[index] as FakeStream;
    const choice = random.below(1_000);
    if (choice === 0) clock.runDeferred();
    else if (choice === 1) outbox.flush(stream);
    else {
      const bytes = Buffer.from(random.bytes(random.below(60)));
      outbox.append(stream, bytes);
      (expected[index] as Buffer[]).push(bytes);
      frames += 1;
    }
  }
  clock.runDeferred();
  for (const [index, stream] of streams.entries()) {
    assert.deepEqual(stream.written, Buffer.concat(expected[index] as Buffer[]));
    assert.equal(stream.outboxEntry, -1);
  }
  const writes = streams.reduce((sum, stream) => sum + stream.writes.length, 0);
  const bytes = streams.reduce((sum, stream) => sum + stream.written.length, 0);
  assert.deepEqual([outbox.frames, outbox.flushes, outbox.bytes], [frames, writes, bytes]);
});

function toAll(outbox: Outbox, streams: readonly FakeStream[], text: string): void {
  const { buffer, offset } = outbox.reserveForAll(streams, streams.length, text.length);
  buffer.write(text, offset);
}

test('a frame for many streams is staged once and written to all of them from one buffer', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const streams = [new FakeStream(), new FakeStream(), new FakeStream()];
  const buffers = new Set<ArrayBufferLike>();
  const places = new Set<number>();
  for (const stream of streams) {
    stream.onWrite = (bytes) => {
      buffers.add(bytes.buffer);
      places.add(bytes.byteOffset);
    };
  }
  toAll(outbox, streams, 'round 1 ');
  toAll(outbox, streams, 'round 2 ');
  clock.runDeferred();
  assert.deepEqual(
    streams.map(({ writes }) => writes.map(String)),
    streams.map(() => ['round 1 round 2 ']),
  );
  assert.deepEqual([buffers.size, places.size], [1, 1]);
  assert.deepEqual([outbox.frames, outbox.flushes, outbox.bytes], [6, 3, 48]);
});

test('frames for many streams keep their order among each stream’s own', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const [a, b, c] = [new FakeStream(), new FakeStream(), new FakeStream()] as const;
  outbox.append(a, frame('a1 '));
  toAll(outbox, [a, b], 'all1 ');
  outbox.append(b, frame('b1 '));
  toAll(outbox, [c, b, a], 'all2 ');
  outbox.append(a, frame('a2 '));
  clock.runDeferred();
  assert.deepEqual(
    [a, b, c].map(({ writes }) => writes.map(String)),
    [['a1 all1 all2 a2 '], ['all1 b1 all2 '], ['all2 ']],
  );
});

test('a buffer that was written is not written again in the next tick for other bytes of the same length', () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock);
  const [a, b] = [new FakeStream(), new FakeStream()] as const;
  toAll(outbox, [a, b], 'tick 1');
  clock.runDeferred();
  toAll(outbox, [b], 'tick 2');
  clock.runDeferred();
  assert.deepEqual([a.writes.map(String), b.writes.map(String)], [['tick 1'], ['tick 1', 'tick 2']]);
});

test('a frame for many streams that does not fit any more makes the tick flush early', () => {
  const outbox = new Outbox(new ManualClock(), { stagingBytesMax: 100 });
  const streams = [new FakeStream(), new FakeStream()] as const;
  toAll(outbox, streams, 'x'.repeat(60));
  toAll(outbox, streams, 'y'.repeat(60));
  assert.deepEqual(
    streams.map(({ writes }) => writes.map(String)),
    streams.map(() => ['x'.repeat(60)]),
  );
});
