/**
 * Encodes one record, entry by entry, straight into the log's tail. See `format.ts` for the layout.
 *
 *   begin ─► (openEntry ─► the codec writes at `view`/`bytes` ─► closeEntry)* ─► finish
 *
 * Costs no allocation per entry; one Buffer view per block of about 4 KiB for its CRC.
 */
import type { Durability } from '../../model/durability.ts';
import {
  align,
  BLOCK_BYTES,
  BLOCK_HEADER_BYTES,
  BLOCK_TRAILER_BYTES,
  checksum,
  FORMAT_VERSION,
  RECORD_HEADER_BYTES,
  RECORD_MAGIC,
  RecordField,
} from './format.ts';
import type { LogTail, TailChunk } from './log-tail.ts';

const BLOCK_CLOSE_ROOM = 16;
const FIRST_ROOM = 64 * 1024;

export interface SealedRecord {
  readonly position: number;
  readonly length: number;
  readonly crc: number;
  readonly bytes: Buffer;
}

export class RecordBuilder {
  readonly #tail: LogTail;
  readonly #secret: number;
  #chunk: TailChunk;
  bytes: Buffer;
  view: DataView;
  #position = 0;
  #previousCrc = 0;
  /** Where the record starts, where the open block starts (-1: none is open) and where the next entry goes. */
  #start = 0;
  #block = -1;
  #offset = 0;
  #entries = 0;

  constructor(tail: LogTail, secret: number) {
    this.#tail = tail;
    this.#secret = secret;
    this.#chunk = tail.chunkAt(0, 0);
    this.bytes = this.#chunk.bytes;
    this.view = this.#chunk.view;
  }

  get entries(): number {
    return this.#entries;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#offset - this.#start;
  }

  /** Log position of the block that holds the open entry: what an index keeps of it. */
  get blockPosition(): number {
    return this.#position + this.#block - this.#start;
  }

  begin(position: number, commit: number, previousCrc: number, durableMark: number, durability: Durability): void {
    this.#use(this.#tail.chunkAt(position, FIRST_ROOM));
    this.#position = position;
    this.#previousCrc = previousCrc;
    this.#start = position - this.#chunk.position;
    this.#offset = this.#start + RECORD_HEADER_BYTES;
    this.#block = -1;
    this.#entries = 0;
    const { view } = this;
    this.bytes.fill(0, this.#start, this.#offset);
    view.setUint32(this.#start + RecordField.Magic, RECORD_MAGIC, true);
    view.setUint8(this.#start + RecordField.Version, FORMAT_VERSION);
    view.setUint8(this.#start + RecordField.Durability, durability);
    view.setUint32(this.#start + RecordField.PreviousCrc, previousCrc, true);
    view.setFloat64(this.#start + RecordField.Commit, commit, true);
    view.setFloat64(this.#start + RecordField.Position, position, true);
    view.setFloat64(this.#start + RecordField.DurableMark, durableMark, true);
  }

  /** Makes room for an entry of at most `bytesMax` and answers the offset where it starts. */
  openEntry(bytesMax: number): number {
    const room = bytesMax + BLOCK_HEADER_BYTES + BLOCK_CLOSE_ROOM;
    if (this.#offset + room > this.bytes.length) this.#grow(room);
    if (this.#block < 0) {
      this.#block = this.#offset;
      this.#offset += BLOCK_HEADER_BYTES;
    }
    return this.#offset;
  }

  /** The entry ends before `end`. */
  closeEntry(end: number): void {
    this.#offset = end;
    this.#entries++;
    if (end - this.#block >= BLOCK_BYTES) this.#closeBlock();
  }

  /** Seals the record. It is part of the tail from here on. */
  finish(): SealedRecord {
    if (this.#block >= 0) this.#closeBlock();
    const start = this.#start;
    const length = this.#offset - start;
    this.view.setUint32(start + RecordField.Length, length, true);
    this.view.setUint32(start + RecordField.LastBlockCrc, this.#previousCrc, true);
    const crc = checksum(this.bytes, start, start + RecordField.HeaderCrc, this.#secret);
    this.view.setUint32(start + RecordField.HeaderCrc, crc, true);
    this.#tail.seal(length);
    return { position: this.#position, length, crc, bytes: this.bytes.subarray(start, this.#offset) };
  }

  /** Takes the record sealed last out of the tail: it was refused. */
  retract(record: SealedRecord): void {
    this.#tail.retract(record.length);
  }

  #closeBlock(): void {
    const block = this.#block;
    const length = align(this.#offset - block + BLOCK_TRAILER_BYTES);
    const trailer = block + length - BLOCK_TRAILER_BYTES;
    for (let i = this.#offset; i < trailer; i++) this.bytes[i] = 0;
    this.view.setUint32(block, length, true);
    this.view.setUint32(block + 4, this.#previousCrc, true);
    this.#previousCrc = checksum(this.bytes, block, trailer, this.#secret);
    this.view.setUint32(trailer, this.#previousCrc, true);
    this.#offset = block + length;
    this.#block = -1;
  }

  #grow(room: number): void {
    const length = this.#offset - this.#start;
    const block = this.#block - this.#start;
    this.#use(this.#tail.moveInto(this.#chunk, this.#position, length, room));
    this.#start = 0;
    this.#offset = length;
    if (this.#block >= 0) this.#block = block;
  }

  #use(chunk: TailChunk): void {
    this.#chunk = chunk;
    this.bytes = chunk.bytes;
    this.view = chunk.view;
  }
}
