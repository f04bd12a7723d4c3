/**
 * The newest bytes of the log, kept in memory: the buffers into which records are encoded and from which they are
 * written are not thrown away but answer reads until `bytesMax` newer ones have come.
 *
 *   chunk ▕ record record record ▏ chunk ▕ record … ▏ chunk ▕ record  ← next one goes here
 *         oldest, dropped first                            newest
 *
 * No copy is made for it. A chunk holds one contiguous range of log positions.
 */
import { viewOf } from './format.ts';

const CHUNK_BYTES = 1024 * 1024;
const SPARES_MAX = 2;

export interface TailChunk {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Log position of byte 0. */
  position: number;
  /** Bytes that hold sealed records. */
  length: number;
}

export class LogTail {
  readonly #bytesMax: number;
  readonly #chunks: TailChunk[] = [];
  readonly #spares: TailChunk[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** A chunk whose free part continues at `position` and has room for `room` bytes. */
  chunkAt(position: number, room: number): TailChunk {
    const newest = this.#chunks.at(-1);
    if (newest !== undefined && newest.position + newest.length === position) {
      if (newest.bytes.length - newest.length >= room) return newest;
    }
    return this.#add(position, room);
  }

  /** Moves a half-encoded record of `length` bytes at `position` into a new chunk with `room` bytes more. */
  moveInto(from: TailChunk, position: number, length: number, room: number): TailChunk {
    const chunk = this.#add(position, Math.max((length + room) * 2, CHUNK_BYTES));
    const start = position - from.position;
    from.bytes.copy(chunk.bytes, 0, start, start + length);
    return chunk;
  }

  /** The newest chunk's next `length` bytes are a record now. */
  seal(length: number): void {
    this.#chunks.at(-1)!.length += length;
  }

  /** Takes back the newest record: it was refused. */
  retract(length: number): void {
    this.#chunks.at(-1)!.length -= length;
  }

  /** The chunk that holds `position`, if it is still here. */
  find(position: number): TailChunk | undefined {
    for (let i = this.#chunks.length - 1; i >= 0; i--) {
      const chunk = this.#chunks[i]!;
      if (position >= chunk.position) return position < chunk.position + chunk.length ? chunk : undefined;
    }
    return undefined;
  }

  #add(position: number, room: number): TailChunk {
    const chunk = (room <= CHUNK_BYTES ? this.#spares.pop() : undefined) ?? newChunk(Math.max(room, CHUNK_BYTES));
    chunk.position = position;
    chunk.length = 0;
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes.length;
    // Two stay at least: the newest one and the one from which a half-encoded record may be moving.
    while (this.#bytes > this.#bytesMax && this.#chunks.length > 2) this.#dropOldest();
    return chunk;
  }

  #dropOldest(): void {
    const oldest = this.#chunks.shift()!;
    this.#bytes -= oldest.bytes.length;
    if (oldest.bytes.length === CHUNK_BYTES && this.#spares.length < SPARES_MAX) this.#spares.push(oldest);
  }
}

function newChunk(size: number): TailChunk {
  const bytes = Buffer.allocUnsafeSlow(size);
  return { bytes, view: viewOf(bytes), position: 0, length: 0 };
}
