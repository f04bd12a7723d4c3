/**
 * One connection inside the process: two streams, and between them a wire that a test can chop, slow down, silence or
 * cut. Everything happens in tasks of the clock, never inside the call that caused it, as with real sockets.
 *
 *   A.write ──▶ A's outgoing: [bytes][bytes][FIN] ──latency──▶ B.onBytes (a copy that is spoilt after the call)
 *
 * Bytes count as pending until the other end has taken them; an end that is paused, or a silenced wire, takes nothing.
 */
import type { Clock } from '../../src/clock/clock.ts';
import type { Stream, StreamHandler } from '../../src/net/transport.ts';

export interface LinkOptions {
  /** 0 delivers at the end of the tick. */
  readonly latencyMs: number;
  /** Reads hand out at most this many bytes at a time; 1 shows every split of a frame. */
  readonly chunkBytes: number;
  /** `write` answers false once this much is pending. */
  readonly highWaterMarkBytes: number;
  /** What the accepting end sees as the peer's address. */
  readonly remoteAddress: string;
}

/** Gone: destroyed by its owner, who is told at the end of the tick. */
const StreamState = { Connecting: 0, Open: 1, Ending: 2, Gone: 3, Closed: 4 } as const;
type StreamState = (typeof StreamState)[keyof typeof StreamState];

/** Overwrites what a handler was given, so that bytes kept beyond the call are seen to be wrong. */
const SPOILT = 0xdd;

export class MemoryLink {
  readonly clock: Clock;
  /** May be changed at any time; what is on its way keeps its order. */
  options: LinkOptions;
  readonly dialled: MemoryStream;
  readonly accepted: MemoryStream;
  #silent = false;
  #held: (() => void)[] = [];

  constructor(clock: Clock, options: LinkOptions, dialler: StreamHandler, acceptor: StreamHandler) {
    this.clock = clock;
    this.options = options;
    this.dialled = new MemoryStream(this, dialler, '');
    this.accepted = new MemoryStream(this, acceptor, options.remoteAddress);
    this.dialled.pairWith(this.accepted);
  }

  get silent(): boolean {
    return this.#silent;
  }

  /**
   * A half-open wire: nothing arrives any more, not even a close, and nobody is told. Healing delivers what was held
   * back; an end whose peer has gone in the meantime is reset.
   */
  setSilent(silent: boolean): void {
    this.#silent = silent;
    if (!silent) this.clock.defer(() => this.#heal());
  }

  /** RST: both ends close with an error, what is on its way is lost. */
  cut(): void {
    this.clock.defer(() => {
      this.dialled.closeWith(resetError());
      this.accepted.closeWith(resetError());
    });
  }

  later(task: () => void): void {
    if (this.options.latencyMs > 0) this.clock.setTimer(task, this.options.latencyMs);
    else this.clock.defer(task);
  }

  /** Runs `task` now, or when a silent wire is healed. */
  whenAudible(task: () => void): void {
    if (this.#silent) this.#held.push(task);
    else task();
  }

  #heal(): void {
    const held = this.#held;
    this.#held = [];
    for (const task of held) task();
    for (const [end, peer] of [
      [this.dialled, this.accepted],
      [this.accepted, this.dialled],
    ] as const) {
      if (end.closed && !peer.closed) peer.closeWith(resetError());
      else end.deliver();
    }
  }
}

export class MemoryStream implements Stream {
  slot = -1;
  owner: unknown = undefined;
  outboxEntry = -1;
  readonly remoteAddress: string;
  readonly #link: MemoryLink;
  readonly #handler: StreamHandler;
  #peer: MemoryStream | undefined;
  #state: StreamState = StreamState.Connecting;
  /** Not yet taken by the peer; undefined is the end mark (FIN). */
  #outgoing: (Uint8Array | undefined)[] = [];
  /** How many of `#outgoing` have arrived at the peer's side of the wire. */
  #arrived = 0;
  #pendingBytes = 0;
  #drainWanted = false;
  #paused = false;
  #endTaken = false;
  #endReceived = false;

