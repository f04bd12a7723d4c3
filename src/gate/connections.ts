/**
 * The connections of one gate worker: table, streams and the only ways to write to one and to end one.
 *
 * A connection ends once, with one reason: a CLOSE frame goes out, the stream is ended, the observers let go of what
 * they keep for the slot, and the slot is free for reuse when the stream reports that it is closed (or after a short
 * linger, when the peer does not take the goodbye).
 */
import type { Clock } from '../clock/clock.ts';
import type { Logger } from '../log/logger.ts';
import { copyBytes } from '../net/bytes.ts';
import type { Outbox, Reservation } from '../net/outbox.ts';
import type { Stream } from '../net/transport.ts';
import { CLOSE_REASON_NAMES, CloseReason, HEADER_BYTES, MessagePackWriter, writeClose } from '../protocol/index.ts';
import { ConnectionState, type ConnectionTable } from './connection-table.ts';
import type { GateCounters } from './gate-counters.ts';
import { type SlowConsumerLimits, SlowConsumers } from './slow-consumers.ts';

/** Learns that a connection is about to end, while its columns are still readable. */
export type ClosingObserver = (slot: number, reason: CloseReason) => void;

export interface ConnectionLimits extends SlowConsumerLimits {
  /** Unsent bytes from which a connection must show that it reads. */
  readonly outboxSoftBytes: number;
  /** Unsent bytes at which a connection is closed as a slow consumer. */
  readonly outboxHardBytes: number;
}

/** Bytes that control frames may use above the hard limit, so that a CLOSE still gets out. */
const CONTROL_RESERVE_BYTES = 16 * 1024;
const TARGET_BYTES = 8;

export class Connections {
  /** Scratch for frames of this process: write one, hand it to `send`. */
  readonly writer: MessagePackWriter = new MessagePackWriter();
  readonly #observers: ClosingObserver[] = [];
  readonly table: ConnectionTable;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly counters: GateCounters;
  readonly #limits: ConnectionLimits;
  readonly #slow: SlowConsumers;
  readonly #log: Logger;
  /** Scratch. */
  readonly #streams: Stream[] = [];
  #preLogin = 0;

  constructor(
    table: ConnectionTable,
    outbox: Outbox,
    clock: Clock,
    counters: GateCounters,
    limits: ConnectionLimits,
    log: Logger,
  ) {
    this.table = table;
    this.outbox = outbox;
    this.clock = clock;
    this.counters = counters;
    this.#limits = limits;
    this.#slow = new SlowConsumers(limits);
    this.#log = log;
  }

  /** Connections that have not logged in. */
  get preLogin(): number {
    return this.#preLogin;
  }

  get slowConsumers(): number {
    return this.#slow.size;
  }

  onClosing(observer: ClosingObserver): void {
    this.#observers.push(observer);
  }

  /** A slot has been acquired for `stream`. */
  accepted(slot: number, stream: Stream): void {
    stream.slot = slot;
    this.table.streams[slot] = stream;
    this.table.lastSeenMs[slot] = this.clock.monotonicMs();
    this.#preLogin++;
    this.counters.accepted++;
  }

  /** The login has succeeded. */
  loggedIn(slot: number): void {
    this.table.transition(slot, ConnectionState.Ready);
    this.#preLogin--;
    this.counters.logins++;
  }

  /** True when frames about (slot, serial) still concern a live, logged-in connection. */
  isReady(slot: number, serial: number): boolean {
    return this.table.serial[slot] === serial && this.table.state[slot] === ConnectionState.Ready;
  }

  /**
   * Queues what was written into `writer` since its last reset, and resets it. False when the connection has ended, now
   * or before.
   */
  send(slot: number): boolean {
    const writer = this.writer;
    const stream = this.table.streams[slot];
    const open = stream !== undefined && this.#hasRoom(slot, stream, CONTROL_RESERVE_BYTES);
    if (open) this.outbox.append(stream, writer.buffer, 0, writer.position);
    writer.reset();
    return open;
  }

