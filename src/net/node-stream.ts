/**
 * A `net.Socket` (or one with TLS on top) as a `Stream`. A connection owns its socket and one wrapper; the event handlers
 * are functions of this module that find the wrapper through a property of the socket: no closure per connection.
 */
import * as net from 'node:net';
import type { DialHandler, Stream, StreamHandler } from './transport.ts';

const STREAM: unique symbol = Symbol('stream');

interface StreamSocket extends net.Socket {
  [STREAM]: NodeStream;
}

/** Open ⇄ Blocked → Ending → Closed; each may go to Closed at once. */
const StreamState = {
  Open: 0,
  /** `write` has answered false: a drain is awaited. */
  Blocked: 1,
  /** `end` was called: nothing is written or reported any more. */
  Ending: 2,
  Closed: 3,
} as const;
type StreamState = (typeof StreamState)[keyof typeof StreamState];

export class NodeStream implements Stream {
  slot = -1;
  owner: unknown = undefined;
  outboxEntry = -1;
  readonly #socket: StreamSocket;
  readonly #handler: StreamHandler;
  #state: StreamState = StreamState.Open;

  constructor(socket: net.Socket, handler: StreamHandler) {
    this.#socket = socket as StreamSocket;
    this.#handler = handler;
    this.#socket[STREAM] = this;
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on('drain', onDrain);
  }

  get pendingBytes(): number {
    return this.#state === StreamState.Closed ? 0 : this.#socket.writableLength;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? '';
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    // Not writable although open: the peer has closed its side and ours is on the way.
    if (this.#state >= StreamState.Ending || !socket.writable) return false;
    // `write` answers by what was asked; what counts is what the system has not taken.
    if (socket.write(bytes) || socket.writableLength < socket.writableHighWaterMark) return true;
    this.#state = StreamState.Blocked;
    return false;
  }

  pause(): void {
    if (this.#state < StreamState.Ending) this.#socket.pause();
  }

  resume(): void {
    if (this.#state < StreamState.Ending) this.#socket.resume();
  }

  end(): void {
    if (this.#state >= StreamState.Ending) return;
    this.#state = StreamState.Ending;
    this.#socket.end();
    // A paused socket would never see the peer's close.
    this.#socket.resume();
  }

  destroy(): void {
    if (this.#state !== StreamState.Closed) this.#socket.destroy();
  }

  opened(): void {
    if (this.#state < StreamState.Ending) (this.#handler as DialHandler).onOpen(this);
  }

  received(bytes: Uint8Array): void {
    if (this.#state < StreamState.Ending) this.#handler.onBytes(this, bytes);
  }

  drained(): void {
    if (this.#state !== StreamState.Blocked) return;
    this.#state = StreamState.Open;
    this.#handler.onDrain(this);
  }

  closed(error: Error | undefined): void {
    if (this.#state === StreamState.Closed) return;
    this.#state = StreamState.Closed;
    this.#handler.onClosed(this, error);
  }
}

export function onConnect(this: net.Socket): void {
  (this as StreamSocket)[STREAM].opened();
}

/**
 * Reports what is read from `socket`. Its own `push` hands a chunk straight on while the socket flows and has nothing
 * queued; otherwise, and where the runtime would not read through `push`, the readable side does what it always does and
 * reports by 'data'. That saves its bookkeeping and one deferred call for every read.
 */
export function reportReads(socket: net.Socket): void {
  socket.push = push;
  socket.on('data', onData);
}

function push(this: net.Socket, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (this.readableFlowing !== true || this.readableLength > 0 || !Buffer.isBuffer(chunk)) {
    return net.Socket.prototype.push.call(this, chunk, encoding);
  }
  (this as StreamSocket)[STREAM].received(chunk);
  return true;
}

function onData(this: net.Socket, bytes: Uint8Array): void {
  (this as StreamSocket)[STREAM].received(bytes);
}

export function onSharedRead(this: net.Socket, length: number, buffer: Uint8Array): boolean {
  (this as StreamSocket)[STREAM].received(buffer.subarray(0, length));
  return true;
}

function onDrain(this: net.Socket): void {
  (this as StreamSocket)[STREAM].drained();
}

function onError(this: net.Socket, error: Error): void {
  (this as StreamSocket)[STREAM].closed(error);
}

function onClose(this: net.Socket): void {
  (this as StreamSocket)[STREAM].closed(undefined);
}
