// Generated from protocol-spec/protocol.json by tools/generate-protocol.ts. Do not edit.

import { MessagePackReader } from '../message-pack-reader.ts';
import type { MessagePackWriter } from '../message-pack-writer.ts';
import { INTEGER_MAX } from './protocol.ts';

const reader = new MessagePackReader();

/** The length of the body array; a shorter one than `fields` fails. */
function readLength(reader: MessagePackReader, fields: number): number {
  const length = reader.arrayHeader();
  if (length < fields) reader.failed = true;
  return length;
}

function readStrings(reader: MessagePackReader): string[] {
  return readArray(reader, (from) => from.str());
}

function readArray<T>(reader: MessagePackReader, readElement: (reader: MessagePackReader) => T): T[] {
  const elements: T[] = [];
  const length = reader.arrayHeader();
  for (let i = 0; i < length && !reader.failed; i++) elements.push(readElement(reader));
  return elements;
}

/** CONNECT: Logs in. The first frame of a connection, alone. */
export interface ConnectBody {
  /** Protocol version the client speaks: 1. */
  readonly version: number;
  /** App id; must match the credential. */
  readonly app: string;
  /** User; must match the credential. */
  readonly uid: string;
  /** See CredentialType. */
  readonly credentialType: number;
  /** Token or ticket. */
  readonly credential: string;
  /** Kind of device; the session policy works on it. */
  readonly deviceType: string;
  /** Names this installation; cursors are kept for each. */
  readonly deviceId: string;
  /** See Intent. */
  readonly intent: number;
  /** Generation of the last CONNACK; 0 when there is none. */
  readonly lastGeneration: number;
  /** Epoch that lastSeq belongs to; 0 when the client keeps no state. */
  readonly epoch: number;
  /** Largest contiguous seq the client holds; everything up to it counts as delivered. */
  readonly lastSeq: number;
  /** Bits; see the capability table. Unknown bits are ignored. */
  readonly capabilities: number;
  /** Name and version of the client program, for logs; may be empty. */
  readonly agent: string;
}

export function writeConnectBody(writer: MessagePackWriter, body: ConnectBody): void {
  writer.arrayHeader(13);
  writer.uint(body.version);
  writer.str(body.app);
  writer.str(body.uid);
  writer.uint(body.credentialType);
  writer.str(body.credential);
  writer.str(body.deviceType);
  writer.str(body.deviceId);
  writer.uint(body.intent);
  writer.uint(body.lastGeneration);
  writer.uint(body.epoch);
  writer.uint(body.lastSeq);
  writer.uint(body.capabilities);
  writer.str(body.agent);
}

/** Writes a whole CONNECT frame. */
export function writeConnect(writer: MessagePackWriter, requestId: number, body: ConnectBody): void {
  const start = writer.beginFrame(1, requestId);
  writeConnectBody(writer, body);
  writer.endFrame(start);
}

function readConnectFields(reader: MessagePackReader): ConnectBody {
  const length = readLength(reader, 13);
  const version = reader.uint(0xff);
  const app = reader.str();
  const uid = reader.str();
  const credentialType = reader.uint(0xff);
  const credential = reader.str();
  const deviceType = reader.str();
  const deviceId = reader.str();
  const intent = reader.uint(0xff);
  const lastGeneration = reader.uint(INTEGER_MAX);
  const epoch = reader.uint(0xffffffff);
  const lastSeq = reader.uint(INTEGER_MAX);
  const capabilities = reader.uint(0xffffffff);
  const agent = reader.str();
  reader.skip(length - 13, 14);
  return { version, app, uid, credentialType, credential, deviceType, deviceId, intent, lastGeneration, epoch, lastSeq, capabilities, agent };
}

