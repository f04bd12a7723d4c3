/**
 * The entries of a record: what a commit changed, as facts. Replaying them in order rebuilds the whole state.
 *
 *   User      number ↔ (app, uid). Users are named by dense numbers in all other entries; a number is never reused.
 *   Append    one message, stored once, with its place in the target's and, if there is a copy, the sender's timeline.
 *   Sessions  all of a user's devices and generations as they are after a login or revocation.
 *   Cursor    a device acknowledged.
 *   Timeline  head and floor of a user whose older entries are about to be deleted with their segment.
 *   Dedupe    a dedupe row whose message is about to be deleted with its segment.
 *
 * Text is at most 64 UTF-16 units, hence 192 bytes of UTF-8 (`entry-text.ts`).
 */
import type { AppId, ClientMsgId, DeviceId, Seq, Uid } from '../../model/ids.ts';
import { EncodedAppend, type MessagePlaces } from '../encoded-append.ts';
import type { SessionState } from '../session-rules.ts';
import type { AppendOperation } from '../store.ts';
import { TICKET_STATE_BYTES } from '../ticket-rules.ts';
import { RepeatedText, readText, writeText } from './entry-text.ts';
import { ENTRY_HEADER_BYTES, EntryType } from './format.ts';
import type { RecordBuilder } from './record-builder.ts';

export const TEXT_UNITS_MAX = 64;
const TEXT_BYTES_MAX = 3 * TEXT_UNITS_MAX + 1;
const APPEND_FIXED_BYTES = 64;
const SESSIONS_FIXED_BYTES = 28;
const DEVICE_FIXED_BYTES: number = 36 + TICKET_STATE_BYTES;

/** One Append entry; filled in and read field by field, reused for every message. */
export class AppendEntry {
  target = 0;
  sender = 0;
  partition = 0;
  seq = 0;
  /** 0: no copy for the sender. */
  senderSeq = 0;
  epoch = 0;
  senderEpoch = 0;
  messageId = 0;
  key0 = 0;
  key1 = 0;
  key2 = 0;
  bodyHash = 0;
  kind = 0;
  senderDevice: DeviceId = '' as DeviceId;
  clientMsgId: ClientMsgId = '' as ClientMsgId;
  payload: Uint8Array = new Uint8Array(0);
}

/** The text and payload of an entry. */
export type AppendContent = Pick<AppendOperation, 'clientMsgId' | 'payload'>;

/** Answers the log position of the block that holds the entry. `content` in the place of what `entry` has of it. */
export function encodeAppend(builder: RecordBuilder, entry: AppendEntry, content: AppendContent = entry): number {
  return content instanceof EncodedAppend && content.isAscii
    ? encodeBytes(builder, entry, content)
    : encodeText(builder, entry, content);
}

function encodeText(builder: RecordBuilder, entry: AppendEntry, { clientMsgId, payload }: AppendContent): number {
  const { senderDevice } = entry;
  const start = builder.openEntry(
    APPEND_FIXED_BYTES + 2 + 3 * (senderDevice.length + clientMsgId.length) + payload.length,
  );
  const { bytes, blockPosition } = builder;
  encodeAppendIndex(builder.view, start, entry, payload.length);
  const text = writeText(bytes, start + APPEND_FIXED_BYTES, clientMsgId);
  const body = writeText(bytes, text, senderDevice);
  bytes.set(payload, body);
  closeEntry(builder, start, EntryType.Append, entry.partition, body + payload.length);
  return blockPosition;
}

function encodeBytes(builder: RecordBuilder, entry: AppendEntry, places: MessagePlaces): number {
  const { senderDevice } = entry;
  const { chunk, idStart, idEnd, payloadStart, payloadEnd } = places;
  const idBytes = idEnd - idStart;
  const payloadBytes = payloadEnd - payloadStart;
  const start = builder.openEntry(APPEND_FIXED_BYTES + 2 + 3 * senderDevice.length + idBytes + payloadBytes);
  const { view, bytes, blockPosition } = builder;
  encodeAppendIndex(view, start, entry, payloadBytes);
  const text = start + APPEND_FIXED_BYTES;
  view.setUint8(text, idBytes);
  copyWords(chunk.view, idStart, idEnd, view, text + 1);
  const body = writeText(bytes, text + 1 + idBytes, senderDevice);
  chunk.bytes.copy(bytes, body, payloadStart, payloadEnd);
  closeEntry(builder, start, EntryType.Append, entry.partition, body + payloadBytes);
  return blockPosition;
}

