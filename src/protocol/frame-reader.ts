/**
 * Cuts a byte stream into frames.
 *
 *   bodyLength u24 | command u8 | requestId u32 | body …        big-endian, see protocol-spec/
 *
 * Three outcomes, never two: a frame, need more, malformed. The length is checked as soon as its three bytes are in, at
 * both ends of its range, before anything is allocated. A frame that lies whole in the chunk is handed on in place, without a copy.
 * One reader serves any number of connections: what a connection keeps between chunks is the `PartialFrame` that `read`
 * returns, and only while a frame is unfinished, so that an idle connection owns no memory here. A partial grows by
 * doubling with the bytes that have arrived, never by the declared length.
 */
import { BODY_BYTES_MIN, CloseReason, HEADER_BYTES } from './generated/protocol.ts';

/** Enough of a header to check the length. */
const LENGTH_BYTES = 3;

export interface FrameSink<Context> {
  /**
   * The body is `bytes[start, end)`, valid only during the call. Answers false to stop reading (the connection was
   * closed); what is left of the chunk is dropped.
   */
  onFrame(context: Context, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean;
  onMalformed(context: Context, reason: CloseReason): void;
}

/** The beginning of a frame whose rest has not arrived. */
export class PartialFrame {
  bytes: Buffer;
  length: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.length = end - start;
    this.bytes = Buffer.allocUnsafeSlow(Math.max(64, this.length));
    bytes.copy(this.bytes, 0, start, end);
  }

  /** Takes bytes until `target` are held or `bytes` is used up; the offset of the first byte not taken. */
  fill(bytes: Buffer, start: number, target: number): number {
    const end = Math.min(bytes.length, start + target - this.length);
    const needed = this.length + end - start;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    bytes.copy(this.bytes, this.length, start, end);
    this.length = needed;
    return end;
  }
}

export class FrameReader<Context> {
  readonly #sink: FrameSink<Context>;

  constructor(sink: FrameSink<Context>) {
    this.#sink = sink;
  }

  /**
   * Reports every whole frame in `partial` + `bytes`.
   * @param bodyBytesMax largest body allowed; asked again for every frame because a login raises it.
   * @returns what must be given back with the next chunk; undefined when nothing is left over or reading stopped.
   */
  read(
    context: Context,
    partial: PartialFrame | undefined,
    bytes: Buffer,
    bodyBytesMax: (context: Context) => number,
  ): PartialFrame | undefined {
    let at = 0;
    if (partial !== undefined) {
      if (partial.length < HEADER_BYTES) at = partial.fill(bytes, at, HEADER_BYTES);
      if (partial.length < LENGTH_BYTES) return partial;
      const bodyLength = this.#bodyLength(context, partial.bytes, 0, bodyBytesMax);
      if (bodyLength < 0) return undefined;
      if (partial.length < HEADER_BYTES) return partial;
      const target = HEADER_BYTES + bodyLength;
      at = partial.fill(bytes, at, target);
      if (partial.length < target) return partial;
      if (!this.#emit(context, partial.bytes, 0, target)) return undefined;
    }
    const end = bytes.length;
    while (end - at >= LENGTH_BYTES) {
      const bodyLength = this.#bodyLength(context, bytes, at, bodyBytesMax);
      if (bodyLength < 0) return undefined;
      const next = at + HEADER_BYTES + bodyLength;
      if (next > end) break;
      if (!this.#emit(context, bytes, at, next)) return undefined;
      at = next;
    }
    return at < end ? new PartialFrame(bytes, at, end) : undefined;
  }

  /** The checked body length of the header at `at`, or −1 after it was reported as malformed. */
  #bodyLength(context: Context, bytes: Buffer, at: number, bodyBytesMax: (context: Context) => number): number {
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    if (length >= BODY_BYTES_MIN && length <= bodyBytesMax(context)) return length;
    this.#sink.onMalformed(context, length < BODY_BYTES_MIN ? CloseReason.MalformedFrame : CloseReason.FrameTooLarge);
    return -1;
  }

  #emit(context: Context, bytes: Buffer, at: number, end: number): boolean {
    const requestId =
      (((bytes[at + 4] as number) << 24) |
        ((bytes[at + 5] as number) << 16) |
        ((bytes[at + 6] as number) << 8) |
        (bytes[at + 7] as number)) >>>
      0;
    return this.#sink.onFrame(context, bytes[at + 3] as number, requestId, bytes, at + HEADER_BYTES, end);
  }
}