/** Undefined when `bytes[start, end)` is not a body of CONNECT. Binaries are views. */
export function readConnect(bytes: Buffer, start: number, end: number): ConnectBody | undefined {
  const body = readConnectFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** PING: Keeps the connection alive and asks for the head. */
export type PingBody = Readonly<Record<never, never>>;

export function writePingBody(writer: MessagePackWriter, _body: PingBody): void {
  writer.arrayHeader(0);
}

/** Writes a whole PING frame. */
export function writePing(writer: MessagePackWriter, requestId: number, body: PingBody): void {
  const start = writer.beginFrame(2, requestId);
  writePingBody(writer, body);
  writer.endFrame(start);
}

function readPingFields(reader: MessagePackReader): PingBody {
  const length = readLength(reader, 0);
  reader.skip(length - 0, 1);
  return {};
}

/** Undefined when `bytes[start, end)` is not a body of PING. Binaries are views. */
export function readPing(bytes: Buffer, start: number, end: number): PingBody | undefined {
  const body = readPingFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** ACK: Everything up to seq has been taken by the application. */
export interface AckBody {
  /** Epoch of seq; an ACK of another epoch is ignored. */
  readonly epoch: number;
  /** Largest contiguous seq; cumulative. */
  readonly seq: number;
}

export function writeAckBody(writer: MessagePackWriter, body: AckBody): void {
  writer.arrayHeader(2);
  writer.uint(body.epoch);
  writer.uint(body.seq);
}

/** Writes a whole ACK frame. */
export function writeAck(writer: MessagePackWriter, requestId: number, body: AckBody): void {
  const start = writer.beginFrame(3, requestId);
  writeAckBody(writer, body);
  writer.endFrame(start);
}

function readAckFields(reader: MessagePackReader): AckBody {
  const length = readLength(reader, 2);
  const epoch = reader.uint(0xffffffff);
  const seq = reader.uint(INTEGER_MAX);
  reader.skip(length - 2, 3);
  return { epoch, seq };
}

/** Undefined when `bytes[start, end)` is not a body of ACK. Binaries are views. */
export function readAck(bytes: Buffer, start: number, end: number): AckBody | undefined {
  const body = readAckFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** DISCONNECT: The client leaves on purpose; the server closes. */
export interface DisconnectBody {
  /** A close reason; NORMAL as a rule. */
  readonly reason: number;
}

export function writeDisconnectBody(writer: MessagePackWriter, body: DisconnectBody): void {
  writer.arrayHeader(1);
  writer.uint(body.reason);
}

/** Writes a whole DISCONNECT frame. */
export function writeDisconnect(writer: MessagePackWriter, requestId: number, body: DisconnectBody): void {
  const start = writer.beginFrame(4, requestId);
  writeDisconnectBody(writer, body);
  writer.endFrame(start);
}

function readDisconnectFields(reader: MessagePackReader): DisconnectBody {
  const length = readLength(reader, 1);
  const reason = reader.uint(0xff);
  reader.skip(length - 1, 2);
  return { reason };
}

/** Undefined when `bytes[start, end)` is not a body of DISCONNECT. Binaries are views. */
export function readDisconnect(bytes: Buffer, start: number, end: number): DisconnectBody | undefined {
  const body = readDisconnectFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** SYNC: Asks for the messages after a seq; the pull acknowledges everything up to it. */
export interface SyncBody {
  /** Epoch of after. */
  readonly epoch: number;
  /** Largest contiguous seq held, 0 for none. */
  readonly after: number;
  /** Most messages wanted, 1 to SYNC_LIMIT_MAX; the server may answer with fewer. */
  readonly limit: number;
}

export function writeSyncBody(writer: MessagePackWriter, body: SyncBody): void {
  writer.arrayHeader(3);
  writer.uint(body.epoch);
  writer.uint(body.after);
  writer.uint(body.limit);
}

/** Writes a whole SYNC frame. */
export function writeSync(writer: MessagePackWriter, requestId: number, body: SyncBody): void {
  const start = writer.beginFrame(64, requestId);
  writeSyncBody(writer, body);
  writer.endFrame(start);
}

function readSyncFields(reader: MessagePackReader): SyncBody {
  const length = readLength(reader, 3);
  const epoch = reader.uint(0xffffffff);
  const after = reader.uint(INTEGER_MAX);
  const limit = reader.uint(0xffff);
  reader.skip(length - 3, 4);
  return { epoch, after, limit };
}

/** Undefined when `bytes[start, end)` is not a body of SYNC. Binaries are views. */
export function readSync(bytes: Buffer, start: number, end: number): SyncBody | undefined {
  const body = readSyncFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** REAUTH: Presents a new token, so that the session goes on after its age. */
export interface ReauthBody {
  /** A token; never a ticket. */
  readonly credential: string;
}

export function writeReauthBody(writer: MessagePackWriter, body: ReauthBody): void {
  writer.arrayHeader(1);
  writer.str(body.credential);
}

/** Writes a whole REAUTH frame. */
export function writeReauth(writer: MessagePackWriter, requestId: number, body: ReauthBody): void {
  const start = writer.beginFrame(65, requestId);
  writeReauthBody(writer, body);
  writer.endFrame(start);
}

function readReauthFields(reader: MessagePackReader): ReauthBody {
  const length = readLength(reader, 1);
  const credential = reader.str();
  reader.skip(length - 1, 2);
  return { credential };
}

/** Undefined when `bytes[start, end)` is not a body of REAUTH. Binaries are views. */
export function readReauth(bytes: Buffer, start: number, end: number): ReauthBody | undefined {
  const body = readReauthFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** SEND: Sends one message. */
export interface SendBody {
  /** Who gets it: a uid. */
  readonly target: string;
  /** See TargetType. */
  readonly targetType: number;
  /** The sender's idempotency key: 1 to CLIENT_MSG_ID_BYTES_MAX bytes, the same in every retry. */
  readonly clientMsgId: string;
  /** See SendFlag; unknown bits are ignored. */
  readonly flags: number;
  /** Opaque; at most PAYLOAD_BYTES_MAX. */
  readonly payload: Uint8Array;
}

export function writeSendBody(writer: MessagePackWriter, body: SendBody): void {
  writer.arrayHeader(5);
  writer.str(body.target);
  writer.uint(body.targetType);
  writer.str(body.clientMsgId);
  writer.uint(body.flags);
  writer.bin(body.payload);
}

/** Writes a whole SEND frame. */
export function writeSend(writer: MessagePackWriter, requestId: number, body: SendBody): void {
  const start = writer.beginFrame(128, requestId);
  writeSendBody(writer, body);
  writer.endFrame(start);
}

function readSendFields(reader: MessagePackReader): SendBody {
  const length = readLength(reader, 5);
  const target = reader.str();
  const targetType = reader.uint(0xff);
  const clientMsgId = reader.str();
  const flags = reader.uint(0xff);
  const payload = reader.bin();
  reader.skip(length - 5, 6);
  return { target, targetType, clientMsgId, flags, payload };
}

/** Undefined when `bytes[start, end)` is not a body of SEND. Binaries are views. */
export function readSend(bytes: Buffer, start: number, end: number): SendBody | undefined {
  const body = readSendFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** CONNACK: The login succeeded. */
export interface ConnackBody {
  /** Protocol version spoken on this connection. */
  readonly version: number;
  /** Login generation; present it as lastGeneration next time. */
  readonly generation: number;
  /** Epoch of the timeline. */
  readonly epoch: number;
  /** Largest seq of the timeline. */
  readonly head: number;
  /** Smallest seq that can still be read. */
  readonly floor: number;
  /** Everything up to it counts as delivered to this device: where a client without state of its own starts. */
  readonly cursor: number;
  /** Send at least one frame in this time; the server closes at 1.5 times it. */
  readonly heartbeatMs: number;
  /** Most unacknowledged messages the server pushes. */
  readonly windowMessages: number;
  /** Most unacknowledged bytes the server pushes. */
  readonly windowBytes: number;
  /** Largest body the client may send from now on. */
  readonly bodyBytesMax: number;
  /** A push must be acknowledged within this time. */
  readonly ackTimeoutMs: number;
  /** Unix time in milliseconds. */
  readonly serverTimeMs: number;
  /** Credential for the next login; empty when the server gives none. */
  readonly ticket: string;
  /** Unix time at which the server ends the session unless REAUTH comes before; 0 for never. */
  readonly sessionExpiresAtMs: number;
}

export function writeConnackBody(writer: MessagePackWriter, body: ConnackBody): void {
  writer.arrayHeader(14);
  writer.uint(body.version);
  writer.uint(body.generation);
  writer.uint(body.epoch);
  writer.uint(body.head);
  writer.uint(body.floor);
  writer.uint(body.cursor);
  writer.uint(body.heartbeatMs);
  writer.uint(body.windowMessages);
  writer.uint(body.windowBytes);
  writer.uint(body.bodyBytesMax);
  writer.uint(body.ackTimeoutMs);
  writer.uint(body.serverTimeMs);
  writer.str(body.ticket);
  writer.uint(body.sessionExpiresAtMs);
}

/** Writes a whole CONNACK frame. */
export function writeConnack(writer: MessagePackWriter, requestId: number, body: ConnackBody): void {
  const start = writer.beginFrame(193, requestId);
  writeConnackBody(writer, body);
  writer.endFrame(start);
}

function readConnackFields(reader: MessagePackReader): ConnackBody {
  const length = readLength(reader, 14);
  const version = reader.uint(0xff);
  const generation = reader.uint(INTEGER_MAX);
  const epoch = reader.uint(0xffffffff);
  const head = reader.uint(INTEGER_MAX);
  const floor = reader.uint(INTEGER_MAX);
  const cursor = reader.uint(INTEGER_MAX);
  const heartbeatMs = reader.uint(0xffffffff);
  const windowMessages = reader.uint(0xffff);
  const windowBytes = reader.uint(0xffffffff);
  const bodyBytesMax = reader.uint(0xffffffff);
  const ackTimeoutMs = reader.uint(0xffffffff);
  const serverTimeMs = reader.uint(INTEGER_MAX);
  const ticket = reader.str();
  const sessionExpiresAtMs = reader.uint(INTEGER_MAX);
  reader.skip(length - 14, 15);
  return { version, generation, epoch, head, floor, cursor, heartbeatMs, windowMessages, windowBytes, bodyBytesMax, ackTimeoutMs, serverTimeMs, ticket, sessionExpiresAtMs };
}

/** Undefined when `bytes[start, end)` is not a body of CONNACK. Binaries are views. */
export function readConnack(bytes: Buffer, start: number, end: number): ConnackBody | undefined {
  const body = readConnackFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** PONG: Answers PING. */
export interface PongBody {
  /** Epoch of head. */
  readonly epoch: number;
  /** Largest seq the gate knows of. */
  readonly head: number;
  /** False while the owner of the timeline is away and head may be old. */
  readonly known: boolean;
}

export function writePongBody(writer: MessagePackWriter, body: PongBody): void {
  writer.arrayHeader(3);
  writer.uint(body.epoch);
  writer.uint(body.head);
  writer.bool(body.known);
}

/** Writes a whole PONG frame. */
export function writePong(writer: MessagePackWriter, requestId: number, body: PongBody): void {
  const start = writer.beginFrame(194, requestId);
  writePongBody(writer, body);
  writer.endFrame(start);
}

function readPongFields(reader: MessagePackReader): PongBody {
  const length = readLength(reader, 3);
  const epoch = reader.uint(0xffffffff);
  const head = reader.uint(INTEGER_MAX);
  const known = reader.bool();
  reader.skip(length - 3, 4);
  return { epoch, head, known };
}

/** Undefined when `bytes[start, end)` is not a body of PONG. Binaries are views. */
export function readPong(bytes: Buffer, start: number, end: number): PongBody | undefined {
  const body = readPongFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** SENDACK: The message is stored at the named level. */
export interface SendackBody {
  /** Names the message for ever. */
  readonly messageId: number;
  /** When it was first stored, unix milliseconds. */
  readonly serverTimeMs: number;
  /** True when this clientMsgId had been stored before. */
  readonly dup: boolean;
  /** See Durability. */
  readonly durability: number;
  /** Replicas that confirmed it. */
  readonly replicas: number;
  /** Epoch of ownSeq. */
  readonly ownEpoch: number;
  /** Place of the sender's copy in the sender's own timeline, held by the client from now on; 0 when there is none or it is not known. */
  readonly ownSeq: number;
}

export function writeSendackBody(writer: MessagePackWriter, body: SendackBody): void {
  writer.arrayHeader(7);
  writer.uint(body.messageId);
  writer.uint(body.serverTimeMs);
  writer.bool(body.dup);
  writer.uint(body.durability);
  writer.uint(body.replicas);
  writer.uint(body.ownEpoch);
  writer.uint(body.ownSeq);
}

/** Writes a whole SENDACK frame. */
export function writeSendack(writer: MessagePackWriter, requestId: number, body: SendackBody): void {
  const start = writer.beginFrame(195, requestId);
  writeSendackBody(writer, body);
  writer.endFrame(start);
}

function readSendackFields(reader: MessagePackReader): SendackBody {
  const length = readLength(reader, 7);
  const messageId = reader.uint(INTEGER_MAX);
  const serverTimeMs = reader.uint(INTEGER_MAX);
  const dup = reader.bool();
  const durability = reader.uint(0xff);
  const replicas = reader.uint(0xff);
  const ownEpoch = reader.uint(0xffffffff);
  const ownSeq = reader.uint(INTEGER_MAX);
  reader.skip(length - 7, 8);
  return { messageId, serverTimeMs, dup, durability, replicas, ownEpoch, ownSeq };
}

/** Undefined when `bytes[start, end)` is not a body of SENDACK. Binaries are views. */
export function readSendack(bytes: Buffer, start: number, end: number): SendackBody | undefined {
  const body = readSendackFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** MESSAGE: Pushes one message. */
export interface MessageBody {
  /** Epoch of seq. */
  readonly epoch: number;
  /** Place in the receiver's timeline. */
  readonly seq: number;
  /** Names the message for ever. */
  readonly messageId: number;
  /** When it was stored, unix milliseconds. */
  readonly timeMs: number;
  /** See MessageKind. */
  readonly kind: number;
  /** The sender, as the server knows it. */
  readonly from: string;
  /** The target. Differs from the receiver's uid in copies of one's own messages. */
  readonly to: string;
  /** The sender's key in copies of one's own messages; empty otherwise. */
  readonly clientMsgId: string;
  /** Opaque. */
  readonly payload: Uint8Array;
}

export function writeMessageBody(writer: MessagePackWriter, body: MessageBody): void {
  writer.arrayHeader(9);
  writer.uint(body.epoch);
  writer.uint(body.seq);
  writer.uint(body.messageId);
  writer.uint(body.timeMs);
  writer.uint(body.kind);
  writer.str(body.from);
  writer.str(body.to);
  writer.str(body.clientMsgId);
  writer.bin(body.payload);
}

/** Writes a whole MESSAGE frame. */
export function writeMessage(writer: MessagePackWriter, requestId: number, body: MessageBody): void {
  const start = writer.beginFrame(196, requestId);
  writeMessageBody(writer, body);
  writer.endFrame(start);
}

function readMessageFields(reader: MessagePackReader): MessageBody {
  const length = readLength(reader, 9);
  const epoch = reader.uint(0xffffffff);
  const seq = reader.uint(INTEGER_MAX);
  const messageId = reader.uint(INTEGER_MAX);
  const timeMs = reader.uint(INTEGER_MAX);
  const kind = reader.uint(0xff);
  const from = reader.str();
  const to = reader.str();
  const clientMsgId = reader.str();
  const payload = reader.bin();
  reader.skip(length - 9, 10);
  return { epoch, seq, messageId, timeMs, kind, from, to, clientMsgId, payload };
}

/** Undefined when `bytes[start, end)` is not a body of MESSAGE. Binaries are views. */
export function readMessage(bytes: Buffer, start: number, end: number): MessageBody | undefined {
  const body = readMessageFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** SYNCACK: One page of the timeline; an empty page is the end. */
export interface SyncackBody {
  /** Epoch of the seqs. */
  readonly epoch: number;
  /** Largest seq of the timeline. */
  readonly head: number;
  /** Smallest seq that can still be read. */
  readonly floor: number;
  /** Bodies of MESSAGE, contiguous, from after + 1 on. */
  readonly messages: readonly MessageBody[];
}

export function writeSyncackBody(writer: MessagePackWriter, body: SyncackBody): void {
  writer.arrayHeader(4);
  writer.uint(body.epoch);
  writer.uint(body.head);
  writer.uint(body.floor);
  writer.arrayHeader(body.messages.length);
  for (const element of body.messages) writeMessageBody(writer, element);
}

/** Writes a whole SYNCACK frame. */
export function writeSyncack(writer: MessagePackWriter, requestId: number, body: SyncackBody): void {
  const start = writer.beginFrame(197, requestId);
  writeSyncackBody(writer, body);
  writer.endFrame(start);
}

function readSyncackFields(reader: MessagePackReader): SyncackBody {
  const length = readLength(reader, 4);
  const epoch = reader.uint(0xffffffff);
  const head = reader.uint(INTEGER_MAX);
  const floor = reader.uint(INTEGER_MAX);
  const messages = readArray(reader, readMessageFields);
  reader.skip(length - 4, 5);
  return { epoch, head, floor, messages };
}

/** Undefined when `bytes[start, end)` is not a body of SYNCACK. Binaries are views. */
export function readSyncack(bytes: Buffer, start: number, end: number): SyncackBody | undefined {
  const body = readSyncackFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** NOTIFY: There is more up to head; pull it with SYNC. */
export interface NotifyBody {
  /** Epoch of head. */
  readonly epoch: number;
  /** Largest seq. */
  readonly head: number;
}

export function writeNotifyBody(writer: MessagePackWriter, body: NotifyBody): void {
  writer.arrayHeader(2);
  writer.uint(body.epoch);
  writer.uint(body.head);
}

/** Writes a whole NOTIFY frame. */
export function writeNotify(writer: MessagePackWriter, requestId: number, body: NotifyBody): void {
  const start = writer.beginFrame(198, requestId);
  writeNotifyBody(writer, body);
  writer.endFrame(start);
}

function readNotifyFields(reader: MessagePackReader): NotifyBody {
  const length = readLength(reader, 2);
  const epoch = reader.uint(0xffffffff);
  const head = reader.uint(INTEGER_MAX);
  reader.skip(length - 2, 3);
  return { epoch, head };
}

/** Undefined when `bytes[start, end)` is not a body of NOTIFY. Binaries are views. */
export function readNotify(bytes: Buffer, start: number, end: number): NotifyBody | undefined {
  const body = readNotifyFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** KICK: This session has ended for good; a CLOSE with the same reason follows. */
export interface KickBody {
  /** A close reason. */
  readonly reason: number;
  /** Type of the device that took over; empty when an administrator did it. */
  readonly deviceType: string;
}

export function writeKickBody(writer: MessagePackWriter, body: KickBody): void {
  writer.arrayHeader(2);
  writer.uint(body.reason);
  writer.str(body.deviceType);
}

/** Writes a whole KICK frame. */
export function writeKick(writer: MessagePackWriter, requestId: number, body: KickBody): void {
  const start = writer.beginFrame(199, requestId);
  writeKickBody(writer, body);
  writer.endFrame(start);
}

function readKickFields(reader: MessagePackReader): KickBody {
  const length = readLength(reader, 2);
  const reason = reader.uint(0xff);
  const deviceType = reader.str();
  reader.skip(length - 2, 3);
  return { reason, deviceType };
}

/** Undefined when `bytes[start, end)` is not a body of KICK. Binaries are views. */
export function readKick(bytes: Buffer, start: number, end: number): KickBody | undefined {
  const body = readKickFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** GOAWAY: The server is about to leave: reconnect elsewhere after a random part of retryAfterMs. */
export interface GoawayBody {
  /** Spread the reconnect over this time. */
  readonly retryAfterMs: number;
  /** host:port of other gates; may be empty. */
  readonly alternatives: readonly string[];
}

export function writeGoawayBody(writer: MessagePackWriter, body: GoawayBody): void {
  writer.arrayHeader(2);
  writer.uint(body.retryAfterMs);
  writer.arrayHeader(body.alternatives.length);
  for (const element of body.alternatives) writer.str(element);
}

/** Writes a whole GOAWAY frame. */
export function writeGoaway(writer: MessagePackWriter, requestId: number, body: GoawayBody): void {
  const start = writer.beginFrame(200, requestId);
  writeGoawayBody(writer, body);
  writer.endFrame(start);
}

function readGoawayFields(reader: MessagePackReader): GoawayBody {
  const length = readLength(reader, 2);
  const retryAfterMs = reader.uint(0xffffffff);
  const alternatives = readStrings(reader);
  reader.skip(length - 2, 3);
  return { retryAfterMs, alternatives };
}

/** Undefined when `bytes[start, end)` is not a body of GOAWAY. Binaries are views. */
export function readGoaway(bytes: Buffer, start: number, end: number): GoawayBody | undefined {
  const body = readGoawayFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** CLOSE: Why the connection ends; the last frame. */
export interface CloseBody {
  /** A close reason. */
  readonly reason: number;
  /** Wait at least this long before the next try; 0 when the reason's range decides. */
  readonly retryAfterMs: number;
  /** For people; may be empty. */
  readonly detail: string;
}

export function writeCloseBody(writer: MessagePackWriter, body: CloseBody): void {
  writer.arrayHeader(3);
  writer.uint(body.reason);
  writer.uint(body.retryAfterMs);
  writer.str(body.detail);
}

/** Writes a whole CLOSE frame. */
export function writeClose(writer: MessagePackWriter, requestId: number, body: CloseBody): void {
  const start = writer.beginFrame(201, requestId);
  writeCloseBody(writer, body);
  writer.endFrame(start);
}

function readCloseFields(reader: MessagePackReader): CloseBody {
  const length = readLength(reader, 3);
  const reason = reader.uint(0xff);
  const retryAfterMs = reader.uint(0xffffffff);
  const detail = reader.str();
  reader.skip(length - 3, 4);
  return { reason, retryAfterMs, detail };
}

/** Undefined when `bytes[start, end)` is not a body of CLOSE. Binaries are views. */
export function readClose(bytes: Buffer, start: number, end: number): CloseBody | undefined {
  const body = readCloseFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** ERROR: The request with this requestId was refused. */
export interface ErrorBody {
  /** An error code. */
  readonly code: number;
  /** Wait at least this long before a retry. */
  readonly retryAfterMs: number;
  /** For people; may be empty. */
  readonly detail: string;
}

export function writeErrorBody(writer: MessagePackWriter, body: ErrorBody): void {
  writer.arrayHeader(3);
  writer.uint(body.code);
  writer.uint(body.retryAfterMs);
  writer.str(body.detail);
}

/** Writes a whole ERROR frame. */
export function writeError(writer: MessagePackWriter, requestId: number, body: ErrorBody): void {
  const start = writer.beginFrame(202, requestId);
  writeErrorBody(writer, body);
  writer.endFrame(start);
}

function readErrorFields(reader: MessagePackReader): ErrorBody {
  const length = readLength(reader, 3);
  const code = reader.uint(0xff);
  const retryAfterMs = reader.uint(0xffffffff);
  const detail = reader.str();
  reader.skip(length - 3, 4);
  return { code, retryAfterMs, detail };
}

/** Undefined when `bytes[start, end)` is not a body of ERROR. Binaries are views. */
export function readError(bytes: Buffer, start: number, end: number): ErrorBody | undefined {
  const body = readErrorFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** RESYNC: The client's epoch or seq is not the server's: pull from floor in the new epoch and drop messageIds already known. Answers SYNC, or comes unasked. */
export interface ResyncBody {
  /** The epoch from now on. */
  readonly epoch: number;
  /** Smallest seq that can be read. */
  readonly floor: number;
  /** Largest seq. */
  readonly head: number;
}

export function writeResyncBody(writer: MessagePackWriter, body: ResyncBody): void {
  writer.arrayHeader(3);
  writer.uint(body.epoch);
  writer.uint(body.floor);
  writer.uint(body.head);
}

/** Writes a whole RESYNC frame. */
export function writeResync(writer: MessagePackWriter, requestId: number, body: ResyncBody): void {
  const start = writer.beginFrame(203, requestId);
  writeResyncBody(writer, body);
  writer.endFrame(start);
}

function readResyncFields(reader: MessagePackReader): ResyncBody {
  const length = readLength(reader, 3);
  const epoch = reader.uint(0xffffffff);
  const floor = reader.uint(INTEGER_MAX);
  const head = reader.uint(INTEGER_MAX);
  reader.skip(length - 3, 4);
  return { epoch, floor, head };
}

/** Undefined when `bytes[start, end)` is not a body of RESYNC. Binaries are views. */
export function readResync(bytes: Buffer, start: number, end: number): ResyncBody | undefined {
  const body = readResyncFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** GAP: Answers SYNC when messages after `after` have been trimmed: what is below floor is gone. */
export interface GapBody {
  /** Epoch of the seqs. */
  readonly epoch: number;
  /** Smallest seq that can be read; go on with SYNC{after: floor - 1}. */
  readonly floor: number;
  /** Largest seq. */
  readonly head: number;
}

export function writeGapBody(writer: MessagePackWriter, body: GapBody): void {
  writer.arrayHeader(3);
  writer.uint(body.epoch);
  writer.uint(body.floor);
  writer.uint(body.head);
}

/** Writes a whole GAP frame. */
export function writeGap(writer: MessagePackWriter, requestId: number, body: GapBody): void {
  const start = writer.beginFrame(204, requestId);
  writeGapBody(writer, body);
  writer.endFrame(start);
}

function readGapFields(reader: MessagePackReader): GapBody {
  const length = readLength(reader, 3);
  const epoch = reader.uint(0xffffffff);
  const floor = reader.uint(INTEGER_MAX);
  const head = reader.uint(INTEGER_MAX);
  reader.skip(length - 3, 4);
  return { epoch, floor, head };
}

/** Undefined when `bytes[start, end)` is not a body of GAP. Binaries are views. */
export function readGap(bytes: Buffer, start: number, end: number): GapBody | undefined {
  const body = readGapFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}

/** REAUTHACK: The session goes on. */
export interface ReauthackBody {
  /** As in CONNACK: the new time. */
  readonly sessionExpiresAtMs: number;
}

export function writeReauthackBody(writer: MessagePackWriter, body: ReauthackBody): void {
  writer.arrayHeader(1);
  writer.uint(body.sessionExpiresAtMs);
}

/** Writes a whole REAUTHACK frame. */
export function writeReauthack(writer: MessagePackWriter, requestId: number, body: ReauthackBody): void {
  const start = writer.beginFrame(205, requestId);
  writeReauthackBody(writer, body);
  writer.endFrame(start);
}

function readReauthackFields(reader: MessagePackReader): ReauthackBody {
  const length = readLength(reader, 1);
  const sessionExpiresAtMs = reader.uint(INTEGER_MAX);
  reader.skip(length - 1, 2);
  return { sessionExpiresAtMs };
}

/** Undefined when `bytes[start, end)` is not a body of REAUTHACK. Binaries are views. */
export function readReauthack(bytes: Buffer, start: number, end: number): ReauthackBody | undefined {
  const body = readReauthackFields(reader.reset(bytes, start, end));
  reader.finish();
  return reader.failed ? undefined : body;
}
