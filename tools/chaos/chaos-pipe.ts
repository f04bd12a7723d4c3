/** One direction of a proxied connection: bytes wait in a bounded queue until they are due and may pass. */
import type * as net from 'node:net';
import type { Clock, TimerHandle } from '../../src/clock/clock.ts';
import type { ChaosFaults } from './chaos-faults.ts';

/** More than this is left in the sender's and the system's buffers. */
export const QUEUE_BYTES_MAX: number = 256 * 1024;

interface Waiting {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

export class ChaosPipe {
  readonly #clock: Clock;
  readonly #source: net.Socket;
  readonly #sink: net.Socket;
  readonly #isHeld: () => boolean;
  readonly #faults: () => ChaosFaults;
  readonly #allow: (wanted: number) => number;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  /** Not before this time, because of the byte rate. */
  #freeAtMs = 0;
  #timer: TimerHandle = undefined;
  #sourceEnded = false;
  #stopped = false;

  /** `allow(n)` answers how many of n bytes may pass, and may `stop` the pipe when that is 0. */
  constructor(
    clock: Clock,
    source: net.Socket,
    sink: net.Socket,
    isHeld: () => boolean,
    faults: () => ChaosFaults,
    allow: (wanted: number) => number,
  ) {
    this.#clock = clock;
    this.#source = source;
    this.#sink = sink;
    this.#isHeld = isHeld;
    this.#faults = faults;
    this.#allow = allow;
    source.on('data', (bytes) => this.#take(bytes));
    source.on('end', () => {
      this.#sourceEnded = true;
      this.pump();
    });
    sink.on('drain', () => this.pump());
  }

  /** Passes on what is due; called again whenever something may have changed. */
  pump(): void {
    this.#clock.clearTimer(this.#timer);
    while (!this.#stopped && !this.#isHeld() && !this.#sink.writableNeedDrain) {
      const first = this.#queue[0];
      if (first === undefined) {
        if (this.#sourceEnded) this.finish();
        break;
      }
      const waitMs = Math.max(first.dueMs, this.#freeAtMs) - this.#clock.monotonicMs();
      if (waitMs > 0) {
        this.#timer = this.#clock.setTimer(() => this.pump(), Math.ceil(waitMs));
        break;
      }
      this.#queue.shift();
      if (!this.#pass(first)) break;
    }
    this.#readOrNot();
  }

  /** FIN, now; what waits is lost. */
  finish(): void {
    this.stop();
    this.#sink.end();
    // What still comes in goes nowhere, but its end must be seen.
    this.#source.resume();
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.clearTimer(this.#timer);
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #take(bytes: Buffer): void {
    if (this.#stopped) return;
    this.#queue.push({ bytes, dueMs: this.#clock.monotonicMs() + this.#faults().latencyMs });
    this.#queuedBytes += bytes.length;
    this.pump();
  }

  /** Writes as much of the chunk as may go now and puts the rest back. False when the rest has to wait for a while. */
  #pass({ bytes, dueMs }: Waiting): boolean {
    const { oneByte, bytesPerSecondMax } = this.#faults();
    const slice = bytesPerSecondMax > 0 ? Math.max(1, Math.floor(bytesPerSecondMax / 100)) : bytes.length;
    const length = this.#allow(oneByte ? 1 : Math.min(slice, bytes.length));
    if (length === 0) return false;
    this.#queuedBytes -= length;
    this.#sink.write(bytes.subarray(0, length));
    if (bytesPerSecondMax > 0) this.#freeAtMs = this.#clock.monotonicMs() + (length * 1000) / bytesPerSecondMax;
    if (length < bytes.length) this.#queue.unshift({ bytes: bytes.subarray(length), dueMs });
    if (!oneByte) return true;
    // One byte a tick, or the system would put them together again.
    this.#clock.defer(() => this.pump());
    return false;
  }

  #readOrNot(): void {
    if (!this.#stopped && (this.#isHeld() || this.#queuedBytes >= QUEUE_BYTES_MAX)) this.#source.pause();
    else this.#source.resume();
  }
}
