/**
 * The body of SEND, decoded without an object, a string or a view: it is copied into the arena, where the message waits
 * for its commit, and the places of its parts are noted. The target alone becomes a string; known ones come from a table.
 */
import { isUtf8 } from 'node:buffer';
import { MessagePackReader } from '../protocol/index.ts';
import type { MessagePlaces } from '../store/encoded-append.ts';
import { isAscii, MessageArena, type MessageChunk } from '../store/message-arena.ts';
import { IdentifierTable } from './identifier-table.ts';

/** Fields of SEND. A newer peer may have added some behind them. */
const FIELDS = 5;
const U8 = 0xff;

export class SendFrame implements MessagePlaces {
  /** Of the body that was read last. */
  target = '';
  /** Whether the target is known to be an identifier. */
  hasKnownTarget = false;
  targetType = 0;
  flags = 0;
  chunk: MessageChunk;
  idStart = 0;
  idEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;
  isAscii = true;
  readonly #arena = new MessageArena();
  readonly #reader = new MessagePackReader();
  readonly #targets = new IdentifierTable();

  constructor() {
    this.chunk = this.#arena.chunk;
  }

  /** False when `bytes[start … end)` is not a body of SEND. */
  read(bytes: Buffer, start: number, end: number): boolean {
    const at = this.#arena.copy(bytes, start, end);
    const { chunk } = this.#arena;
    const reader = this.#reader.reset(chunk.bytes, at, at + end - start);
    this.chunk = chunk;
    const fields = reader.arrayHeader();
    const targetStart = reader.strStart();
    const targetEnd = reader.position;
    this.targetType = reader.uint(U8);
    this.idStart = reader.strStart();
    this.idEnd = reader.position;
    this.flags = reader.uint(U8);
    this.payloadStart = reader.binStart();
    this.payloadEnd = reader.position;
    if (fields < FIELDS) return false;
    reader.skip(fields - FIELDS, FIELDS + 1);
    reader.finish();
    return !reader.failed && this.#readTexts(chunk, targetStart, targetEnd);
  }

  #readTexts(chunk: MessageChunk, targetStart: number, targetEnd: number): boolean {
    const { bytes, view } = chunk;
    this.isAscii = isAscii(view, this.idStart, this.idEnd);
    if (!this.isAscii && !isUtf8(bytes.subarray(this.idStart, this.idEnd))) return false;
    const known = this.#targets.find(view, targetStart, targetEnd);
    this.hasKnownTarget = known !== undefined;
    if (known !== undefined) {
      this.target = known;
      return true;
    }
    if (!isUtf8(bytes.subarray(targetStart, targetEnd))) return false;
    this.target = bytes.toString('utf8', targetStart, targetEnd);
    return true;
  }

  /** From now on the target of the last body is found without making a string. It must be an identifier. */
  learnTarget(target: string): void {
    this.#targets.add(target);
  }
}
