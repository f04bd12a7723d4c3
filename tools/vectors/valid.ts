/**
 * Frames that every implementation must read, and the bytes that the canonical ones must be written as.
 *
 * `valid(…)` takes a body and lets the codec write the bytes. `accepted(…)` takes bytes written by hand that differ from
 * the shortest form, or carry fields of a newer version, and says what must be read from them.
 */
import { commandNamed, frameOf, type NamedBody, writeFrame } from './codec.ts';
import { formatFrame, parseHex } from './hex.ts';

export interface ValidVector {
  readonly name: string;
  readonly command: string;
  readonly requestId: number;
  readonly body: NamedBody;
  readonly hex: string;
  /** True when a writer must produce exactly these bytes for this body. */
  readonly canonical: boolean;
  readonly shows: readonly string[];
}

export const MESSAGE_ID = 4_503_599_627_370_497;
const U53 = Number.MAX_SAFE_INTEGER;
const TIME_MS = 1_767_225_600_000;
const LONG_ID = `${'a-'.repeat(31)}zz`;
/** 64 bytes of UTF-8 in 16 characters of four bytes each. */
const LONG_UNICODE = '😀'.repeat(16);

function valid(name: string, command: string, requestId: number, body: NamedBody, ...shows: string[]): ValidVector {
  const hex = formatFrame(writeFrame(command, requestId, body));
  return { name, command, requestId, body, hex, canonical: true, shows };
}

function accepted(name: string, command: string, body: NamedBody, hex: string, ...shows: string[]): ValidVector {
  const frame = formatFrame(frameOf(commandNamed(command).code, 7, parseHex(hex)));
  return { name, command, requestId: 7, body, hex: frame, canonical: false, shows };
}

const bytes = (length: number, value = 0x5a): Uint8Array => new Uint8Array(length).fill(value);

const CONNECT: NamedBody = {
  version: 1,
  app: 'demo',
  uid: 'alice',
  credentialType: 0,
  credential: 'header.claims.signature',
  deviceType: 'phone',
  deviceId: 'phone1',
  intent: 0,
  lastGeneration: 0,
  epoch: 0,
  lastSeq: 0,
  capabilities: 0,
  agent: 'example/1.0',
};
const SEND: NamedBody = {
  target: 'bob',
  targetType: 0,
  clientMsgId: 'c1',
  flags: 0,
  payload: Buffer.from('hi'),
};
const CONNACK: NamedBody = {
  version: 1,
  generation: 3,
  epoch: 1,
  head: 12,
  floor: 1,
  cursor: 10,
  heartbeatMs: 60_000,
  windowMessages: 64,
  windowBytes: 262_144,
  bodyBytesMax: 65_536,
  ackTimeoutMs: 5_000,
  serverTimeMs: TIME_MS,
  ticket: '',
};
const SENDACK: NamedBody = {
  messageId: MESSAGE_ID,
  serverTimeMs: TIME_MS,
  dup: false,
  durability: 3,
  replicas: 0,
  ownEpoch: 1,
  ownSeq: 13,
};
const MESSAGE: NamedBody = {
  epoch: 1,
  seq: 13,
  messageId: MESSAGE_ID,
  timeMs: TIME_MS,
  kind: 0,
  from: 'alice',
  to: 'bob',
  clientMsgId: '',
  payload: Buffer.from('hi'),
};

