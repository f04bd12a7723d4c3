/** Cutting a byte stream into frames: limits, growth, stopping. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameReader } from '../src/protocol/index.ts';
import { frameOf } from '../tools/vectors/codec.ts';
import { FrameCollector } from './support/frame-collector.ts';

const LIMIT = 4096;

function header(length: number): Buffer {
  return frameOf(1, 1, Buffer.alloc(0)).fill(Buffer.from([length >>> 16, length >>> 8, length]), 0, 3);
}

describe('frame reader', () => {
  for (const length of [1, 2, LIMIT - 1, LIMIT])
    it(`accepts a body of ${length} bytes at a limit of ${LIMIT} [S-FRAME-3]`, () => {
      const frame = frameOf(2, 9, Buffer.alloc(length, 0xc0));
      const { frames, malformed } = new FrameCollector(LIMIT).feed(frame);
      assert.equal(malformed, undefined);
      assert.equal(frames[0]?.body.length, length);
    });

  for (const length of [LIMIT + 1, 0x7fffff, 0xffffff])
    it(`refuses a body of ${length} bytes at a limit of ${LIMIT} before any of it is there [S-FRAME-3]`, () => {
      assert.equal(new FrameCollector(LIMIT).feed(header(length)).malformed, 'FRAME_TOO_LARGE');
      const partly = new FrameCollector(LIMIT).feed(header(length).subarray(0, 3));
      assert.equal(partly.malformed, 'FRAME_TOO_LARGE');
      assert.equal(partly.partial, undefined);
    });

  it('refuses a body of 0 bytes [S-FRAME-3]', () => {
    assert.equal(new FrameCollector(LIMIT).feed(header(0)).malformed, 'MALFORMED_FRAME');
  });

  it('asks for the limit of every frame, so that a login raises it', () => {
    let limit = 4;
    const sizes: number[] = [];
    const reader = new FrameReader<undefined>({
      onFrame: (_context, _command, _requestId, _bytes, start, end) => {
        sizes.push(end - start);
        limit = 100;
        return true;
      },
      onMalformed: () => assert.fail('malformed'),
    });
    const stream = Buffer.concat([frameOf(1, 1, Buffer.alloc(4)), frameOf(2, 2, Buffer.alloc(100))]);
    reader.read(undefined, undefined, stream, () => limit);
    assert.deepEqual(sizes, [4, 100]);
  });

  it('reads requestIds of all 32 bits', () => {
    const ids = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    const { frames } = new FrameCollector(LIMIT).feed(...ids.map((id) => frameOf(2, id, Buffer.from([0x90]))));
    assert.deepEqual(
      frames.map((frame) => frame.requestId),
      ids,
    );
  });

  it('holds memory by the bytes that came, never by the length that was announced (T2)', () => {
    const collector = new FrameCollector(0xff_ffff).feed(header(0xff_ffff));
    assert.ok((collector.partial?.bytes.length ?? 0) <= 64);
    let received = 8;
    for (let i = 0; i < 200; i++) {
      collector.feed(Buffer.alloc(100));
      received += 100;
      assert.equal(collector.partial?.length, received);
      assert.ok((collector.partial?.bytes.length ?? 0) <= 2 * received + 64);
    }
  });

  it('keeps nothing between frames', () => {
    const frame = frameOf(2, 1, Buffer.from([0x90]));
    const collector = new FrameCollector(LIMIT).feed(frame.subarray(0, 5), frame.subarray(5));
    assert.equal(collector.frames.length, 1);
    assert.equal(collector.partial, undefined);
  });

  it('does not keep the chunk that an unfinished frame came in', () => {
    const chunk = Buffer.concat([frameOf(2, 1, Buffer.from([0x90])), header(50), Buffer.alloc(20, 7)]);
    const collector = new FrameCollector(LIMIT).feed(chunk);
    chunk.fill(0xee);
    collector.feed(Buffer.alloc(30, 7));
    assert.deepEqual(collector.frames[1]?.body, Buffer.alloc(50, 7));
  });

  it('hands on a frame that lies whole in the chunk without a copy', () => {
    const chunk = frameOf(2, 1, Buffer.from([0x90]));
    const reader = new FrameReader<undefined>({
      onFrame: (_context, _command, _requestId, bytes) => {
        assert.equal(bytes, chunk);
        return true;
      },
      onMalformed: () => assert.fail('malformed'),
    });
    assert.equal(
      reader.read(undefined, undefined, chunk, () => LIMIT),
      undefined,
    );
  });

  it('stops in the middle of a chunk when the sink says so, and drops the rest', () => {
    const frame = frameOf(2, 1, Buffer.from([0x90]));
    for (const split of [0, 4, frame.length + 4]) {
      const collector = new FrameCollector(LIMIT);
      collector.framesMax = 2;
      const stream = Buffer.concat([frame, frame, frame, header(0)]);
      collector.feed(stream.subarray(0, split), stream.subarray(split));
      assert.equal(collector.frames.length, 2);
      assert.equal(collector.partial, undefined);
      assert.equal(collector.malformed, undefined);
    }
  });

  it('reports a malformed frame once and reads nothing after it', () => {
    const frame = frameOf(2, 1, Buffer.from([0x90]));
    const { frames, malformed } = new FrameCollector(LIMIT).feed(Buffer.concat([frame, header(0), frame]));
    assert.equal(frames.length, 1);
    assert.equal(malformed, 'MALFORMED_FRAME');
  });
});