function encodeAppendIndex(view: DataView, start: number, entry: AppendEntry, payloadBytes: number): void {
  view.setUint32(start + 8, entry.target, true);
  view.setUint32(start + 12, entry.sender, true);
  view.setUint32(start + 16, entry.seq, true);
  view.setUint32(start + 20, entry.senderSeq, true);
  view.setUint32(start + 24, entry.epoch, true);
  view.setUint32(start + 28, entry.senderEpoch, true);
  view.setFloat64(start + 32, entry.messageId, true);
  view.setInt32(start + 40, entry.key0, true);
  view.setInt32(start + 44, entry.key1, true);
  view.setInt32(start + 48, entry.key2, true);
  view.setInt32(start + 52, entry.bodyHash, true);
  view.setUint32(start + 56, payloadBytes, true);
  view.setUint32(start + 60, entry.kind, true);
}

/** For few bytes: faster than a loop over single ones and than a call into the runtime. */
function copyWords(source: DataView, start: number, end: number, target: DataView, at: number): void {
  let from = start;
  let to = at;
  for (; from + 3 < end; from += 4, to += 4) target.setInt32(to, source.getInt32(from, true), true);
  for (; from < end; from++, to++) target.setUint8(to, source.getUint8(from));
}

/** The fields that replay needs; neither text nor payload. */
export function decodeAppendIndex(view: DataView, start: number, entry: AppendEntry): void {
  entry.partition = view.getUint16(start + 2, true);
  entry.target = view.getUint32(start + 8, true);
  entry.sender = view.getUint32(start + 12, true);
  entry.seq = view.getUint32(start + 16, true);
  entry.senderSeq = view.getUint32(start + 20, true);
  entry.epoch = view.getUint32(start + 24, true);
  entry.senderEpoch = view.getUint32(start + 28, true);
  entry.messageId = view.getFloat64(start + 32, true);
  entry.key0 = view.getInt32(start + 40, true);
  entry.key1 = view.getInt32(start + 44, true);
  entry.key2 = view.getInt32(start + 48, true);
  entry.bodyHash = view.getInt32(start + 52, true);
}

/** The rest. The payload is a copy. */
export function decodeAppendContent(view: DataView, bytes: Buffer, start: number, entry: AppendEntry): void {
  const payloadLength = view.getUint32(start + 56, true);
  entry.kind = view.getUint32(start + 60, true);
  const text = start + APPEND_FIXED_BYTES;
  const device = text + 1 + bytes[text]!;
  const body = device + 1 + bytes[device]!;
  entry.clientMsgId = readText(bytes, text) as ClientMsgId;
  entry.senderDevice = readText(bytes, device) as DeviceId;
  entry.payload = new Uint8Array(bytes.subarray(body, body + payloadLength));
}

const apps = new RepeatedText();

export interface UserEntry {
  user: number;
  app: AppId;
  uid: Uid;
}

/** Answers the log position of the block that holds the entry. */
export function encodeUser(builder: RecordBuilder, user: number, partition: number, app: AppId, uid: Uid): number {
  const start = builder.openEntry(12 + 2 * TEXT_BYTES_MAX);
  const { blockPosition } = builder;
  builder.view.setUint32(start + 8, user, true);
  const end = writeText(builder.bytes, writeText(builder.bytes, start + 12, app), uid);
  closeEntry(builder, start, EntryType.User, partition, end);
  return blockPosition;
}

export function decodeUser(view: DataView, bytes: Buffer, start: number): UserEntry {
  const text = start + 12;
  const uid = text + 1 + bytes[text]!;
  const user = view.getUint32(start + 8, true);
  return { user, app: apps.read(bytes, text) as AppId, uid: readText(bytes, uid) as Uid };
}

