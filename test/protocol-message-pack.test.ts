/** Writer, reader and guard at every border of every width, and against an independent implementation. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { MessagePackReader, MessagePackWriter } from '../src/protocol/index.ts';
import { decodeBody, encodeBody } from '../src/protocol/message-pack-values.ts';
import type { CommandSpecification, FieldSpecification } from '../tools/generate-protocol.ts';
import {
  frameOf,
  type NamedBody,
  positional,
  readBody,
  SPECIFICATION,
  writeFrame,
  writeFrameGenerally,
} from '../tools/vectors/codec.ts';

const BORDERS = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, 2 ** 52];
const INTEGERS = [
  ...BORDERS,
  ...BORDERS.map((value) => value + 1),
  Number.MAX_SAFE_INTEGER - 1,
  Number.MAX_SAFE_INTEGER,
];
const LENGTHS = [0, 1, 15, 16, 31, 32, 33, 47, 48, 49, 255, 256, 257, 16_383, 16_384, 65_535, 65_536];

function written(write: (writer: MessagePackWriter) => void): Buffer {
  const writer = new MessagePackWriter(1);
  write(writer);
  return writer.copy();
}

const readerOf = (bytes: Buffer): MessagePackReader => new MessagePackReader().reset(bytes, 0, bytes.length);
const guard = (bytes: Buffer): boolean => readerOf(bytes).guard();

describe('MessagePack writer and reader', () => {
  for (const value of new Set(INTEGERS))
    it(`write and read ${value} in shortest form [S-BODY-3]`, () => {
      const bytes = written((writer) => writer.uint(value));
      assert.deepEqual(bytes, Buffer.from(encode(value)));
      const reader = readerOf(bytes);
      assert.equal(reader.uint(Number.MAX_SAFE_INTEGER), value);
      reader.finish();
      assert.equal(reader.failed, false);
      if (value > 0) {
        const below = readerOf(bytes);
        assert.equal(below.uint(value - 1), 0);
        assert.equal(below.failed, true);
      }
    });

  for (const length of LENGTHS)
    it(`write and read strings, binaries and arrays of length ${length}`, () => {
      const text = 'x'.repeat(length);
      const bytes = written((writer) => writer.str(text));
      assert.deepEqual(bytes, Buffer.from(encode(text)));
      const fits = length <= 16_384;
      const reader = readerOf(bytes);
      assert.equal(reader.str(), fits ? text : '');
      assert.equal(reader.failed, !fits, 'strings end at 16 KiB [S-BODY-5]');
      const binary = Buffer.alloc(length, 0xc1);
      const wrapped = written((writer) => writer.bin(binary));
      assert.deepEqual(wrapped, Buffer.from(encode(binary)));
      assert.deepEqual(readerOf(wrapped).bin(), binary);
      const array = written((writer) => {
        writer.arrayHeader(length);
        for (let i = 0; i < length; i++) writer.uint(1);
      });
      assert.deepEqual(array, Buffer.from(encode(new Array(length).fill(1))));
      assert.equal(readerOf(array).arrayHeader(), length);
    });

  it('write strings of any text as UTF-8', () => {
    for (const text of [
      'é'.repeat(15),
      'é'.repeat(16),
      '漢'.repeat(11),
      '😀'.repeat(64),
      'a\u0000b',
      `${'a'.repeat(30)}é`,
    ]) {
      const bytes = written((writer) => writer.str(text));
      assert.deepEqual(bytes, Buffer.from(encode(text)));
      assert.equal(readerOf(bytes).str(), text);
    }
  });

  it('a failure sticks, and what is read after it is harmless', () => {
    const reader = readerOf(Buffer.from('c1', 'hex'));
    assert.equal(reader.uint(10), 0);
    assert.equal(reader.failed, true);
    assert.equal(reader.str(), '');
    assert.equal(reader.bin().length, 0);
    assert.equal(reader.bool(), false);
    assert.equal(reader.arrayHeader(), -1);
    assert.equal(reader.failed, true);
  });

  it('a reader never looks outside its part of the buffer', () => {
    const bytes = Buffer.from('a3616263', 'hex');
    for (let end = 0; end < bytes.length; end++) {
      const reader = new MessagePackReader().reset(bytes, 0, end);
      assert.equal(reader.str(), '');
      assert.equal(reader.failed, true);
    }
  });
});

const IDS = fc.string({ unit: 'grapheme', maxLength: 80 });
const INTEGER_LIMITS = { u8: 0xff, u16: 0xffff, u32: 0xffff_ffff, u64: Number.MAX_SAFE_INTEGER } as const;

function integers(max: number): fc.Arbitrary<number> {
  const borders = INTEGERS.filter((value) => value <= max);
  return fc.oneof(fc.constantFrom(...borders), fc.integer({ min: 0, max }));
}

function fieldValues(field: FieldSpecification): fc.Arbitrary<unknown> {
  if (field.type === 'bool') return fc.boolean();
  if (field.type === 'str') return IDS;
  if (field.type === 'bin') return fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  if (field.type !== 'array') return integers(INTEGER_LIMITS[field.type]);
  if (field.of === 'str') return fc.array(IDS, { maxLength: 5 });
  const element = SPECIFICATION.commands.find((command) => command.name === field.of) as CommandSpecification;
  return fc.array(bodies(element), { maxLength: 20 });
}

function bodies(command: CommandSpecification): fc.Arbitrary<NamedBody> {
  return fc.record(Object.fromEntries(command.fields.map((field) => [field.name, fieldValues(field)])), {
    noNullPrototype: true,
  });
}

describe('bodies', () => {
  for (const command of SPECIFICATION.commands)
    it(`any ${command.name} is written as by a general encoder, and read back`, () => {
      fc.assert(
        fc.property(bodies(command), integers(0xffff_ffff), (body, requestId) => {
          const frame = writeFrame(command.name, requestId, body);
          assert.deepEqual(frame, writeFrameGenerally(command.name, requestId, body));
          assert.deepEqual(readBody(command.name, frame, 8, frame.length), body);
          const values = decode(frame.subarray(8)) as unknown[];
          assert.deepEqual(encodeBody(values), encodeBody(positional(command.name, body)));
        }),
        { numRuns: 40, seed: 1 },
      );
    });

  it('any bytes either fail or mean the same to the typed reader and to a general decoder', () => {
    const near = fc.tuple(fc.constantFrom(...SPECIFICATION.commands), fc.array(fc.tuple(fc.nat(), fc.nat(255))));
    fc.assert(
      fc.property(near, fc.context(), ([command, changes], context) => {
        const [body] = fc.sample(bodies(command), { numRuns: 1, seed: changes.length }) as [NamedBody];
        const bytes = writeFrame(command.name, 1, body).subarray(8);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        context.log(bytes.toString('hex'));
        const read = readBody(command.name, bytes);
        if (read === undefined) return;
        const general = decode(bytes) as unknown[];
        assert.deepEqual(encodeBody(positional(command.name, read)), encodeBody(trimmed(command, general)));
      }),
      { numRuns: 1000, seed: 7 },
    );
  });
});

/** The known fields of a generally decoded body. */
function trimmed(command: CommandSpecification, values: readonly unknown[]): unknown[] {
  return command.fields.map((field, index) => {
    const value = values[index];
    if (field.type !== 'array' || field.of === 'str') return value;
    const element = SPECIFICATION.commands.find((item) => item.name === field.of) as CommandSpecification;
    return (value as unknown[][]).map((item) => trimmed(element, item));
  });
}

