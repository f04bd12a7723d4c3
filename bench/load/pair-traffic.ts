/**
 * Drives one-way pairs, either in an open loop at a rate or in a closed one as fast as they go.
 *
 *   open:    the n-th message, n from 1, is due at start + n ÷ rate, whatever the system does; its latency counts from then, the
 *            time it had to wait for a place in the window included. So a stall is paid by all messages it delays.
 *   closed:  each pair keeps `inFlight` messages under way; latency counts from the send.
 *
 * A message is under way until it is both confirmed to the sender and delivered to the receiver.
 */
import type { Clock, TimerHandle } from '../../src/clock/clock.ts';
import { DeliveryCheck, type DeliveryFaults } from './delivery-check.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import { type PairEvents, type PairWire, payloadCounter, payloadIntendedMs } from './pair-wire.ts';

const TICK_MS = 1;

export interface PairCounts {
  readonly sent: number;
  readonly confirmed: number;
  readonly delivered: number;
  readonly refused: number;
  /** Messages that are due and wait for a place in the window. */
  readonly waiting: number;
}

export class PairTraffic implements PairEvents {
  broken: string | undefined;
  readonly #clock: Clock;
  readonly #latency: LatencyHistogram;
  readonly #inFlight: number;
  readonly #sent: Uint32Array;
  readonly #confirmed: Uint32Array;
  readonly #delivered: Uint32Array;
  readonly #check: DeliveryCheck;
  /** By pair: intended times of messages that wait. */
  readonly #waiting: number[][];
  #waitingTotal = 0;
  #wire: PairWire | undefined;
  /** 0: closed loop. */
  #perSecond = 0;
  #startMs = 0;
  #issued = 0;
  #running = false;
  #timer: TimerHandle;
  #totals = { sent: 0, confirmed: 0, delivered: 0, refused: 0 };

  constructor(clock: Clock, latency: LatencyHistogram, pairs: number, inFlight: number) {
    this.#clock = clock;
    this.#latency = latency;
    this.#inFlight = inFlight;
    this.#sent = new Uint32Array(pairs);
    this.#confirmed = new Uint32Array(pairs);
    this.#delivered = new Uint32Array(pairs);
    this.#check = new DeliveryCheck(pairs);
    this.#waiting = Array.from({ length: pairs }, () => []);
  }

  get counts(): PairCounts {
    return { ...this.#totals, waiting: this.#waitingTotal };
  }

  get faults(): DeliveryFaults {
    return this.#check.faults(this.#sent);
  }

  /** True when nothing is under way. */
  get settled(): boolean {
    const { sent, confirmed, delivered } = this.#totals;
    return this.#waitingTotal === 0 && confirmed === sent && delivered >= sent;
  }

  start(wire: PairWire, perSecond: number): void {
    this.#wire = wire;
    this.#perSecond = perSecond;
    this.#startMs = this.#clock.monotonicMs();
    this.#issued = 0;
    this.#running = true;
    if (perSecond > 0) this.#tick();
    else for (let pair = 0; pair < this.#sent.length; pair++) this.#refill(pair);
  }

  /** No new messages; what waits goes on. */
  stop(): void {
    this.#running = false;
    this.#clock.clearTimer(this.#timer);
  }

  onConfirmed(pair: number): void {
    this.#confirmed[pair] = (this.#confirmed[pair] as number) + 1;
    this.#totals.confirmed++;
    this.#refill(pair);
  }

  onDelivered(pair: number, bytes: Uint8Array, start: number): void {
    this.#totals.delivered++;
    if (!this.#check.delivered(pair, payloadCounter(bytes, start))) return;
    this.#latency.recordMs(this.#clock.monotonicMs() - payloadIntendedMs(bytes, start));
    this.#delivered[pair] = (this.#delivered[pair] as number) + 1;
    this.#refill(pair);
  }

  onRefused(): void {
    this.#totals.refused++;
  }

  onBroken(reason: string): void {
    this.broken ??= reason;
    this.stop();
  }

  #tick(): void {
    const elapsedMs = this.#clock.monotonicMs() - this.#startMs;
    const due = Math.floor((elapsedMs * this.#perSecond) / 1000);
    for (; this.#issued < due; this.#issued++) {
      const pair = this.#issued % this.#sent.length;
      this.#issue(pair, this.#startMs + ((this.#issued + 1) * 1000) / this.#perSecond);
    }
    if (this.#running) this.#timer = this.#clock.setTimer(() => this.#tick(), TICK_MS);
  }

  #issue(pair: number, intendedMs: number): void {
    if (this.#hasRoom(pair)) {
      this.#send(pair, intendedMs);
      return;
    }
    this.#waiting[pair]?.push(intendedMs);
    this.#waitingTotal++;
  }

  #refill(pair: number): void {
    if (this.#perSecond === 0) {
      while (this.#running && this.#hasRoom(pair)) this.#send(pair, this.#clock.monotonicMs());
      return;
    }
    const waiting = this.#waiting[pair] as number[];
    while (waiting.length > 0 && this.#hasRoom(pair)) {
      this.#waitingTotal--;
      this.#send(pair, waiting.shift() as number);
    }
  }

  #hasRoom(pair: number): boolean {
    const done = Math.min(this.#confirmed[pair] as number, this.#delivered[pair] as number);
    return (this.#sent[pair] as number) - done < this.#inFlight;
  }

  #send(pair: number, intendedMs: number): void {
    const counter = this.#sent[pair] as number;
    this.#sent[pair] = counter + 1;
    this.#totals.sent++;
    this.#wire?.send(pair, counter, intendedMs);
  }
}
