/** What the outbox knows of a tick, in typed arrays: which streams are dirty, and which bytes of the staging area are whose. */
import type { Stream } from './transport.ts';

/** No entry, no segment. */
export const NONE = -1;
const ENTRIES_START = 256;

/** The dirty streams of this tick. */
export class EntryTable {
  count = 0;
  readonly #streams: (Stream | undefined)[] = [];
  /** Three numbers an entry: bytes, first segment, last segment. */
  #numbers = new Int32Array(3 * ENTRIES_START);

  add(stream: Stream, segment: number, bytes: number): void {
    const entry = this.count++;
    if (3 * this.count > this.#numbers.length) this.#numbers = doubled(this.#numbers);
    this.#streams[entry] = stream;
    this.#numbers[3 * entry] = bytes;
    this.#numbers[3 * entry + 1] = segment;
    this.#numbers[3 * entry + 2] = segment;
    stream.outboxEntry = entry;
  }

  stream(entry: number): Stream | undefined {
    return this.#streams[entry];
  }
  bytes(entry: number): number {
    return this.#numbers[3 * entry] as number;
  }
  /** Answers how many it has now. */
  addBytes(entry: number, length: number): number {
    const bytes = this.bytes(entry) + length;
    this.#numbers[3 * entry] = bytes;
    return bytes;
  }
  firstSegment(entry: number): number {
    return this.#numbers[3 * entry + 1] as number;
  }
  lastSegment(entry: number): number {
    return this.#numbers[3 * entry + 2] as number;
  }
  setLastSegment(entry: number, segment: number): void {
    this.#numbers[3 * entry + 2] = segment;
  }

  /** The entry's place stays empty until the tick ends. */
  release(stream: Stream): void {
    this.#streams[stream.outboxEntry] = undefined;
    stream.outboxEntry = NONE;
  }

  clear(): void {
    this.count = 0;
  }
}

/** Stretches of the staging area, linked per stream. */
export class SegmentTable {
  #count = 0;
  /** Four numbers a segment: start, end, next, and the end of the room that it may grow into. */
  #numbers = new Int32Array(4 * ENTRIES_START);

  add(start: number, end: number, roomEnd: number): number {
    const segment = this.#count++;
    if (4 * this.#count > this.#numbers.length) this.#numbers = doubled(this.#numbers);
    this.#numbers[4 * segment] = start;
    this.#numbers[4 * segment + 1] = end;
    this.#numbers[4 * segment + 2] = NONE;
    this.#numbers[4 * segment + 3] = roomEnd;
    return segment;
  }

  addAfter(last: number, start: number, end: number, roomEnd: number): number {
    const segment = this.add(start, end, roomEnd);
    this.#numbers[4 * last + 2] = segment;
    return segment;
  }

  extend(segment: number, end: number, roomEnd: number): void {
    this.#numbers[4 * segment + 1] = end;
    this.#numbers[4 * segment + 3] = roomEnd;
  }
  start(segment: number): number {
    return this.#numbers[4 * segment] as number;
  }
  end(segment: number): number {
    return this.#numbers[4 * segment + 1] as number;
  }
  roomEnd(segment: number): number {
    return this.#numbers[4 * segment + 3] as number;
  }
  next(segment: number): number {
    return this.#numbers[4 * segment + 2] as number;
  }
  clear(): void {
    this.#count = 0;
  }
}

function doubled(numbers: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(2 * numbers.length);
  grown.set(numbers);
  return grown;
}