const nested = (depth: number): Buffer => Buffer.concat([Buffer.alloc(depth - 1, 0x91), Buffer.from([0x90])]);
const flat = (nodes: number): Buffer => Buffer.from(encode(new Array(nodes - 1).fill(null)));
const text = (length: number): Buffer => Buffer.from(encode(['x'.repeat(length)]));

describe('guard', () => {
  const cases: [string, (size: number) => Buffer, number][] = [
    ['depth [S-BODY-8]', nested, 8],
    ['number of values [S-BODY-9]', flat, 2048],
    ['string length [S-BODY-5]', text, 16_384],
  ];
  for (const [name, make, limit] of cases)
    it(`${name}: accepts ${limit - 1} and ${limit}, refuses ${limit + 1} (T4)`, () => {
      assert.equal(guard(make(limit - 1)), true);
      assert.equal(guard(make(limit)), true);
      assert.equal(guard(make(limit + 1)), false);
      const ping = (bytes: Buffer): boolean => readBody('PING', bytes) !== undefined;
      assert.equal(ping(make(limit)), true, 'the typed reader holds unknown fields to the same limit');
      assert.equal(ping(make(limit + 1)), false);
    });

  it('integers end at 2^53 - 1, on both sides [S-BODY-3]', () => {
    const accepted = ['91cf001fffffffffffff', '91d3001fffffffffffff', '91d3ffe0000000000001'];
    const refused = ['91cf0020000000000000', '91d30020000000000000', '91d3ffdfffffffffffff', '91d38000000000000000'];
    for (const hex of accepted) assert.equal(guard(Buffer.from(hex, 'hex')), true, hex);
    for (const hex of refused) assert.equal(guard(Buffer.from(hex, 'hex')), false, hex);
  });

  it('what it accepts, a general decoder decodes without loss', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 6 }), { maxLength: 20 }), (values) => {
        const bytes = encodeBody(values);
        if (guard(bytes)) assert.deepEqual(encodeBody(decodeBody(bytes) as unknown[]), bytes);
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('any bytes end in an answer, and accepted ones are valid MessagePack', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
        const body = Buffer.from(bytes);
        body[0] = 0x90 | (body[0] as number & 0x0f);
        if (guard(body)) assert.ok(Array.isArray(decode(body)));
      }),
      { numRuns: 3000, seed: 5 },
    );
  });
});

