/**
 * Bytes that no implementation may accept, and beginnings of frames that are not wrong yet. Every outcome is written by
 * hand: nothing here asks the codec what it thinks.
 */
import { parseHex } from './hex.ts';

export type MalformedOutcome = 'need-more' | 'MALFORMED_FRAME' | 'FRAME_TOO_LARGE' | 'MALFORMED_BODY';

export interface MalformedVector {
  readonly name: string;
  /** Who reads the bytes, and in which state: it decides the largest body. */
  readonly reader: 'server-before-login' | 'server-after-login' | 'client';
  readonly hex: string;
  readonly outcome: MalformedOutcome;
  readonly shows: readonly string[];
}

type Reader = MalformedVector['reader'];

const header = (name: string, reader: Reader, hex: string, outcome: MalformedOutcome): MalformedVector => ({
  name,
  reader,
  hex,
  outcome,
  shows: outcome === 'need-more' ? ['S-FRAME-2'] : ['S-FRAME-3', 'S-FRAME-4'],
});

const BEFORE = 'server-before-login';
const AFTER = 'server-after-login';

const headers: readonly MalformedVector[] = [
  header('nothing at all', BEFORE, '', 'need-more'),
  header('one byte', BEFORE, '00', 'need-more'),
  header('a length and no more', BEFORE, '000001', 'need-more'),
  header('a header without its last byte', BEFORE, '000001 02 000000', 'need-more'),
  header('a header without body', BEFORE, '000001 02 00000002', 'need-more'),
  header('a body without its last byte', AFTER, '000003 03 00000000 9201', 'need-more'),
  header('the largest body before login, not yet here', BEFORE, '001000 01 00000001', 'need-more'),
  header('the largest body after login, not yet here', AFTER, '010000 80 00000001', 'need-more'),
  header('the largest body after login, but for one byte', AFTER, '010000 80 00000001 00*65535', 'need-more'),
  header('the largest body for a client, not yet here', 'client', '100000 c5 00000001', 'need-more'),
  header('length 0 before login', BEFORE, '000000 01 00000001', 'MALFORMED_FRAME'),
  header('length 0 after login', AFTER, '000000 02 00000001', 'MALFORMED_FRAME'),
  header('length 0 for a client', 'client', '000000 c2 00000001', 'MALFORMED_FRAME'),
  header('length 0, seen at the third byte', AFTER, '000000', 'MALFORMED_FRAME'),
  header('one above the limit before login', BEFORE, '001001 01 00000001', 'FRAME_TOO_LARGE'),
  header('one above the limit after login', AFTER, '010001 80 00000001', 'FRAME_TOO_LARGE'),
  header('one above the limit for a client', 'client', '100001 c5 00000001', 'FRAME_TOO_LARGE'),
  header('above the limit, seen at the third byte', BEFORE, '001001', 'FRAME_TOO_LARGE'),
  header('the largest length there is', BEFORE, 'ffffff ff ffffffff', 'FRAME_TOO_LARGE'),
  header('the largest length there is, after login', AFTER, 'ffffff 80 00000001', 'FRAME_TOO_LARGE'),
  header('an HTTP request', BEFORE, '474554 20 2f204854 54502f312e310d0a0d0a', 'FRAME_TOO_LARGE'),
  header('a TLS greeting', BEFORE, '160301 02 000100 01fc0303', 'FRAME_TOO_LARGE'),
];

/** A frame around `body`, read after login unless the command is CONNECT. */
function body(name: string, command: number, bytes: string, ...shows: string[]): MalformedVector {
  const length = parseHex(bytes).length.toString(16).padStart(6, '0');
  const reader = command === 0x01 ? BEFORE : command >= 0xc0 ? 'client' : AFTER;
  const hex = `${length} ${command.toString(16).padStart(2, '0')} 00000007 ${bytes}`;
  return { name, reader, hex, outcome: 'MALFORMED_BODY', shows };
}

const PING = 0x02;
const ACK = 0x03;
const SYNC = 0x40;
const UNKNOWN_OF_SESSION = 0x41;
const SEND = 0x80;
const MESSAGE = 0xc4;
const SYNCACK = 0xc5;

