/**
 * Short texts as bytes in pages instead of strings: nothing for the garbage collector to walk, copy or leave holes around.
 *
 *   handle ─► page ▕ length ▏ UTF-8 … ▏ padding ▕ length ▏ …        handle = place ÷ 4, NO_TEXT is none
 *
 * A text takes its bytes and one, rounded up to 4, where a string takes 16 and up to 7 more. Places that are given back are
 * used again for texts of the same size. Comparing costs about a nanosecond a character; making the string about 100 ns.
 */
import { readText, writeText } from './entry-text.ts';

const UNIT_BYTES = 4;
const PAGE_UNITS = 2 ** 18;
const PAGE_BYTES: number = PAGE_UNITS * UNIT_BYTES;
/** A length byte and 192 bytes of UTF-8. */
const TEXT_UNITS_MAX = 49;
const ASCII_MAX = 0x7f;

export const NO_TEXT = 0;

export class TextSlab {
  readonly #pages: Buffer[] = [];
  /** By size: the first place that was given back; each holds the next one. */
  readonly #free: Uint32Array = new Uint32Array(TEXT_UNITS_MAX + 1);
  #next = 1;

  add(text: string): number {
    const handle = this.#allocate(1 + utf8Length(text));
    writeText(this.#page(handle), placeOf(handle), text);
    return handle;
  }

  /** Copies the text whose length byte is at `at`. */
  addBytes(bytes: Uint8Array, at: number): number {
    const length = 1 + bytes[at]!;
    const handle = this.#allocate(length);
    const page = this.#page(handle);
    const to = placeOf(handle);
    for (let i = 0; i < length; i++) page[to + i] = bytes[at + i]!;
    return handle;
  }

  release(handle: number): void {
    const page = this.#page(handle);
    const at = placeOf(handle);
    const units = unitsOf(1 + page[at]!);
    page.writeUInt32LE(this.#free[units]!, at);
    this.#free[units] = handle;
  }

  get(handle: number): string {
    return readText(this.#page(handle), placeOf(handle));
  }

  equals(handle: number, text: string): boolean {
    const page = this.#page(handle);
    const at = placeOf(handle);
    const length = page[at]!;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > ASCII_MAX) return this.get(handle) === text;
      if (i >= length || page[at + 1 + i] !== unit) return false;
    }
    return length === text.length;
  }

  /** Compares with the text whose length byte is at `at`. */
  equalsBytes(handle: number, bytes: Uint8Array, at: number): boolean {
    const page = this.#page(handle);
    const from = placeOf(handle);
    const length = 1 + page[from]!;
    for (let i = 0; i < length; i++) if (page[from + i] !== bytes[at + i]) return false;
    return true;
  }

  /** As `hashText` of the text. */
  hash(handle: number, seed: number): number {
    const page = this.#page(handle);
    const start = placeOf(handle) + 1;
    const length = page[start - 1]!;
    let hash = seed ^ length;
    for (let i = 0; i < length; i += 2) {
      const first = page[start + i]!;
      const second = i + 1 < length ? page[start + i + 1]! : 0;
      if ((first | second) > ASCII_MAX) return hashText(this.get(handle), seed);
      hash = mixed(hash, first | (second << 16));
    }
    return finished(hash);
  }

  #allocate(bytes: number): number {
    const units = unitsOf(bytes);
    const free = this.#free[units]!;
    if (free !== NO_TEXT) {
      this.#free[units] = this.#page(free).readUInt32LE(placeOf(free));
      return free;
    }
    // No text lies across two pages.
    if ((this.#next % PAGE_UNITS) + units > PAGE_UNITS) this.#next = this.#pages.length * PAGE_UNITS;
    const handle = this.#next;
    if (handle >= this.#pages.length * PAGE_UNITS) this.#pages.push(Buffer.alloc(PAGE_BYTES));
    this.#next += units;
    return handle;
  }

  #page(handle: number): Buffer {
    return this.#pages[(handle / PAGE_UNITS) | 0]!;
  }
}

/** Two UTF-16 units at a time, finished with murmur3's avalanche. */
export function hashText(text: string, seed: number): number {
  const { length } = text;
  let hash = seed ^ length;
  for (let i = 0; i < length; i += 2) {
    const second = i + 1 < length ? text.charCodeAt(i + 1) : 0;
    hash = mixed(hash, text.charCodeAt(i) | (second << 16));
  }
  return finished(hash);
}

function mixed(hash: number, units: number): number {
  const word = Math.imul(units, 0x9e3779b1);
  const next = Math.imul(hash ^ word ^ (word >>> 15), 0x1b873593);
  return (next << 13) | (next >>> 19);
}

function finished(state: number): number {
  let hash = state ^ (state >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function unitsOf(bytes: number): number {
  return Math.ceil(bytes / UNIT_BYTES);
}

function placeOf(handle: number): number {
  return (handle % PAGE_UNITS) * UNIT_BYTES;
}

function utf8Length(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > ASCII_MAX) return Buffer.byteLength(text, 'utf8');
  return text.length;
}
