/** Runs chunks through the frame reader and keeps what comes out. */
import { CLOSE_REASON_NAMES } from '../../src/protocol/generated/protocol.ts';
import { FrameReader, type FrameSink, type PartialFrame } from '../../src/protocol/index.ts';

export interface CollectedFrame {
  readonly command: number;
  readonly requestId: number;
  readonly body: Buffer;
}

export class FrameCollector implements FrameSink<undefined> {
  readonly frames: CollectedFrame[] = [];
  /** Name of the close reason, once the stream is malformed. */
  malformed: string | undefined;
  partial: PartialFrame | undefined;
  /** Stops reading after this many frames. */
  framesMax: number = Number.POSITIVE_INFINITY;
  readonly #bodyBytesMax: number;
  readonly #reader: FrameReader<undefined> = new FrameReader<undefined>(this);

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  feed(...chunks: Buffer[]): this {
    return this.feedAll(chunks);
  }

  feedAll(chunks: Iterable<Buffer>): this {
    for (const chunk of chunks) {
      if (this.malformed !== undefined) return this;
      this.partial = this.#reader.read(undefined, this.partial, chunk, () => this.#bodyBytesMax);
    }
    return this;
  }

  onFrame(_context: undefined, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    this.frames.push({ command, requestId, body: Buffer.from(bytes.subarray(start, end)) });
    return this.frames.length < this.framesMax;
  }

  onMalformed(_context: undefined, reason: number): void {
    if (this.malformed !== undefined) throw new Error('reported as malformed twice');
    this.malformed = CLOSE_REASON_NAMES[reason] ?? String(reason);
  }
}