  constructor(link: MemoryLink, handler: StreamHandler, remoteAddress: string) {
    this.#link = link;
    this.#handler = handler;
    this.remoteAddress = remoteAddress;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get closed(): boolean {
    return this.#state >= StreamState.Gone;
  }

  pairWith(peer: MemoryStream): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  /** The connection stands; what was written before starts to travel. False when the owner has ended it already. */
  open(): boolean {
    const opened = this.#state === StreamState.Connecting;
    if (opened) this.#state = StreamState.Open;
    for (let waiting = this.#outgoing.length; waiting > 0; waiting -= 1) this.#send();
    return opened;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state >= StreamState.Ending) return false;
    if (bytes.length > 0) {
      this.#pendingBytes += bytes.length;
      this.#queue(bytes);
    }
    if (this.#pendingBytes < this.#link.options.highWaterMarkBytes) return true;
    this.#drainWanted = true;
    return false;
  }

  pause(): void {
    if (this.#state < StreamState.Ending) this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#link.clock.defer(() => this.#peer?.deliver());
  }

  end(): void {
    if (this.#state >= StreamState.Ending) return;
    const connected = this.#state === StreamState.Open;
    this.#state = StreamState.Ending;
    this.#outgoing.push(undefined);
    if (connected) this.#send();
    this.resume();
  }

  destroy(): void {
    if (this.#state >= StreamState.Gone) return;
    this.#state = StreamState.Gone;
    this.#outgoing = [];
    this.#pendingBytes = 0;
    this.#link.clock.defer(() => this.closeWith(undefined));
    this.#link.later(() => {
      if (!this.#link.silent) this.#peer?.closeWith(undefined);
    });
  }

  closeWith(error: Error | undefined): void {
    if (this.#state === StreamState.Closed) return;
    this.#state = StreamState.Closed;
    this.#outgoing = [];
    this.#pendingBytes = 0;
    this.#handler.onClosed(this, error);
  }

  /** Hands what has arrived to the peer, as far as the peer takes it. */
  deliver(): void {
    const peer = this.#peer as MemoryStream;
    while (this.#arrived > 0 && this.#outgoing.length > 0 && !peer.#paused && !this.#link.silent) {
      const item = this.#outgoing[0];
      if (item === undefined) {
        this.#shiftItem();
        this.#deliverEnd(peer);
        return;
      }
      const piece = item.subarray(0, this.#link.options.chunkBytes);
      if (piece.length === item.length) this.#shiftItem();
      else this.#outgoing[0] = item.subarray(piece.length);
      this.#taken(piece.length);
      peer.#receive(piece);
    }
  }

  #queue(bytes: Uint8Array): void {
    this.#outgoing.push(bytes);
    if (this.#state === StreamState.Open) this.#send();
  }

  #send(): void {
    this.#link.later(() => {
      this.#arrived += 1;
      this.deliver();
    });
  }

  #shiftItem(): void {
    this.#outgoing.shift();
    this.#arrived -= 1;
  }

  #taken(length: number): void {
    this.#pendingBytes = Math.max(0, this.#pendingBytes - length);
    if (!this.#drainWanted || this.#pendingBytes > 0) return;
    this.#drainWanted = false;
    this.#link.clock.defer(() => {
      if (this.#state === StreamState.Open && this.#pendingBytes === 0) this.#handler.onDrain(this);
    });
  }

  #receive(piece: Uint8Array): void {
    if (this.#state !== StreamState.Open) return;
    const copy = Buffer.from(piece);
    this.#handler.onBytes(this, copy);
    copy.fill(SPOILT);
  }

  #deliverEnd(peer: MemoryStream): void {
    this.#endTaken = true;
    peer.#endReceived = true;
    peer.end();
    this.#closeWhenBothEnded();
    peer.#closeWhenBothEnded();
  }

  #closeWhenBothEnded(): void {
    if (this.#endTaken && this.#endReceived) this.closeWith(undefined);
  }
}

export function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}