const shapes: readonly MalformedVector[] = [
  body('a map instead of an array', PING, '80', 'S-BODY-1'),
  body('a map with the right number of entries', ACK, '82 00 01 01 0d', 'S-BODY-1'),
  body('an integer instead of an array', PING, '00', 'S-BODY-1'),
  body('nil instead of an array', PING, 'c0', 'S-BODY-1'),
  body('a string instead of an array', PING, 'a0', 'S-BODY-1'),
  body('a byte that MessagePack never uses', PING, 'c1', 'S-BODY-1'),
  body('no fields in ACK', ACK, '90', 'S-BODY-2'),
  body('one field too few in ACK', ACK, '91 01', 'S-BODY-2'),
  body('one field too few in SYNC', SYNC, '92 01 0a', 'S-BODY-2'),
  body('one field too few in SEND', SEND, '94 a3626f62 00 a26331 00', 'S-BODY-2'),
  body('one field too few in CONNECT', 0x01, '9c 01 a164 a161 00 a174 a170 a170 00 00 00 00 00', 'S-BODY-2'),
  body('one field too few in MESSAGE', MESSAGE, '98 01 01 02 03 00 a161 a162 a0', 'S-BODY-2'),
  body(
    'one field too few in a message of a page',
    SYNCACK,
    '94 01 01 01 91 98 01 01 02 03 00 a161 a162 a0',
    'S-BODY-2',
  ),
  body('an array that promises more than there is', ACK, '93 01 0d', 'S-BODY-2'),
  body('an empty array and a byte after it', PING, '90 00', 'S-BODY-11'),
  body('a second array after the body', ACK, '92 01 0d 92 01 0e', 'S-BODY-11'),
  body('a byte after unknown fields', PING, '91 c0 00', 'S-BODY-11'),
];

const types: readonly MalformedVector[] = [
  body('a string for an integer', ACK, '92 01 a13d', 'S-BODY-1'),
  body('nil for an integer', ACK, '92 01 c0', 'S-BODY-1'),
  body('a float for an integer', ACK, '92 01 cb402a000000000000', 'S-BODY-1'),
  body('true for an integer', ACK, '92 01 c3', 'S-BODY-1'),
  body('an array for an integer', ACK, '92 01 910d', 'S-BODY-1'),
  body('a negative fixint', ACK, '92 01 ff', 'S-BODY-3'),
  body('a negative int8', ACK, '92 01 d0ff', 'S-BODY-3'),
  body('a negative int16', ACK, '92 01 d1ffff', 'S-BODY-3'),
  body('a negative int32', ACK, '92 01 d2ffffffff', 'S-BODY-3'),
  body('a negative int64', ACK, '92 01 d3ffffffffffffffff', 'S-BODY-3'),
  body('2^32 for a u32', ACK, '92 cf0000000100000000 0d', 'S-BODY-3'),
  body('2^53 for a u64', ACK, '92 01 cf0020000000000000', 'S-BODY-3'),
  body('2^53 + 1 for a u64, which a double rounds', ACK, '92 01 cf0020000000000001', 'S-BODY-3'),
  body('2^64 - 1 for a u64', ACK, '92 01 cfffffffffffffffff', 'S-BODY-3'),
  body('2^53 in signed form', ACK, '92 01 d30020000000000000', 'S-BODY-3'),
  body('2^53 in an unknown field', PING, '91 cf0020000000000000', 'S-BODY-3'),
  body('65536 for a u16', SYNC, '93 01 0a ce00010000', 'S-BODY-3'),
  body('256 for a u8', SEND, '95 a3626f62 cd0100 a26331 00 c4026869', 'S-BODY-3'),
  body('an integer for a string', SEND, '95 2a 00 a26331 00 c4026869', 'S-BODY-1'),
  body('an array for the target', SEND, '95 91a3626f62 00 a26331 00 c4026869', 'S-BODY-1'),
  body('a map for the target', SEND, '95 81a0a0 00 a26331 00 c4026869', 'S-BODY-1'),
  body('a binary for a string', SEND, '95 c403626f62 00 a26331 00 c4026869', 'S-BODY-1'),
  body('a string for a binary', SEND, '95 a3626f62 00 a26331 00 a26869', 'S-BODY-1'),
  body('0 for a boolean', 0xc2, '93 01 0d 00', 'S-BODY-1'),
  body('nil for a boolean', 0xc2, '93 01 0d c0', 'S-BODY-1'),
  body('an integer for the list of messages', SYNCACK, '94 01 01 01 00', 'S-BODY-1'),
];

const BAD_TEXT: readonly (readonly [string, string])[] = [
  ['a lone continuation byte', 'a180'],
  ['a sequence that is cut', 'a2e282'],
  ['an overlong slash', 'a2c0af'],
  ['a surrogate', 'a3eda080'],
  ['a code point above 10ffff', 'a4f4908080'],
  ['the byte ff', 'a1ff'],
];

