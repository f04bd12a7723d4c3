/**
 * Connections that get no slot: each is told why, ended, and cut when its peer does not go. Without the cut a stranger
 * could hold a file descriptor of a full gate for as long as it likes.
 *
 * At most `LINGERING_MAX` wait for their peer; beyond it the oldest is cut at once. That is half of the descriptors that a
 * gate leaves free beside its clients: a worker without a descriptor loses the next connection that the primary hands to
 * it, and the primary then never hands it another one.
 */
import type { Stream } from '../net/transport.ts';
import { type CloseReason, MessagePackWriter, writeClose } from '../protocol/index.ts';

const LINGER_MS = 2000;
const LINGERING_MAX = 32;

export class Refusals {
  /** Ended streams and when to cut them, oldest first. */
  readonly #lingering: Map<Stream, number> = new Map();
  readonly #writer: MessagePackWriter = new MessagePackWriter(64);

  get lingering(): number {
    return this.#lingering.size;
  }

  refuse(stream: Stream, reason: CloseReason, retryAfterMs: number, nowMs: number): void {
    writeClose(this.#writer, 0, { reason, retryAfterMs, detail: '' });
    stream.write(this.#writer.copy());
    this.#writer.reset();
    stream.end();
    this.#lingering.set(stream, nowMs + LINGER_MS);
    if (this.#lingering.size > LINGERING_MAX) this.#cutOldest();
  }

  /** The stream has closed. */
  closed(stream: Stream): void {
    this.#lingering.delete(stream);
  }

  cutOverdue(nowMs: number): void {
    for (const [stream, cutMs] of this.#lingering) {
      if (cutMs > nowMs) return;
      this.#lingering.delete(stream);
      stream.destroy();
    }
  }

  cutAll(): void {
    this.cutOverdue(Number.POSITIVE_INFINITY);
  }

  #cutOldest(): void {
    const oldest = this.#lingering.keys().next().value as Stream;
    this.#lingering.delete(oldest);
    oldest.destroy();
  }
}