/** `sessions-decoder.ts` reads it. */
export function encodeSessions(
  builder: RecordBuilder,
  user: number,
  partition: number,
  epoch: number,
  state: SessionState,
): void {
  const room = SESSIONS_FIXED_BYTES + 12 + state.devices.length * (DEVICE_FIXED_BYTES + 2 * TEXT_BYTES_MAX);
  const start = builder.openEntry(room);
  const { view, bytes } = builder;
  view.setUint32(start + 8, user, true);
  view.setUint32(start + 12, epoch, true);
  view.setFloat64(start + 16, state.generation, true);
  view.setFloat64(start + 24, state.revokeBeforeMs, true);
  view.setUint32(start + 32, state.devices.length, true);
  let at = start + 36;
  for (const device of state.devices) {
    view.setUint32(at, device.cursor, true);
    view.setFloat64(at + 4, device.generation, true);
    view.setFloat64(at + 12, device.issuedAtMs, true);
    view.setFloat64(at + 20, device.lastUsedMs, true);
    view.setUint32(at + 28, device.sessionExpiresAtS, true);
    bytes[at + 32] = device.tickets.length;
    bytes.set(device.tickets, at + 33);
    const text = at + 33 + device.tickets.length;
    at = writeText(bytes, writeText(bytes, text, device.deviceId), device.deviceType);
  }
  closeEntry(builder, start, EntryType.Sessions, partition, at);
}

/** Where the texts of a Cursor and a User entry begin. */
export const CURSOR_DEVICE = 28;
export const USER_APP = 12;

export interface CursorEntry {
  seq: Seq;
  lastUsedMs: number;
  deviceId: DeviceId;
}

export function encodeCursor(
  builder: RecordBuilder,
  user: number,
  partition: number,
  epoch: number,
  cursor: CursorEntry,
): void {
  const start = builder.openEntry(32 + TEXT_BYTES_MAX);
  const { view } = builder;
  view.setUint32(start + 8, user, true);
  view.setUint32(start + 12, epoch, true);
  view.setUint32(start + 16, cursor.seq, true);
  view.setFloat64(start + 20, cursor.lastUsedMs, true);
  const end = writeText(builder.bytes, start + CURSOR_DEVICE, cursor.deviceId);
  closeEntry(builder, start, EntryType.Cursor, partition, end);
}

/** The device's id is at `CURSOR_DEVICE`. */
export function decodeCursor(view: DataView, start: number): Omit<CursorEntry, 'deviceId'> {
  return { seq: view.getUint32(start + 16, true) as Seq, lastUsedMs: view.getFloat64(start + 20, true) };
}

export function encodeTimeline(
  builder: RecordBuilder,
  user: number,
  partition: number,
  head: number,
  floor: number,
): void {
  const start = builder.openEntry(20);
  builder.view.setUint32(start + 8, user, true);
  builder.view.setUint32(start + 12, head, true);
  builder.view.setUint32(start + 16, floor, true);
  closeEntry(builder, start, EntryType.Timeline, partition, start + 20);
}

export interface TimelineEntry {
  head: number;
  floor: number;
}

export function decodeTimeline(view: DataView, start: number): TimelineEntry {
  return { head: view.getUint32(start + 12, true), floor: view.getUint32(start + 16, true) };
}

export function entryPartition(view: DataView, start: number): number {
  return view.getUint16(start + 2, true);
}

/** The user that a User, Sessions, Cursor or Timeline entry is about. */
export function entryUser(view: DataView, start: number): number {
  return view.getUint32(start + 8, true);
}

export interface DedupeEntry {
  key0: number;
  key1: number;
  key2: number;
  bodyHash: number;
  messageId: number;
}

export function encodeDedupe(builder: RecordBuilder, row: DedupeEntry): void {
  const start = builder.openEntry(32);
  const { view } = builder;
  view.setInt32(start + 8, row.key0, true);
  view.setInt32(start + 12, row.key1, true);
  view.setInt32(start + 16, row.key2, true);
  view.setInt32(start + 20, row.bodyHash, true);
  view.setFloat64(start + 24, row.messageId, true);
  closeEntry(builder, start, EntryType.Dedupe, 0, start + 32);
}

export function decodeDedupe(view: DataView, start: number): DedupeEntry {
  return {
    key0: view.getInt32(start + 8, true),
    key1: view.getInt32(start + 12, true),
    key2: view.getInt32(start + 16, true),
    bodyHash: view.getInt32(start + 20, true),
    messageId: view.getFloat64(start + 24, true),
  };
}

function closeEntry(builder: RecordBuilder, start: number, type: EntryType, partition: number, end: number): void {
  const { view } = builder;
  view.setUint16(start, type, true);
  view.setUint16(start + 2, partition, true);
  view.setUint32(start + 4, end - start, true);
  builder.closeEntry(end);
}

/** The smallest length that any entry can have. */
export const ENTRY_BYTES_MIN: number = ENTRY_HEADER_BYTES + 4;
