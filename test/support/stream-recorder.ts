import type { AcceptHandler, DialHandler, Stream } from '../../src/net/transport.ts';

/** Counts events of every stream and lets a test wait for them. */
export class StreamRecorder implements AcceptHandler, DialHandler {
  readonly streams: Stream[] = [];
  readonly received: Buffer[] = [];
  readonly closed: (Error | undefined)[] = [];
  opened = 0;
  drains = 0;
  echo = false;
  onStream: (stream: Stream) => void = () => {};
  #waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];

  onAccepted(stream: Stream): void {
    this.streams.push(stream);
    this.onStream(stream);
    this.#wake();
  }
  onOpen(stream: Stream): void {
    this.opened += 1;
    this.onStream(stream);
    this.#wake();
  }
  onBytes(stream: Stream, bytes: Uint8Array): void {
    const copy = Buffer.from(bytes);
    this.received.push(copy);
    if (this.echo) stream.write(copy);
    this.#wake();
  }
  onDrain(): void {
    this.drains += 1;
    this.#wake();
  }
  onClosed(_stream: Stream, error: Error | undefined): void {
    this.closed.push(error);
    this.#wake();
  }

  get receivedBytes(): number {
    return this.received.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  until(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ done, resolve });
      this.#wake();
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      if (one.done()) one.resolve();
      else this.#waiting.push(one);
    }
  }
}
