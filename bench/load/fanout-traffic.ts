/**
 * Drives fan-out: rounds of one message to all sessions, in an open loop at a rate or as fast as they go.
 *
 *   open     round n is due at start + n × sessions ÷ rate; its latency counts from then
 *   closed   `inFlight` rounds are under way: one that all sessions have makes room for the next
 */
import type { Clock, TimerHandle } from '../../src/clock/clock.ts';
import { DeliveryCheck, type DeliveryFaults } from './delivery-check.ts';
import type { FanoutEvents, FanoutWire } from './fanout-wire.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import type { PairCounts } from './pair-traffic.ts';
import { payloadCounter, payloadIntendedMs } from './pair-wire.ts';

const TICK_MS = 1;
/** Rounds whose deliveries are counted apart; far more than are ever under way. */
const ROUNDS_OPEN_MAX = 1 << 16;

export class FanoutTraffic implements FanoutEvents {
  broken: string | undefined;
  readonly #clock: Clock;
  readonly #latency: LatencyHistogram;
  readonly #sessions: number;
  readonly #inFlight: number;
  readonly #check: DeliveryCheck;
  readonly #missing = new Uint32Array(ROUNDS_OPEN_MAX);
  #wire: FanoutWire | undefined;
  /** 0: closed loop. */
  #roundsPerSecond = 0;
  #startMs = 0;
  #published = 0;
  #completed = 0;
  #delivered = 0;
  #issued = 0;
  #running = false;
  #timer: TimerHandle;

  constructor(clock: Clock, latency: LatencyHistogram, sessions: number, inFlight: number) {
    this.#clock = clock;
    this.#latency = latency;
    this.#sessions = sessions;
    this.#inFlight = inFlight;
    this.#check = new DeliveryCheck(sessions);
  }

  get counts(): PairCounts {
    const sent = this.#published * this.#sessions;
    return { sent, confirmed: sent, delivered: this.#delivered, refused: 0, waiting: 0 };
  }

  get faults(): DeliveryFaults {
    return this.#check.faults(new Uint32Array(this.#sessions).fill(this.#published));
  }

  get settled(): boolean {
    return this.#completed === this.#published;
  }

  /** @param perSecond deliveries to all sessions together; 0: as fast as they go */
  start(wire: FanoutWire, perSecond: number): void {
    this.#wire = wire;
    this.#roundsPerSecond = perSecond / this.#sessions;
    this.#startMs = this.#clock.monotonicMs();
    this.#issued = 0;
    this.#running = true;
    if (perSecond > 0) this.#tick();
    else this.#refill();
  }

  stop(): void {
    this.#running = false;
    this.#clock.clearTimer(this.#timer);
  }

  onDelivered(session: number, bytes: Uint8Array, start: number): void {
    const round = payloadCounter(bytes, start);
    if (!this.#check.delivered(session, round)) return;
    this.#delivered++;
    this.#latency.recordMs(this.#clock.monotonicMs() - payloadIntendedMs(bytes, start));
    const place = round % ROUNDS_OPEN_MAX;
    if (--(this.#missing[place] as number) > 0) return;
    this.#completed++;
    if (this.#roundsPerSecond === 0) this.#refill();
  }

  onBroken(reason: string): void {
    this.broken ??= reason;
    this.stop();
  }

  #refill(): void {
    while (this.#running && this.#published - this.#completed < this.#inFlight) {
      this.#publish(this.#clock.monotonicMs());
    }
  }

  #tick(): void {
    const elapsedMs = this.#clock.monotonicMs() - this.#startMs;
    const due = Math.floor((elapsedMs * this.#roundsPerSecond) / 1000);
    for (; this.#issued < due; this.#issued++) {
      this.#publish(this.#startMs + ((this.#issued + 1) * 1000) / this.#roundsPerSecond);
    }
    if (this.#running) this.#timer = this.#clock.setTimer(() => this.#tick(), TICK_MS);
  }

  #publish(intendedMs: number): void {
    const round = this.#published++;
    if (round - this.#completed >= ROUNDS_OPEN_MAX) {
      this.onBroken('the system is much slower than the offer');
      return;
    }
    this.#missing[round % ROUNDS_OPEN_MAX] = this.#sessions;
    this.#wire?.publish(round, intendedMs);
  }
}
