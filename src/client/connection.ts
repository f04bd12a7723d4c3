/**
 * One socket, from dialling to its end: log in, cut frames, keep alive, and collect what is written in one turn into one
 * write. It ends exactly once, with one reason; a new attempt is a new object.
 *
 *   dialling ──▶ logging in ──▶ online ──▶ ended        every one of them may end
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import { asBuffer } from '../net/bytes.ts';
import type { Address, DialHandler, Stream, Transport } from '../net/transport.ts';
import {
  CloseReason,
  Command,
  type ConnackBody,
  type ConnectBody,
  FrameReader,
  type FrameSink,
  MessagePackWriter,
  type PartialFrame,
  readClose,
  readConnack,
  readKick,
  SERVER_BODY_BYTES_MAX,
  writeConnect,
  writeDisconnect,
  writePing,
} from '../protocol/index.ts';
import { Heartbeat } from './heartbeat.ts';

export interface ConnectionEnd {
  /** A close reason; PEER_CLOSED when the server gave none. */
  readonly reason: number;
  readonly retryAfterMs: number;
  readonly detail: string;
}

export interface ConnectionOwner {
  onLoggedIn(connection: Connection, connack: ConnackBody): void;
  /** A frame after the login. False when its body makes no sense. The body is valid during the call only. */
  onFrame(command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean;
  onKicked(reason: number, deviceType: string): void;
  /** The system has taken all that was written. */
  onDrain(): void;
  /** Last of all, once. */
  onEnded(connection: Connection, end: ConnectionEnd): void;
}

export interface ConnectionPlatform {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
}

type Phase = 'dialling' | 'loggingIn' | 'online' | 'ended';

/** How long the peer may take to close after we did. */
const LINGER_MS = 2000;
/** Enough for a heartbeat and an ACK: one process may hold thousands of clients. It grows. */
const WRITER_BYTES = 256;
const REQUEST_ID_SPAN = 0x1_0000_0000;
const bodyBytesMax = (): number => SERVER_BODY_BYTES_MAX;

export class Connection implements DialHandler, FrameSink<undefined> {
  readonly #clock: Clock;
  readonly #owner: ConnectionOwner;
  readonly #connect: ConnectBody;
  readonly #heartbeat: Heartbeat;
  readonly #reader: FrameReader<undefined>;
  readonly #writer = new MessagePackWriter(WRITER_BYTES);
  readonly #stream: Stream;
  /** Of the login first, of the peer's close later. */
  #deadline: TimerHandle;
  #partial: PartialFrame | undefined;
  #phase: Phase = 'dialling';
  #lastRequestId = 0;
  /** The reason of a KICK, in case the CLOSE that follows does not arrive. */
  #kickReason: number = CloseReason.PeerClosed;
  #congested = false;

  constructor(
    platform: ConnectionPlatform,
    address: Address,
    connect: ConnectBody,
    loginTimeoutMs: number,
    owner: ConnectionOwner,
  ) {
    this.#clock = platform.clock;
    this.#owner = owner;
    this.#connect = connect;
    this.#reader = new FrameReader(this);
    const lost = () => this.end({ reason: CloseReason.PeerClosed, retryAfterMs: 0, detail: 'no sign of life' });
    const late = () => this.end({ reason: CloseReason.PeerClosed, retryAfterMs: 0, detail: 'no login in time' });
    const beat = () => this.#ping();
    this.#heartbeat = new Heartbeat(platform.clock, platform.random, beat, lost);
    this.#deadline = platform.clock.setTimer(late, loginTimeoutMs);
    this.#stream = platform.transport.dial(address, this);
  }

  /** True while the peer is slower than we write: hold back what can wait until `onDrain`. */
  get congested(): boolean {
    return this.#congested;
  }

  /** Never 0: that means no reply is wanted. */
  nextRequestId(): number {
    this.#lastRequestId = (this.#lastRequestId + 1) % REQUEST_ID_SPAN || 1;
    return this.#lastRequestId;
  }

