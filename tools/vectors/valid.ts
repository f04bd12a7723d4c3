/**
 * Frames that every implementation must read, with the bytes that they must be written as: `valid(…)` takes a body and
 * lets the codec write them.
 */
import { ACCEPTED_VECTORS } from './accepted.ts';
import { CONNACK, CONNECT, LONG_ID, LONG_UNICODE, MESSAGE, SEND, SENDACK, U53, type ValidVector } from './bodies.ts';
import { type NamedBody, writeFrame } from './codec.ts';
import { formatFrame } from './hex.ts';

function valid(name: string, command: string, requestId: number, body: NamedBody, ...shows: string[]): ValidVector {
  const hex = formatFrame(writeFrame(command, requestId, body));
  return { name, command, requestId, body, hex, canonical: true, shows };
}

const bytes = (length: number, value = 0x5a): Uint8Array => new Uint8Array(length).fill(value);

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
  valid('reauth', 'REAUTH', 9, { credential: 'header.claims.signature' }, 'S-REAUTH-1'),
  valid('reauth with the longest token', 'REAUTH', 9, { credential: 't'.repeat(3072) }),
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
    sessionExpiresAtMs: 0,
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
    sessionExpiresAtMs: U53,
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
  valid('reauthack', 'REAUTHACK', 9, { sessionExpiresAtMs: 1_767_398_400_000 }),
  valid('reauthack of a session without an age', 'REAUTHACK', 9, { sessionExpiresAtMs: 0 }),
];

export const VALID_VECTORS: readonly ValidVector[] = [...client, ...server, ...ACCEPTED_VECTORS];

/** The vector that stands for its command in the specification. */
export function exampleOf(command: string): ValidVector {
  const vector = VALID_VECTORS.find((item) => item.command === command);
  if (vector === undefined) throw new Error(`no vector of ${command}`);
  return vector;
}
