/**
 * Frames that must be read although no writer that uses the shortest forms produces them: other widths, and fields of a
 * newer version. The bytes are written by hand, with what must be read from them.
 */
import { MESSAGE, SEND, U53, type ValidVector } from './bodies.ts';
import { commandNamed, frameOf, type NamedBody } from './codec.ts';
import { formatFrame, parseHex } from './hex.ts';

function accepted(name: string, command: string, body: NamedBody, hex: string, ...shows: string[]): ValidVector {
  const frame = formatFrame(frameOf(commandNamed(command).code, 7, parseHex(hex)));
  return { name, command, requestId: 7, body, hex: frame, canonical: false, shows };
}

const ACK: NamedBody = { epoch: 1, seq: 13 };
const NOT_SHORTEST = ['S-BODY-4'] as const;
const UNKNOWN_FIELDS = ['S-BODY-2'] as const;

const notShortest: readonly ValidVector[] = [
  accepted('array16 header', 'ACK', ACK, 'dc0002 01 0d', ...NOT_SHORTEST),
  accepted('array32 header', 'ACK', ACK, 'dd00000002 01 0d', ...NOT_SHORTEST),
  accepted('array32 header of an empty body', 'PING', {}, 'dd00000000', ...NOT_SHORTEST),
  accepted('uint8 for a small integer', 'ACK', ACK, '92 cc01 cc0d', ...NOT_SHORTEST),
  accepted('uint16 for a small integer', 'ACK', ACK, '92 cd0001 cd000d', ...NOT_SHORTEST),
  accepted('uint32 for a small integer', 'ACK', ACK, '92 ce00000001 ce0000000d', ...NOT_SHORTEST),
  accepted('uint64 for a small integer', 'ACK', ACK, '92 cf0000000000000001 cf000000000000000d', ...NOT_SHORTEST),
  accepted('int8 for a small integer', 'ACK', ACK, '92 d001 d00d', ...NOT_SHORTEST),
  accepted('int16 for a small integer', 'ACK', ACK, '92 d10001 d1000d', ...NOT_SHORTEST),
  accepted('int32 for a small integer', 'ACK', ACK, '92 d200000001 d20000000d', ...NOT_SHORTEST),
  accepted('int64 for a small integer', 'ACK', ACK, '92 d30000000000000001 d3000000000000000d', ...NOT_SHORTEST),
  accepted('int64 for 2^53 - 1', 'ACK', { epoch: 1, seq: U53 }, '92 01 d3001fffffffffffff', ...NOT_SHORTEST),
  accepted('str8, bin16', 'SEND', SEND, '95 d903626f62 00 d9026331 00 c500026869', ...NOT_SHORTEST),
  accepted('str16, bin32', 'SEND', SEND, '95 da0003626f62 00 da00026331 00 c6000000026869', ...NOT_SHORTEST),
  accepted('str32', 'SEND', SEND, '95 db00000003626f62 00 db000000026331 00 c4026869', ...NOT_SHORTEST),
];

const trailing: readonly ValidVector[] = [
  accepted('one unknown field', 'PING', {}, '91 00', ...UNKNOWN_FIELDS),
  accepted(
    'unknown fields of every kind',
    'ACK',
    ACK,
    `9e 01 0d c0 c2 c3 7f ff d0ff ca3f800000 cb3ff0000000000000 a161 c40100 9101 8101c0`,
    ...UNKNOWN_FIELDS,
  ),
  accepted(
    'unknown negative integers of every width',
    'PING',
    {},
    '95 e0 d080 d18000 d280000000 d3ffe0000000000001',
    ...UNKNOWN_FIELDS,
  ),
  accepted('unknown field after a payload', 'SEND', SEND, '96 a3626f62 00 a26331 00 c4026869 a15a', ...UNKNOWN_FIELDS),
  accepted(
    'unknown field in a message of a page',
    'SYNCACK',
    {
      epoch: 1,
      head: 1,
      floor: 1,
      messages: [{ ...MESSAGE, seq: 1, messageId: 2, timeMs: 3, payload: Buffer.from('hi') }],
    },
    '94 01 01 01 91 9a 01 01 02 03 00 a5616c696365 a3626f62 a0 c4026869 c0',
    ...UNKNOWN_FIELDS,
  ),
  accepted('depth 8 in an unknown field', 'PING', {}, '91 91 91 91 91 91 91 90', 'S-BODY-8'),
  accepted('2048 values', 'PING', {}, 'dc07ff c0*2047', 'S-BODY-9'),
  accepted('2048 values, some of them known fields', 'ACK', ACK, 'dc07ff 01 0d c0*2045', 'S-BODY-9'),
  accepted('2048 values, nested', 'PING', {}, '92 dc03fd c0*1021 dc0400 c0*1024', 'S-BODY-9'),
  accepted('a string of 16 KiB in an unknown field', 'PING', {}, '91 da4000 61*16384', 'S-BODY-5'),
  accepted('a body of exactly 64 KiB', 'PING', {}, '91 c5fffc 00*65532', 'S-FRAME-3'),
];

export const ACCEPTED_VECTORS: readonly ValidVector[] = [...notShortest, ...trailing];
