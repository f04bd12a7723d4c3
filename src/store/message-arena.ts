/**
 * Where messages of clients wait for their commit: each is copied once out of its frame, behind the one before it, and is
 * read in place from then on. No object per message, and a view of the whole chunk that reads four bytes at a time.
 *
 *   chunk ▕ message ▏ message ▏ message ▏ free        full: a new chunk; the old one goes with its last message
 */
const CHUNK_BYTES = 64 * 1024;
/** A longer message gets a chunk of its own. */
const SHARED_BYTES_MAX = CHUNK_BYTES / 8;

export interface MessageChunk {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export class MessageArena {
  #shared: MessageChunk = newChunk(CHUNK_BYTES);
  #used = 0;
  /** Holds what was copied last. */
  chunk: MessageChunk = this.#shared;

  /** Copies `source[start … end)` into `chunk`; answers where it begins there. */
  copy(source: Buffer, start: number, end: number): number {
    const length = end - start;
    if (length > SHARED_BYTES_MAX) {
      this.chunk = newChunk(length);
      source.copy(this.chunk.bytes, 0, start, end);
      return 0;
    }
    if (this.#used + length > CHUNK_BYTES) {
      this.#shared = newChunk(CHUNK_BYTES);
      this.#used = 0;
    }
    this.chunk = this.#shared;
    const at = this.#used;
    source.copy(this.chunk.bytes, at, start, end);
    this.#used = at + length;
    return at;
  }
}

function newChunk(size: number): MessageChunk {
  const bytes = Buffer.allocUnsafeSlow(size);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, size) };
}

/** Whether all of `[start … end)` is ASCII. */
export function isAscii(view: DataView, start: number, end: number): boolean {
  let bits = 0;
  let at = start;
  for (; at + 3 < end; at += 4) bits |= view.getInt32(at, true);
  for (; at < end; at++) bits |= view.getUint8(at);
  return (bits & 0x80808080) === 0;
}