const strings: readonly MalformedVector[] = [
  ...BAD_TEXT.map(([name, text]) => body(`${name} in a target`, SEND, `95 ${text} 00 a26331 00 c4026869`, 'S-BODY-6')),
  ...BAD_TEXT.map(([name, text]) => body(`${name} in an unknown field`, PING, `91 ${text}`, 'S-BODY-6')),
  body('a string longer than the body', SEND, '95 bf626f62', 'S-BODY-5'),
  body('a string that promises 4 GiB', SEND, '95 dbffffffff', 'S-BODY-5'),
  body('a binary that promises 4 GiB', SEND, '95 a3626f62 00 a26331 00 c6ffffffff', 'S-BODY-7'),
  body('a binary longer than the body by one', SEND, '95 a3626f62 00 a26331 00 c4036869', 'S-BODY-7'),
  body('a target of 16 KiB + 1', SEND, '95 da4001 62*16385 00 a26331 00 c4026869', 'S-BODY-5'),
  body('a string of 16 KiB + 1 in an unknown field', PING, '91 da4001 61*16385', 'S-BODY-5'),
];

const bombs: readonly MalformedVector[] = [
  body('depth 9', PING, '91 91 91 91 91 91 91 91 90', 'S-BODY-8'),
  body('depth 9 in maps', PING, '91 8101 8101 8101 8101 8101 8101 8101 80', 'S-BODY-8'),
  body('depth 9 in a command that is forwarded unread', UNKNOWN_OF_SESSION, '91 91 91 91 91 91 91 91 90', 'S-BODY-8'),
  body('60,000 arrays in one another', PING, '91*60000', 'S-BODY-8'),
  body('2049 values', PING, 'dc0800 c0*2048', 'S-BODY-9'),
  body('2049 values, some of them known fields', ACK, 'dc0800 01 0d c0*2046', 'S-BODY-9'),
  body('2049 values, nested', PING, '92 dc03fe c0*1022 dc0400 c0*1024', 'S-BODY-9'),
  body('60,000 values', UNKNOWN_OF_SESSION, 'dd0000ea60 c0*60000', 'S-BODY-9'),
  body('a map of 2048 entries', PING, '91 de0800 00*4096', 'S-BODY-9'),
  body('a bomb of 15 bytes', PING, `${'dd01c9c380 '.repeat(3).trim()}`, 'S-BODY-10'),
  body(
    'a bomb of 15 bytes in a forwarded command',
    UNKNOWN_OF_SESSION,
    `${'dd01c9c380 '.repeat(3).trim()}`,
    'S-BODY-10',
  ),
  body('1000 arrays of 65535', UNKNOWN_OF_SESSION, 'dcffff'.repeat(1000), 'S-BODY-10'),
  body('a map that promises 2^32 - 1 entries', PING, '91 dfffffffff', 'S-BODY-10'),
  body('an array that promises 2^32 - 1 entries', PING, '91 ddffffffff', 'S-BODY-10'),
  body('a page that promises 2^32 - 1 messages', SYNCACK, '94 01 01 01 ddffffffff', 'S-BODY-10'),
];

const EXTENSIONS: readonly (readonly [string, string])[] = [
  ['fixext 1', 'd40100'],
  ['fixext 2', 'd5010000'],
  ['fixext 4, a timestamp', 'd6ff00000000'],
  ['fixext 8, a timestamp', 'd7ff0000000000000000'],
  ['fixext 16', 'd801 00*16'],
  ['ext 8', 'c70001'],
  ['ext 16', 'c8000001'],
  ['ext 32', 'c90000000001'],
];

const extensions: readonly MalformedVector[] = [
  ...EXTENSIONS.map(([name, bytes]) => body(`${name} in an unknown field`, PING, `91 ${bytes}`, 'S-BODY-1')),
  body('an extension for an integer', ACK, '92 01 d4010d', 'S-BODY-1'),
  body('an extension in a forwarded command', UNKNOWN_OF_SESSION, '91 d40100', 'S-BODY-1'),
  body('an extension that promises 4 GiB', PING, '91 c9ffffffff01', 'S-BODY-1'),
];

export const MALFORMED_VECTORS: readonly MalformedVector[] = [
  ...headers,
  ...shapes,
  ...types,
  ...strings,
  ...bombs,
  ...extensions,
];
