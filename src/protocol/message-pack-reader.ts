/**
 * Reads MessagePack bodies that an attacker may have written.
 *
 * A cursor over one body with a sticky failure: a wrong type or a short body sets `failed`, and every later read
 * answers a harmless default, so that a decoder reads all its fields in a row and checks once. Nothing is ever
 * allocated by a declared length: strings and binaries are bounded by the bytes that are there.
 *
 * `guard()` walks a whole body without decoding it and enforces the protocol's limits: depth, number of values, sum of
 * declared elements ≤ bytes, string length, valid UTF-8, no extension types, integers below 2^53, nothing after the
 * body. It costs a few nanoseconds a value and no allocation; the gate runs it on everything that it forwards.
 */
import { isUtf8 } from 'node:buffer';
import { DEPTH_MAX, INTEGER_MAX, NODES_MAX, STRING_BYTES_MAX } from './generated/protocol.ts';

const TWO_32 = 0x1_0000_0000;
const EMPTY = Buffer.alloc(0);

export class MessagePackReader {
  failed = false;
  #bytes: Buffer = EMPTY;
  #position = 0;
  #end = 0;
  readonly #remaining: Float64Array = new Float64Array(DEPTH_MAX + 1);

  /** Starts on the body in `bytes[start, end)`. */
  reset(bytes: Buffer, start: number, end: number): this {
    // Storing a young object into an old one costs the engine more than comparing: many bodies come in one chunk.
    if (this.#bytes !== bytes) this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
    this.failed = false;
    return this;
  }

  /** Where the next value begins. */
  get position(): number {
    return this.#position;
  }

  /** The number of elements, or −1 after a failure. */
  arrayHeader(): number {
    const tag = this.#byte();
    let length: number;
    if (tag >= 0x90 && tag <= 0x9f) length = tag & 0x0f;
    else if (tag === 0xdc) length = this.#unsigned(2);
    else if (tag === 0xdd) length = this.#unsigned(4);
    else return this.#fail(-1);
    // Every element takes at least one byte.
    return length > this.#end - this.#position ? this.#fail(-1) : length;
  }

  /** An integer in 0 … `max`, in any integer form: some encoders write every integer in a fixed or a signed width. */
  uint(max: number): number {
    const tag = this.#byte();
    let value: number;
    if (tag < 0x80) value = tag;
    else if (tag === 0xcc) value = this.#unsigned(1);
    else if (tag === 0xcd) value = this.#unsigned(2);
    else if (tag === 0xce) value = this.#unsigned(4);
    else if (tag === 0xcf) value = this.#unsigned(8);
    else if (tag >= 0xd0 && tag <= 0xd3) value = this.#signed(tag);
    else return this.#fail(0);
    return value > max || this.failed ? this.#fail(0) : value;
  }

  bool(): boolean {
    const tag = this.#byte();
    if (tag === 0xc3) return true;
    if (tag === 0xc2) return false;
    return this.#fail(false);
  }

  str(): string {
    const length = this.#strLength(this.#byte());
    const start = this.#position;
    if (!this.#take(length)) return '';
    if (length === 0) return '';
    const bytes = this.#bytes;
    if (this.#ascii(start, start + length)) return bytes.toString('latin1', start, start + length);
    if (!isUtf8(bytes.subarray(start, start + length))) return this.#fail('');
    return bytes.toString('utf8', start, start + length);
  }

  /** As `str`, without making one: the offset of its first byte; `position` is its end. */
  strStart(): number {
    const length = this.#strLength(this.#byte());
    const start = this.#position;
    this.#take(length);
    return start;
  }

  /** A view of the binary's bytes, valid as long as the body is. Copy what must outlive it. */
  bin(): Buffer {
    const length = this.#binLength(this.#byte());
    const start = this.#position;
    return this.#take(length) ? this.#bytes.subarray(start, start + length) : EMPTY;
  }

  /** As `bin`, without making a view: the offset of its first byte; `position` is its end. */
  binStart(): number {
    const length = this.#binLength(this.#byte());
    const start = this.#position;
    this.#take(length);
    return start;
  }

  /**
   * Passes over the last `count` values of the body's own array: fields that a newer peer has added. They keep the same
   * limits as in `guard()`; `nodesBefore` values of the body have been read already, its array included.
   */
  skip(count: number, nodesBefore: number): void {
    if (count > 0 && !this.failed) this.#walk(count, 1, nodesBefore);
  }

  /** Nothing may follow the body. */
  finish(): void {
    if (this.#position !== this.#end) this.failed = true;
  }

  /** True when the body is one array that keeps every limit. Leaves the cursor at the end. */
  guard(): boolean {
    const tag = this.#bytes[this.#position];
    if (tag === undefined || !((tag >= 0x90 && tag <= 0x9f) || tag === 0xdc || tag === 0xdd)) return this.#fail(false);
    this.#walk(1, 0, 0);
    this.finish();
    return !this.failed;
  }

  /** Walks `count` values that lie `base` containers deep, with an explicit stack; fails at the first broken limit. */
  #walk(count: number, base: number, nodesBefore: number): void {
    const remaining = this.#remaining;
    let depth = base;
    let nodes = nodesBefore;
    remaining[base] = count;
    for (;;) {
      while (remaining[depth] === 0) {
        if (depth === base) return;
        depth--;
      }
      remaining[depth] = (remaining[depth] as number) - 1;
      if (++nodes > NODES_MAX) this.failed = true;
      const children = this.#value();
      if (this.failed) return;
      if (children >= 0) {
        if (depth === DEPTH_MAX) {
          this.failed = true;
          return;
        }
        remaining[++depth] = children;
      }
    }
  }

  /** Passes over one value; the number of values inside it when it is a container, else −1. */
  #value(): number {
    const tag = this.#byte();
    if (tag < 0x80 || tag >= 0xe0) return -1;
    if (tag <= 0x8f) return this.#children((tag & 0x0f) * 2);
    if (tag <= 0x9f) return this.#children(tag & 0x0f);
    if (tag <= 0xbf || (tag >= 0xd9 && tag <= 0xdb)) return this.#skipStr(tag);
    switch (tag) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return -1;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        this.#take(this.#binLength(tag));
        return -1;
      case 0xca:
      case 0xce:
      case 0xd2:
        this.#take(4);
        return -1;
      case 0xcb:
        this.#take(8);
        return -1;
      case 0xcc:
      case 0xd0:
        this.#take(1);
        return -1;
      case 0xcd:
      case 0xd1:
        this.#take(2);
        return -1;
      case 0xcf:
        if (this.#unsigned(8) > INTEGER_MAX) this.failed = true;
        return -1;
      case 0xd3:
        return this.#skipInt64();
      case 0xdc:
        return this.#children(this.#unsigned(2));
      case 0xdd:
        return this.#children(this.#unsigned(4));
      case 0xde:
        return this.#children(this.#unsigned(2) * 2);
      case 0xdf:
        return this.#children(this.#unsigned(4) * 2);
      default:
        // 0xc1 is never used; 0xc7–0xc9 and 0xd4–0xd8 are extension types.
        return this.#fail(-1);
    }
  }

  #children(count: number): number {
    return count > this.#end - this.#position ? this.#fail(-1) : count;
  }

  #skipStr(tag: number): number {
    const length = this.#strLength(tag);
    const start = this.#position;
    if (!this.#take(length)) return -1;
    if (!this.#ascii(start, start + length) && !isUtf8(this.#bytes.subarray(start, start + length))) this.failed = true;
    return -1;
  }

  #skipInt64(): number {
    const high = this.#unsigned(4) | 0;
    this.#take(4);
    if (high > 0x1fffff || high < -0x200000) this.failed = true;
    return -1;
  }

  #strLength(tag: number): number {
    let length: number;
    if (tag >= 0xa0 && tag <= 0xbf) length = tag & 0x1f;
    else if (tag === 0xd9) length = this.#unsigned(1);
    else if (tag === 0xda) length = this.#unsigned(2);
    else if (tag === 0xdb) length = this.#unsigned(4);
    else return this.#fail(0);
    return length > STRING_BYTES_MAX ? this.#fail(0) : length;
  }

