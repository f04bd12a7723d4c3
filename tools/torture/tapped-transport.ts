/** Real sockets with an ear on each: the observer sees bytes before anybody acts on them. */
import type { NodeTransport } from '../../src/net/node-transport.ts';
import type { AcceptHandler, Address, DialHandler, Listener, Stream, Transport } from '../../src/net/transport.ts';
import type { StreamObserver } from '../sim/stream.ts';

export class TappedTransport implements Transport {
  readonly #inner: NodeTransport;
  readonly #observe: () => StreamObserver;

  /** `inner` is shared: it owns a read buffer. `observe` makes the observer of a new connection. */
  constructor(inner: NodeTransport, observe: () => StreamObserver) {
    this.#inner = inner;
    this.#observe = observe;
  }

  listen(address: Address, handler: AcceptHandler): Promise<Listener> {
    return this.#inner.listen(address, handler);
  }

  dial(address: Address, handler: DialHandler): Stream {
    const observer = this.#observe();
    const stream: TappedStream = new TappedStream(
      this.#inner.dial(address, {
        onOpen: () => handler.onOpen(stream),
        onBytes: (_inner, bytes) => {
          observer.received(bytes);
          handler.onBytes(stream, bytes);
        },
        onDrain: () => handler.onDrain(stream),
        onClosed: (_inner, error) => handler.onClosed(stream, error),
      }),
      observer,
    );
    return stream;
  }
}

class TappedStream implements Stream {
  slot = -1;
  owner: unknown = undefined;
  outboxEntry = -1;
  readonly #inner: Stream;
  readonly #observer: StreamObserver;

  constructor(inner: Stream, observer: StreamObserver) {
    this.#inner = inner;
    this.#observer = observer;
  }

  get pendingBytes(): number {
    return this.#inner.pendingBytes;
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }

  write(bytes: Uint8Array): boolean {
    this.#observer.sent(bytes);
    return this.#inner.write(bytes);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }
}