const client: readonly ValidVector[] = [
  valid('connect with a token and no state', 'CONNECT', 1, CONNECT),
  valid('connect resumes with state', 'CONNECT', 1, {
    ...CONNECT,
    intent: 1,
    lastGeneration: 3,
    epoch: 1,
    lastSeq: 12,
  }),
  valid('connect with a ticket to send only', 'CONNECT', 0xffff_ffff, {
    ...CONNECT,
    credentialType: 1,
    capabilities: 1,
  }),
  valid('connect with the largest of everything', 'CONNECT', 1, {
    version: 255,
    app: LONG_ID,
    uid: LONG_ID,
    credentialType: 255,
    credential: 't'.repeat(3072),
    deviceType: LONG_ID,
    deviceId: LONG_ID,
    intent: 255,
    lastGeneration: U53,
    epoch: 0xffff_ffff,
    lastSeq: U53,
    capabilities: 0xffff_ffff,
    agent: LONG_ID,
  }),
  valid('connect with empty strings', 'CONNECT', 1, {
    ...CONNECT,
    app: '',
    uid: '',
    credential: '',
    deviceType: '',
    deviceId: '',
    agent: '',
  }),
  valid('ping', 'PING', 2, {}),
  valid('ping with requestId 0', 'PING', 0, {}),
  valid('ack', 'ACK', 0, { epoch: 1, seq: 13 }),
  ...[0, 127, 128, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, 2 ** 52, U53].map((seq) =>
    valid(`ack of seq ${seq}`, 'ACK', 0, { epoch: Math.min(seq, 0xffff_ffff), seq }, 'S-BODY-3', 'S-BODY-4'),
  ),
  valid('disconnect', 'DISCONNECT', 0, { reason: 1 }),
  valid('disconnect with reason 255', 'DISCONNECT', 0, { reason: 255 }),
  valid('sync', 'SYNC', 8, { epoch: 1, after: 10, limit: 50 }),
  valid('sync from the start', 'SYNC', 8, { epoch: 0, after: 0, limit: 1 }),
  valid('sync with the largest values', 'SYNC', 8, { epoch: 0xffff_ffff, after: U53, limit: 65_535 }),
  valid('send', 'SEND', 7, SEND),
  valid('send with RESTART', 'SEND', 7, { ...SEND, flags: 1 }, 'S-SEND-7'),
  valid('send with ids of 64 bytes', 'SEND', 7, { ...SEND, target: LONG_ID, clientMsgId: LONG_UNICODE }),
  valid('send with multi-byte UTF-8', 'SEND', 7, { ...SEND, clientMsgId: 'é-漢-😀' }, 'S-BODY-6'),
  valid('send with empty strings', 'SEND', 7, { ...SEND, target: '', clientMsgId: '' }),
  valid('send with a target of 65 bytes', 'SEND', 7, { ...SEND, target: 'b'.repeat(65) }, 'S-SEND-2'),
  valid('send with a target that is no identifier', 'SEND', 7, { ...SEND, target: 'no such\u0000/user é' }, 'S-SEND-2'),
  ...[31, 32, 255, 256, 16_384].map((length) =>
    valid(`send with a target of ${length} bytes`, 'SEND', 7, { ...SEND, target: 'b'.repeat(length) }, 'S-BODY-5'),
  ),
  ...[0, 1, 255, 256, 61_440].map((length) =>
    valid(`send with a payload of ${length} bytes`, 'SEND', 7, { ...SEND, payload: bytes(length) }, 'S-BODY-7'),
  ),
  valid('send with a payload that is not UTF-8', 'SEND', 7, { ...SEND, payload: Buffer.from('ff00c1fe80', 'hex') }),
];