  /** Where to write a frame; it leaves at the end of this turn. */
  writer(): MessagePackWriter {
    if (this.#writer.position === 0) this.#clock.defer(() => this.#flush());
    return this.#writer;
  }

  /** Leaves politely: what was written still goes out. `onEnded` has been called when this returns. */
  disconnect(): void {
    if (this.#phase === 'online') {
      writeDisconnect(this.#writer, 0, { reason: CloseReason.Normal });
      this.#flush();
    }
    this.end({ reason: CloseReason.Normal, retryAfterMs: 0, detail: '' });
  }

  /** Ends it from this side. */
  end(end: ConnectionEnd): void {
    if (this.#phase === 'ended') return;
    const polite = this.#phase === 'online';
    this.#phase = 'ended';
    this.#heartbeat.stop();
    this.#clock.clearTimer(this.#deadline);
    this.#partial = undefined;
    if (polite) this.#linger();
    else this.#stream.destroy();
    this.#owner.onEnded(this, end);
  }

  onOpen(): void {
    if (this.#phase !== 'dialling') return;
    this.#phase = 'loggingIn';
    writeConnect(this.writer(), this.nextRequestId(), this.#connect);
  }

  onBytes(_stream: Stream, bytes: Uint8Array): void {
    if (this.#phase === 'ended') return;
    const chunk = asBuffer(bytes);
    this.#partial = this.#reader.read(undefined, this.#partial, chunk, bodyBytesMax);
  }

  onDrain(): void {
    this.#congested = false;
    if (this.#phase === 'online') this.#owner.onDrain();
  }

  onClosed(_stream: Stream, error: Error | undefined): void {
    this.#clock.clearTimer(this.#deadline);
    this.end({ reason: this.#kickReason, retryAfterMs: 0, detail: error?.message ?? '' });
  }

  onMalformed(): void {
    this.#malformed('a frame of the server has an impossible length');
  }

  onFrame(_context: undefined, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    this.#heartbeat.sign();
    if (command === Command.Close) this.#onClose(bytes, start, end);
    else if (command === Command.Kick) this.#onKick(bytes, start, end);
    else if (this.#phase === 'online') {
      if (!this.#owner.onFrame(command, requestId, bytes, start, end)) this.#malformed(`command ${command}`);
    } else this.#onLogin(command, bytes, start, end);
    return (this.#phase as Phase) !== 'ended';
  }

  #onLogin(command: number, bytes: Buffer, start: number, end: number): void {
    const connack = command === Command.Connack ? readConnack(bytes, start, end) : undefined;
    if (connack === undefined) {
      this.#malformed(`command ${command} instead of CONNACK`);
      return;
    }
    this.#phase = 'online';
    this.#clock.clearTimer(this.#deadline);
    this.#heartbeat.start(Math.max(1, connack.heartbeatMs));
    this.#owner.onLoggedIn(this, connack);
  }

  #onClose(bytes: Buffer, start: number, end: number): void {
    const close = readClose(bytes, start, end);
    if (close === undefined) this.#malformed('CLOSE');
    else this.end(close);
  }

  #onKick(bytes: Buffer, start: number, end: number): void {
    const kick = readKick(bytes, start, end);
    if (kick === undefined) {
      this.#malformed('KICK');
      return;
    }
    this.#kickReason = kick.reason;
    this.#owner.onKicked(kick.reason, kick.deviceType);
  }

  #malformed(detail: string): void {
    this.end({ reason: CloseReason.PeerClosed, retryAfterMs: 0, detail: `not understood: ${detail}` });
  }

  #ping(): void {
    writePing(this.writer(), this.nextRequestId(), {});
  }

  #flush(): void {
    if (this.#writer.position === 0) return;
    const bytes = this.#writer.copy();
    this.#writer.reset();
    if (this.#phase === 'ended') return;
    if (!this.#stream.write(bytes)) this.#congested = true;
  }

  #linger(): void {
    this.#stream.end();
    this.#deadline = this.#clock.setTimer(() => this.#stream.destroy(), LINGER_MS);
  }
}