  #binLength(tag: number): number {
    if (tag === 0xc4) return this.#unsigned(1);
    if (tag === 0xc5) return this.#unsigned(2);
    if (tag === 0xc6) return this.#unsigned(4);
    return this.#fail(0);
  }

  #ascii(start: number, end: number): boolean {
    const bytes = this.#bytes;
    for (let i = start; i < end; i++) if ((bytes[i] as number) > 0x7f) return false;
    return true;
  }

  #take(count: number): boolean {
    if (this.failed || count > this.#end - this.#position) return this.#fail(false);
    this.#position += count;
    return true;
  }

  #byte(): number {
    if (this.#position >= this.#end) return this.#fail(0xc1);
    return this.#bytes[this.#position++] as number;
  }

  #unsigned(size: 1 | 2 | 4 | 8): number {
    const at = this.#position;
    if (!this.#take(size)) return 0;
    const bytes = this.#bytes;
    if (size === 1) return bytes[at] as number;
    if (size === 2) return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    const high = word(bytes, at);
    return size === 4 ? high : high * TWO_32 + word(bytes, at + 4);
  }

  /** A signed form of an integer that is not negative. */
  #signed(tag: number): number {
    const size = (1 << (tag - 0xd0)) as 1 | 2 | 4 | 8;
    const negative = ((this.#bytes[this.#position] ?? 0) & 0x80) !== 0;
    return negative ? this.#fail(0) : this.#unsigned(size);
  }

  #fail<T>(answer: T): T {
    this.failed = true;
    return answer;
  }
}

function word(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
