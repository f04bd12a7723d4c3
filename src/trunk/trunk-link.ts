/**
 * One end of a trunk connection: frames in, batches out, heartbeats.
 *
 *   write*(link.writer, …); link.touch();   many times a tick
 *   ──► one stream.write per tick (or per 256 KiB), exactly-sized copy of the batch
 *
 * While frames come densely (more than one in the last batch) a batch also waits until `flushIntervalMs` have passed since
 * the last one: at 10,000 messages a second a tick holds one or two frames, and a write and a read for each of them cost
 * more than what is in them. Who sends one frame at a time never waits.
 *
 * Until its owner trusts the peer, a link takes short frames only, beats no heart and answers no Ping.
 *
 * A link is dead when nothing has come in for `heartbeatMs × heartbeatMisses`, when the stream closes, or when the peer
 * breaks the framing. It never re-sends: what was under way when it died has an unknown outcome, and the owner says so.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import { asBuffer } from '../net/bytes.ts';
import type { Stream } from '../net/transport.ts';
import { FrameReader, type FrameSink, MessagePackWriter, type PartialFrame } from '../protocol/index.ts';
import { writeEmpty } from './trunk-frames.ts';
import { HANDSHAKE_BODY_BYTES_MAX, TRUNK_BODY_BYTES_MAX, TrunkCommand } from './trunk-protocol.ts';

const BATCH_BYTES = 256 * 1024;

export interface TrunkTimes {
  /** A Ping goes out this often. */
  readonly heartbeatMs: number;
  /** This many intervals without any frame end the link. */
  readonly heartbeatMisses: number;
  /** The least time between two batches while frames come densely; none when left out. */
  readonly flushIntervalMs?: number;
}

export interface TrunkLinkOwner {
  /** Any frame but Ping and Pong; those too before `trust`. False: the frame makes no sense, and the link ends. */
  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean;
  /** Called once. */
  onLinkClosed(link: TrunkLink, reason: string): void;
}

export class TrunkLink implements FrameSink<undefined> {
  /** The batch of this tick. Call `touch` after writing into it. */
  readonly writer: MessagePackWriter = new MessagePackWriter();
  /** For the owner: what it knows of the peer. */
  peerName = '';
  peerBootId = '';
  peerRole = '';
  framesIn = 0;
  batchesOut = 0;
  bytesOut = 0;

  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #owner: TrunkLinkOwner;
  readonly #times: TrunkTimes;
  readonly #flushIntervalMs: number;
  readonly #reader: FrameReader<undefined> = new FrameReader(this);
  #partial: PartialFrame | undefined;
  #flushQueued = false;
  /** Calls of `touch` since the last flush: about as many frames. */
  #touches = 0;
  #isDense = false;
  #flushedMs = 0;
  #lastInMs = 0;
  #timer: TimerHandle | undefined;
  #closed = false;

  constructor(stream: Stream, clock: Clock, times: TrunkTimes, owner: TrunkLinkOwner) {
    this.#stream = stream;
    this.#clock = clock;
    this.#times = times;
    this.#flushIntervalMs = times.flushIntervalMs ?? 0;
    this.#owner = owner;
  }

  /** The handshake is done: frames of any length, and heartbeats. */
  trust(): void {
    this.#lastInMs = this.#clock.monotonicMs();
    this.#timer = this.#clock.setTimer(this.#beat, this.#times.heartbeatMs);
  }

  get trusted(): boolean {
    return this.#timer !== undefined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that the peer has not taken yet: the measure of its slowness. */
  get pendingBytes(): number {
    return this.writer.position + this.#stream.pendingBytes;
  }

  /** Makes sure that the batch leaves at the end of this tick. */
  touch(): void {
    this.#touches++;
    if (this.writer.position >= BATCH_BYTES) this.flush();
    else if (!this.#flushQueued) {
      this.#flushQueued = true;
      const waitMs = this.#isDense ? this.#flushedMs + this.#flushIntervalMs - this.#clock.monotonicMs() : 0;
      if (waitMs > 0) this.#clock.setTimer(this.#flushDeferred, waitMs);
      else this.#clock.defer(this.#flushDeferred);
    }
  }

  /** Sends the batch now. */
  flush(): void {
    if (this.writer.position === 0) return;
    if (this.#flushIntervalMs > 0) {
      this.#isDense = this.#touches > 1;
      this.#flushedMs = this.#clock.monotonicMs();
    }
    this.#touches = 0;
    if (!this.#closed) {
      this.batchesOut++;
      this.bytesOut += this.writer.position;
      this.#stream.write(this.writer.copy());
    }
    this.writer.reset();
  }

  receive(bytes: Uint8Array): void {
    this.#lastInMs = this.#clock.monotonicMs();
    this.#partial = this.#reader.read(undefined, this.#partial, asBuffer(bytes), this.#bodyBytesMax);
  }

  /** Ends the link from this side. What is batched is sent first. */
  close(reason: string): void {
    if (this.#closed) return;
    this.flush();
    this.#stream.end();
    this.#finish(reason);
  }

  /** Ends the link, and the stream at once, also one whose peer takes its time to close. */
  cut(reason: string): void {
    this.#break(reason);
  }

  /** The stream has ended. */
  streamClosed(reason: string): void {
    this.#finish(reason);
  }

  onFrame(_: undefined, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    this.framesIn++;
    const trusted = this.trusted;
    if (command === TrunkCommand.Ping && trusted) {
      writeEmpty(this.writer, TrunkCommand.Pong);
      this.touch();
    } else if (
      !(command === TrunkCommand.Pong && trusted) &&
      !this.#owner.onFrame(this, command, requestId, bytes, start, end)
    ) {
      this.#break(`a frame that makes no sense: command ${command}, ${end - start} bytes`);
    }
    return !this.#closed;
  }

  onMalformed(): void {
    this.#break('malformed framing');
  }

  readonly #bodyBytesMax = (): number => (this.trusted ? TRUNK_BODY_BYTES_MAX : HANDSHAKE_BODY_BYTES_MAX);

  readonly #flushDeferred = (): void => {
    this.#flushQueued = false;
    this.flush();
  };

  readonly #beat = (): void => {
    const silentMs = this.#clock.monotonicMs() - this.#lastInMs;
    if (silentMs > this.#times.heartbeatMs * this.#times.heartbeatMisses) {
      this.#break(`nothing heard for ${Math.round(silentMs)} ms`);
      return;
    }
    writeEmpty(this.writer, TrunkCommand.Ping);
    this.touch();
    this.#timer = this.#clock.setTimer(this.#beat, this.#times.heartbeatMs);
  };

  #break(reason: string): void {
    this.#stream.destroy();
    this.#finish(reason);
  }

  #finish(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.writer.reset();
    this.#partial = undefined;
    this.#owner.onLinkClosed(this, reason);
  }
}
