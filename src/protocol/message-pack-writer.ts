/**
 * Writes frames and their MessagePack bodies into one growing buffer.
 *
 * Hand-written because it is the hot path: no intermediate object, array or Buffer per value; a frame is written in
 * place, its length patched in at the end. Output is valid MessagePack in shortest form (integers, strings, binary),
 * so that any implementation reads it and golden vectors are unique.
 *
 *   const start = writer.beginFrame(Command.Ping, 7);
 *   writer.arrayHeader(0);
 *   writer.endFrame(start);
 *
 * The buffer is reused: what `bytes()` returns is valid until the next `reset` or growth. Copy it to keep it.
 */
const HEADER_BYTES = 8;
const INITIAL_BYTES = 4096;
const TWO_32 = 0x1_0000_0000;

export class MessagePackWriter {
  /** Grows; do not keep a reference across writes. */
  buffer: Buffer;
  position = 0;
  /** Of `buffer`: several bytes at once, where a Buffer takes a nanosecond for each. */
  #view: DataView;

  constructor(initialBytes: number = INITIAL_BYTES) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes);
    this.#view = viewOf(this.buffer);
  }

  reset(): void {
    this.position = 0;
  }

  /** What has been written since `reset`, as a view. */
  bytes(): Buffer {
    return this.buffer.subarray(0, this.position);
  }

  /** A copy of what has been written, of exactly its size. */
  copy(): Buffer {
    return Buffer.from(this.bytes());
  }

  /** Writes a header with an open length; returns the frame's offset for `endFrame`. */
  beginFrame(command: number, requestId: number): number {
    this.ensure(HEADER_BYTES);
    const start = this.position;
    this.#view.setUint32(start, command);
    this.#view.setUint32(start + 4, requestId);
    this.position = start + HEADER_BYTES;
    return start;
  }

  endFrame(start: number): void {
    const length = this.position - start - HEADER_BYTES;
    this.#view.setUint16(start, length >>> 8);
    this.#view.setUint8(start + 2, length);
  }

  arrayHeader(length: number): void {
    this.ensure(5);
    if (length < 16) this.#byte(0x90 | length);
    else if (length < 0x10000) this.#tagged16(0xdc, length);
    else this.#tagged32(0xdd, length);
  }

  /** 0 ≤ value ≤ 2^53 − 1. */
  uint(value: number): void {
    this.ensure(9);
    if (value < 0x80) this.#byte(value);
    else if (value < 0x100) {
      this.#view.setUint16(this.position, 0xcc00 | value);
      this.position += 2;
    } else if (value < 0x10000) this.#tagged16(0xcd, value);
    else if (value < TWO_32) this.#tagged32(0xce, value);
    else {
      this.#tagged32(0xcf, Math.floor(value / TWO_32));
      this.#view.setUint32(this.position, value >>> 0);
      this.position += 4;
    }
  }

  bool(value: boolean): void {
    this.ensure(1);
    this.#byte(value ? 0xc3 : 0xc2);
  }

  str(value: string): void {
    const length = value.length;
    // Three bytes a UTF-16 unit is the most UTF-8 needs.
    this.ensure(5 + length * 3);
    if (length < 32 && this.#shortAscii(value)) return;
    const byteLength = Buffer.byteLength(value, 'utf8');
    if (byteLength < 32) this.#byte(0xa0 | byteLength);
    else if (byteLength < 0x100) {
      this.#byte(0xd9);
      this.#byte(byteLength);
    } else if (byteLength < 0x10000) this.#tagged16(0xda, byteLength);
    else this.#tagged32(0xdb, byteLength);
    this.position += this.buffer.write(value, this.position, 'utf8');
  }

  bin(bytes: Uint8Array): void {
    const length = bytes.length;
    this.binHeader(length);
    this.raw(bytes, 0, length);
  }

  /** The head of a binary of which the caller then writes `length` bytes with `raw`. */
  binHeader(length: number): void {
    this.ensure(5 + length);
    if (length < 0x100) {
      this.#byte(0xc4);
      this.#byte(length);
    } else if (length < 0x10000) this.#tagged16(0xc5, length);
    else this.#tagged32(0xc6, length);
  }

  /** Copies `bytes[start, end)` as they are. */
  raw(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.ensure(length);
    if (length <= 48) {
      const buffer = this.buffer;
      let position = this.position;
      for (let i = start; i < end; i++) buffer[position++] = bytes[i] as number;
      this.position = position;
    } else {
      // A Buffer copies a part of itself without making a view of it.
      if (Buffer.isBuffer(bytes)) bytes.copy(this.buffer, this.position, start, end);
      else this.buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.position);
      this.position += length;
    }
  }

  /** Writes the head of the binary that was begun at `start`, five bytes that were left free, and ends at `position`. */
  endBin(start: number): void {
    this.#view.setUint8(start, 0xc6);
    this.#view.setUint32(start + 1, this.position - start - 5);
  }

  /** Makes room for `count` more bytes. */
  ensure(count: number): void {
    const needed = this.position + count;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
    this.#view = viewOf(grown);
  }

  #byte(value: number): void {
    this.buffer[this.position++] = value;
  }

  #tagged16(tag: number, value: number): void {
    const { position } = this;
    this.#view.setUint8(position, tag);
    this.#view.setUint16(position + 1, value);
    this.position = position + 3;
  }

  #tagged32(tag: number, value: number): void {
    const { position } = this;
    this.#view.setUint8(position, tag);
    this.#view.setUint32(position + 1, value);
    this.position = position + 5;
  }

  /** Writes a string of fewer than 32 characters when all are ASCII; leaves no trace otherwise. */
  #shortAscii(value: string): boolean {
    const buffer = this.buffer;
    const start = this.position;
    const length = value.length;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      buffer[start + 1 + i] = unit;
    }
    buffer[start] = 0xa0 | length;
    this.position = start + 1 + length;
    return true;
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