  /**
   * Queues one frame whose body exists as bytes; copied once, straight into the staging area. False when the connection
   * has ended, now or before.
   */
  sendBody(slot: number, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    const stream = this.table.streams[slot];
    if (stream === undefined || !this.#hasRoom(slot, stream, 0)) return false;
    const place = this.outbox.reserve(stream, HEADER_BYTES + end - start);
    writeFrame(place, command, requestId, bytes, start, end);
    return true;
  }

  /**
   * Queues one frame for many connections: staged once for all. Those without room end.
   *
   * @param targets pairs of slot and serial, u32 each; those that are not the same connection any more get nothing
   */
  sendBodyToAll(targets: Buffer, command: number, bytes: Buffer, start: number, end: number): void {
    const streams = this.#streams;
    let count = 0;
    for (let at = 0; at + TARGET_BYTES <= targets.length; at += TARGET_BYTES) {
      const slot = targets.readUInt32BE(at);
      const stream = this.table.streams[slot];
      if (stream === undefined || !this.isReady(slot, targets.readUInt32BE(at + 4))) this.counters.staleFrames++;
      else if (this.#hasRoom(slot, stream, 0)) streams[count++] = stream;
    }
    if (count === 0) return;
    writeFrame(this.outbox.reserveForAll(streams, count, HEADER_BYTES + end - start), command, 0, bytes, start, end);
    // Closed streams are not to be kept alive by it.
    streams.length = 0;
  }

  queuedBytes(slot: number): number {
    const stream = this.table.streams[slot];
    return stream === undefined ? 0 : this.outbox.queuedBytes(stream);
  }

  /** Ends a connection with one reason. Harmless when it is closing already. */
  close(slot: number, reason: CloseReason, retryAfterMs = 0, detail = ''): void {
    const stream = this.table.streams[slot];
    if (stream === undefined || this.table.state[slot] === ConnectionState.Closing) return;
    this.#leave(slot, reason, detail);
    // What a caller has begun to write is not sent any more: CLOSE is the last frame.
    this.writer.reset();
    writeClose(this.writer, 0, { reason, retryAfterMs, detail });
    this.outbox.append(stream, this.writer.buffer, 0, this.writer.position);
    this.writer.reset();
    this.outbox.flush(stream);
    stream.end();
  }

  /** The stream has ended by itself, or after `close`. The slot is free from here on. */
  streamClosed(slot: number): void {
    const stream = this.table.streams[slot];
    if (stream === undefined) return;
    if (this.table.state[slot] !== ConnectionState.Closing) this.#leave(slot, CloseReason.PeerClosed, '');
    this.outbox.discard(stream);
    this.table.release(slot);
  }

  /** The system has taken everything that was written to the connection. */
  drained(slot: number): void {
    this.#slow.forget(slot);
  }

  /** From now on the connection must take what is queued for it. */
  mustDrain(slot: number): void {
    this.#slow.watch(slot, this.queuedBytes(slot), this.clock.monotonicMs());
  }

  /** Ends the connections that have not read for too long. */
  endSlowConsumers(nowMs: number): void {
    this.#slow.check(nowMs, this.#queuedBytesOf, this.#endSlow);
  }

  /** Cuts a connection that does not take its goodbye. */
  abort(slot: number): void {
    this.table.streams[slot]?.destroy();
  }

  readonly #queuedBytesOf = (slot: number): number => this.queuedBytes(slot);
  readonly #endSlow = (slot: number): void => this.close(slot, CloseReason.SlowConsumer);

  #leave(slot: number, reason: CloseReason, detail: string): void {
    this.#slow.forget(slot);
    if ((this.table.state[slot] as number) < ConnectionState.Ready) this.#preLogin--;
    this.counters.closes[reason] = (this.counters.closes[reason] as number) + 1;
    for (const observe of this.#observers) observe(slot, reason);
    this.table.transition(slot, ConnectionState.Closing);
    this.#log.debug({ slot, reason: CLOSE_REASON_NAMES[reason], detail }, 'connection closed');
  }

  #hasRoom(slot: number, stream: Stream, reserveBytes: number): boolean {
    if (this.table.state[slot] === ConnectionState.Closing) return false;
    const queuedBytes = this.outbox.queuedBytes(stream);
    if (queuedBytes >= this.#limits.outboxSoftBytes) this.#slow.watch(slot, queuedBytes, this.clock.monotonicMs());
    if (queuedBytes <= this.#limits.outboxHardBytes + reserveBytes) return true;
    this.close(slot, CloseReason.SlowConsumer);
    return false;
  }
}

function writeFrame(
  { buffer, offset }: Reservation,
  command: number,
  requestId: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const length = end - start;
  buffer[offset] = length >>> 16;
  buffer[offset + 1] = length >>> 8;
  buffer[offset + 2] = length;
  buffer[offset + 3] = command;
  buffer[offset + 4] = requestId >>> 24;
  buffer[offset + 5] = requestId >>> 16;
  buffer[offset + 6] = requestId >>> 8;
  buffer[offset + 7] = requestId;
  copyBytes(bytes, start, end, buffer, offset + HEADER_BYTES);
}
