/** The golden vectors, read from their JSON files as a stranger would, against the codec. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  BODY_BYTES_MAX,
  MessagePackReader,
  PRE_LOGIN_BODY_BYTES_MAX,
  SERVER_BODY_BYTES_MAX,
} from '../src/protocol/index.ts';
import { decodeBody } from '../src/protocol/message-pack-values.ts';
import { readRepositoryFile } from '../tools/generated-file.ts';
import {
  commandCoded,
  commandNamed,
  type NamedBody,
  positional,
  readBody,
  writeFrame,
  writeFrameGenerally,
} from '../tools/vectors/codec.ts';
import { parseHex } from '../tools/vectors/hex.ts';
import { FrameCollector } from './support/frame-collector.ts';
import { SeededRandom } from './support/seeded-random.ts';

interface Valid {
  name: string;
  command: string;
  requestId: number;
  body: NamedBody;
  hex: string;
  canonical: boolean;
}
interface Malformed {
  name: string;
  reader: 'server-before-login' | 'server-after-login' | 'client';
  hex: string;
  outcome: 'need-more' | 'close';
  reason?: string;
}

const load = <T>(name: string): T[] => JSON.parse(readRepositoryFile(`protocol-spec/vectors/${name}.json`)) as T[];
const validVectors = load<Valid>('valid');
const malformedVectors = load<Malformed>('malformed');

const BODY_MAX = {
  'server-before-login': PRE_LOGIN_BODY_BYTES_MAX,
  'server-after-login': BODY_BYTES_MAX,
  client: SERVER_BODY_BYTES_MAX,
};

/** Frames up to this size are cut at every place; longer ones at every place of both ends and at some in between. */
const EVERY_CUT_BYTES_MAX = 600;

/** `{"hex": …}` → bytes. */
function fromHex(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromHex);
  if (typeof value !== 'object' || value === null) return value;
  if ('hex' in value) return parseHex(value.hex as string);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromHex(item)]));
}

function cutsOf(length: number): number[] {
  const all = Array.from({ length: length + 1 }, (_, at) => at);
  if (length <= EVERY_CUT_BYTES_MAX) return all;
  return all.filter((at) => at < 200 || at > length - 200 || at % 4099 === 0);
}

function* singleBytes(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
}

function checkFrame(collector: FrameCollector, vector: Valid): void {
  assert.equal(collector.malformed, undefined);
  assert.equal(collector.partial, undefined, 'nothing is left over');
  assert.equal(collector.frames.length, 1);
  const [frame] = collector.frames;
  assert.equal(frame?.command, commandNamed(vector.command).code);
  assert.equal(frame?.requestId, vector.requestId);
  assert.deepEqual(readBody(vector.command, frame?.body as Buffer), fromHex(vector.body));
}

/** What becomes of the bytes: a close reason, 'need-more', or 'frame'. */
function outcomeOf(vector: Malformed, chunks: Iterable<Buffer>): string {
  const collector = new FrameCollector(BODY_MAX[vector.reader]).feedAll(chunks);
  if (collector.malformed !== undefined) return collector.malformed;
  const [frame] = collector.frames;
  if (frame === undefined) return 'need-more';
  const command = commandCoded(frame.command);
  const guarded = new MessagePackReader().reset(frame.body, 0, frame.body.length).guard();
  if (command === undefined) return guarded ? 'frame' : 'MALFORMED_BODY';
  return readBody(command.name, frame.body) === undefined ? 'MALFORMED_BODY' : 'frame';
}

describe('valid vectors', () => {
  it('cover every command', () => {
    for (const { name } of JSON.parse(readRepositoryFile('protocol-spec/protocol.json')).commands as { name: string }[])
      assert.ok(
        validVectors.some((vector) => vector.command === name),
        name,
      );
  });

  for (const vector of validVectors) {
    it(`${vector.command}: ${vector.name}`, () => {
      const bytes = parseHex(vector.hex);
      const body = fromHex(vector.body) as NamedBody;
      checkFrame(new FrameCollector(SERVER_BODY_BYTES_MAX).feed(bytes), vector);
      checkFrame(new FrameCollector(SERVER_BODY_BYTES_MAX).feedAll(singleBytes(bytes)), vector);
      for (const cut of cutsOf(bytes.length))
        checkFrame(new FrameCollector(SERVER_BODY_BYTES_MAX).feed(bytes.subarray(0, cut), bytes.subarray(cut)), vector);
      const values = decodeBody(bytes.subarray(8));
      const known = positional(vector.command, body);
      if (vector.canonical) {
        assert.deepEqual(writeFrame(vector.command, vector.requestId, body), bytes, 'hand-written writer');
        assert.deepEqual(writeFrameGenerally(vector.command, vector.requestId, body), bytes, 'general encoder');
        assert.equal(values?.length, known.length);
      } else assert.notDeepEqual(writeFrame(vector.command, vector.requestId, body), bytes);
      assert.ok(values !== undefined, 'the guard accepts it');
    });
  }

  it('stay apart in one stream, however it is chunked', () => {
    const stream = Buffer.concat(validVectors.map((vector) => parseHex(vector.hex)));
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const collector = new FrameCollector(SERVER_BODY_BYTES_MAX);
      for (let at = 0; at < stream.length; ) {
        const length = 1 + random.below(seed % 2 === 0 ? 100 : 40_000);
        collector.feed(stream.subarray(at, at + length));
        at += length;
      }
      assert.equal(collector.malformed, undefined);
      assert.equal(collector.partial, undefined);
      assert.deepEqual(
        collector.frames.map((frame) => readBody(commandCoded(frame.command)?.name as string, frame.body)),
        validVectors.map((vector) => fromHex(vector.body)),
      );
    }
  });
});

describe('malformed vectors', () => {
  for (const vector of malformedVectors) {
    it(`${vector.reader}: ${vector.name}: ${vector.reason ?? vector.outcome}`, () => {
      const bytes = parseHex(vector.hex);
      const expected = vector.reason ?? vector.outcome;
      assert.equal(outcomeOf(vector, [bytes]), expected, 'whole');
      assert.equal(outcomeOf(vector, singleBytes(bytes)), expected, 'byte by byte');
      for (const cut of cutsOf(bytes.length))
        assert.equal(outcomeOf(vector, [bytes.subarray(0, cut), bytes.subarray(cut)]), expected, `cut at ${cut}`);
    });
  }

  it('do no harm to the frames before them', () => {
    const before = parseHex('000001 02 00000001 90');
    for (const vector of malformedVectors) {
      if (vector.reader !== 'server-after-login') continue;
      const collector = new FrameCollector(BODY_BYTES_MAX).feed(Buffer.concat([before, parseHex(vector.hex)]));
      assert.deepEqual(collector.frames[0], { command: 2, requestId: 1, body: Buffer.from([0x90]) });
    }
  });
});