const BOMBS: readonly [string, Buffer][] = [
  ['15 bytes', Buffer.from('dd01c9c380'.repeat(3), 'hex')],
  ['1000 × array16 of 65535', Buffer.from('dcffff'.repeat(1000), 'hex')],
  ['60,000 nested arrays', Buffer.alloc(60_000, 0x91)],
  ['map32 of 2^32 - 1', Buffer.from('91dfffffffff', 'hex')],
  [
    'array32 that just fits, nested',
    Buffer.concat(Array.from({ length: 4000 }, () => Buffer.from('dd00000fa0', 'hex'))),
  ],
  ['60,000 nil', Buffer.concat([Buffer.from('dcea60', 'hex'), Buffer.alloc(60_000, 0xc0)])],
  ['60,000 empty arrays', Buffer.concat([Buffer.from('dcea60', 'hex'), Buffer.alloc(60_000, 0x90)])],
  ['60,000 empty maps', Buffer.concat([Buffer.from('dcea60', 'hex'), Buffer.alloc(60_000, 0x80)])],
  ['str32 of 2^32 - 1', Buffer.from('91dbffffffff', 'hex')],
  ['bin32 of 2^32 - 1', Buffer.from('91c6ffffffff', 'hex')],
];

describe('decode bombs (T4)', () => {
  for (const [name, body] of BOMBS)
    it(`${name}: refused after a bounded number of values, without memory [S-BODY-10]`, () => {
      for (let i = 0; i < 10; i++) guard(body);
      const before = process.memoryUsage();
      const reader = readerOf(body);
      for (let i = 0; i < 100; i++) assert.equal(reader.reset(body, 0, body.length).guard(), false);
      assert.ok(reader.position <= 5 * 2049, `stopped at byte ${reader.position}`);
      for (const command of SPECIFICATION.commands) assert.equal(readBody(command.name, body), undefined);
      const after = process.memoryUsage();
      assert.ok(after.arrayBuffers - before.arrayBuffers < 1_000_000);
      assert.ok(after.heapUsed - before.heapUsed < 2_000_000);
    });

  it('a page that promises 2^32 - 1 messages allocates none', () => {
    const frame = frameOf(0xc5, 1, Buffer.from('94010101ddffffffff', 'hex'));
    assert.equal(readBody('SYNCACK', frame, 8, frame.length), undefined);
  });
});