const server: readonly ValidVector[] = [
  valid('connack', 'CONNACK', 1, CONNACK),
  valid('connack of a new user, with a ticket', 'CONNACK', 1, {
    ...CONNACK,
    head: 0,
    cursor: 0,
    ticket: 'x'.repeat(43),
  }),
  valid('connack with the largest of everything', 'CONNACK', 0xffff_ffff, {
    version: 255,
    generation: U53,
    epoch: 0xffff_ffff,
    head: U53,
    floor: U53,
    cursor: U53,
    heartbeatMs: 0xffff_ffff,
    windowMessages: 0xffff,
    windowBytes: 0xffff_ffff,
    bodyBytesMax: 0xffff_ffff,
    ackTimeoutMs: 0xffff_ffff,
    serverTimeMs: U53,
    ticket: 't'.repeat(3072),
  }),
  valid('pong', 'PONG', 2, { epoch: 1, head: 13, known: true }),
  valid('pong while the owner is away', 'PONG', 2, { epoch: 0, head: 0, known: false }),
  valid('sendack', 'SENDACK', 7, SENDACK),
  valid('sendack of a repeat', 'SENDACK', 7, { ...SENDACK, dup: true }),
  valid('sendack without own seq', 'SENDACK', 7, { ...SENDACK, durability: 1, ownEpoch: 0, ownSeq: 0 }),
  valid('sendack with the largest values', 'SENDACK', 7, {
    messageId: U53,
    serverTimeMs: U53,
    dup: true,
    durability: 255,
    replicas: 255,
    ownEpoch: 0xffff_ffff,
    ownSeq: U53,
  }),
  valid('message', 'MESSAGE', 0, MESSAGE),
  valid('message: copy of one’s own', 'MESSAGE', 0, { ...MESSAGE, clientMsgId: 'c1' }),
  valid('message from the business', 'MESSAGE', 0, { ...MESSAGE, kind: 1, from: 'system' }),
  valid('message with an unknown kind', 'MESSAGE', 0, { ...MESSAGE, kind: 200 }, 'S-GROW-3'),
  valid('message with empty strings and payload', 'MESSAGE', 0, { ...MESSAGE, from: '', to: '', payload: bytes(0) }),
  ...[1, 255, 256, 61_440, 65_535, 65_536].map((length) =>
    valid(`message with a payload of ${length} bytes`, 'MESSAGE', 0, { ...MESSAGE, payload: bytes(length) }),
  ),
  valid('page of one', 'SYNCACK', 8, { epoch: 1, head: 13, floor: 1, messages: [MESSAGE] }),
  valid('empty page', 'SYNCACK', 8, { epoch: 1, head: 13, floor: 1, messages: [] }),
  valid('page of 200', 'SYNCACK', 8, {
    epoch: 1,
    head: 300,
    floor: 1,
    messages: Array.from({ length: 200 }, (_, index) => ({ ...MESSAGE, seq: 1 + index, payload: bytes(index % 3) })),
  }),
  valid('notify', 'NOTIFY', 0, { epoch: 1, head: 90 }),
  valid('notify with the largest values', 'NOTIFY', 0, { epoch: 0xffff_ffff, head: U53 }),
  valid('kick by another device', 'KICK', 0, { reason: 170, deviceType: 'phone' }),
  valid('kick by an administrator', 'KICK', 0, { reason: 171, deviceType: '' }),
  valid('goaway', 'GOAWAY', 0, { retryAfterMs: 5_000, alternatives: ['gate2.example.org:7400', '[2001:db8::1]:7400'] }),
  valid('goaway without alternatives', 'GOAWAY', 0, { retryAfterMs: 0, alternatives: [] }),
  valid('close', 'CLOSE', 0, { reason: 3, retryAfterMs: 0, detail: '' }),
  valid('close that makes the client wait', 'CLOSE', 0, { reason: 50, retryAfterMs: 12_345, detail: 'busy' }),
  valid(
    'close with an unknown reason',
    'CLOSE',
    0,
    { reason: 199, retryAfterMs: 0, detail: 'später' },
    'S-RECONNECT-2',
  ),
  valid('error', 'ERROR', 7, { code: 100, retryAfterMs: 0, detail: 'target' }),
  valid('error that may be retried', 'ERROR', 7, { code: 1, retryAfterMs: 0xffff_ffff, detail: '' }),
  valid('resync', 'RESYNC', 8, { epoch: 2, floor: 1, head: 13 }),
  valid('resync unasked', 'RESYNC', 0, { epoch: 2, floor: 5, head: 4 }),
  valid('gap', 'GAP', 8, { epoch: 1, floor: 1001, head: 2000 }),
];

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

export const VALID_VECTORS: readonly ValidVector[] = [...client, ...server, ...notShortest, ...trailing];

/** The vector that stands for its command in the specification. */
export function exampleOf(command: string): ValidVector {
  const vector = VALID_VECTORS.find((item) => item.command === command);
  if (vector === undefined) throw new Error(`no vector of ${command}`);
  return vector;
}
