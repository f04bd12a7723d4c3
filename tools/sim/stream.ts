/**
 * One end of a simulated TCP connection. What the peer writes stands in `incoming` until it is read, in order and whole:
 *
 *   incoming:  [bytes][bytes][bytes][FIN]
 *               └── arrived ───┘ └ on its way
 *
 * Only a cut loses bytes: everything behind a random one, and then the end comes.
 */
import type { Stream, StreamHandler } from '../../src/net/transport.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { SimLink } from './link.ts';
import type { SimProcess } from './process.ts';

/** Sees what one end says and hears, before anybody acts on it. */
export interface StreamObserver {
  sent(bytes: Uint8Array): void;
  received(bytes: Uint8Array): void;
}

const StreamState = { Connecting: 0, Open: 1, Ending: 2, Closed: 3 } as const;
type StreamState = (typeof StreamState)[keyof typeof StreamState];

const FIN = 'fin';
const RESET = 'reset';
type Item = Uint8Array | typeof FIN | typeof RESET;

/** Overwrites what a handler was given, so that bytes kept beyond the call are seen to be wrong. */
const SPOILT = 0xdd;

export class SimStream implements Stream {
  slot = -1;
  owner: unknown = undefined;
  outboxEntry = -1;
  readonly remoteAddress: string;
  readonly process: SimProcess;
  observer: StreamObserver | undefined;
  readonly #link: SimLink;
  readonly #handler: StreamHandler;
  #peer: SimStream | undefined;
  #state: StreamState = StreamState.Connecting;
  /** Written before the connection stood. */
  #waiting: Item[] = [];
  #incoming: Item[] = [];
  #arrived = 0;
  #lastArrivalMs = 0;
  #unreadBytes = 0;
  #drainWanted = false;
  #isPaused = false;

  constructor(link: SimLink, process: SimProcess, handler: StreamHandler, remoteAddress: string) {
    this.#link = link;
    this.process = process;
    this.#handler = handler;
    this.remoteAddress = remoteAddress;
  }

  get isClosed(): boolean {
    return this.#state === StreamState.Closed;
  }

  get pendingBytes(): number {
    return Math.max(0, this.#unreadBytes - this.#link.bufferBytes);
  }

  pairWith(peer: SimStream): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  /** False when the owner has ended it already. */
  open(): boolean {
    if (this.#state !== StreamState.Connecting) return false;
    this.#state = StreamState.Open;
    for (const item of this.#waiting.splice(0)) this.#transmit(item);
    return true;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state >= StreamState.Ending || !this.process.isAlive) return false;
    if (bytes.length > 0) {
      this.observer?.sent(bytes);
      this.#unreadBytes += bytes.length;
      for (const piece of this.#link.cutUp(bytes)) this.#send(piece);
    }
    if (this.pendingBytes === 0) return true;
    this.#drainWanted = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.process.clock.defer(() => this.pump());
  }

  end(): void {
    if (this.#state >= StreamState.Ending || !this.process.isAlive) return;
    this.#send(FIN);
    this.#state = StreamState.Ending;
    this.resume();
  }

  destroy(): void {
    if (this.#state === StreamState.Closed || !this.process.isAlive) return;
    this.sayGoodbye();
    this.closeLater(undefined);
  }

  /** The system closes the socket: in order, or by a reset that overtakes what is on its way. */
  sayGoodbye(): void {
    if (this.#state >= StreamState.Ending) return;
    if (this.#link.random.below(2) === 0) this.#send(FIN);
    else this.#peer?.breakOff(this.#link.random);
  }

  /** What has not arrived is lost from a random byte on, and the connection is reset. */
  breakOff(random: SeededRandom): void {
    if (this.isClosed) return;
    const rest = this.#incoming.slice(this.#arrived);
    let keep = random.below(1 + rest.reduce((sum, item) => sum + (typeof item === 'string' ? 0 : item.length), 0));
    this.#incoming.length = this.#arrived;
    for (const item of rest) {
      if (typeof item === 'string' || keep === 0) break;
      this.#incoming.push(item.subarray(0, keep));
      keep = Math.max(0, keep - item.length);
    }
    this.#incoming.push(RESET);
    this.#link.later(this.process, () => {
      this.#arrived = this.#incoming.length;
      this.pump();
    });
  }

  /** Closes without a word to the peer, at the end of this tick. */
  closeLater(error: Error | undefined): void {
    if (this.isClosed) return;
    this.#state = StreamState.Closed;
    this.#incoming = [];
    this.process.clock.defer(() => this.#handler.onClosed(this, error));
  }

  /** Reads what has arrived, as far as the owner wants it. */
  pump(): void {
    while (this.#arrived > 0 && !this.#isPaused && !this.#link.isSilent && this.#isReading()) {
      const item = this.#incoming.shift();
      this.#arrived -= 1;
      if (item === undefined || item === RESET) this.#close(resetError());
      else if (item === FIN) this.#finish();
      else this.#read(item);
    }
  }

  #isReading(): boolean {
    return this.process.isAlive && (this.#state === StreamState.Open || this.#state === StreamState.Ending);
  }

  #send(item: Item): void {
    if (this.#state === StreamState.Connecting) this.#waiting.push(item);
    else this.#transmit(item);
  }

  #transmit(item: Item): void {
    const peer = this.#peer as SimStream;
    const { world } = this.process;
    if (peer.isClosed || peer.#incoming.at(-1) === RESET) return;
    peer.#incoming.push(item);
    peer.#lastArrivalMs = Math.max(peer.#lastArrivalMs, world.nowMs + this.#link.latencyMs());
    world.at(peer.process, peer.#lastArrivalMs - world.nowMs, 'arrive', () => {
      if (peer.#arrived < peer.#incoming.length) peer.#arrived += 1;
      peer.pump();
    });
  }

  #read(bytes: Uint8Array): void {
    this.process.world.trace.bytes(bytes);
    this.observer?.received(bytes);
    const step = this.#link.readsByteByByte ? 1 : bytes.length;
    for (let at = 0; at < bytes.length && this.#isReading(); at += step) {
      const copy = Buffer.from(bytes.subarray(at, at + step));
      this.#handler.onBytes(this, copy);
      copy.fill(SPOILT);
    }
    this.#peer?.taken(bytes.length);
  }

  /** The peer has read so much. */
  taken(length: number): void {
    this.#unreadBytes = Math.max(0, this.#unreadBytes - length);
    if (!this.#drainWanted || this.pendingBytes > 0) return;
    this.#drainWanted = false;
    this.#link.later(this.process, () => {
      if (this.#state === StreamState.Open && this.pendingBytes === 0) this.#handler.onDrain(this);
    });
  }

  #finish(): void {
    if (this.#state === StreamState.Open) this.#transmit(FIN);
    this.#close(undefined);
  }

  #close(error: Error | undefined): void {
    this.#state = StreamState.Closed;
    this.#incoming = [];
    this.#handler.onClosed(this, error);
  }
}

function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}
