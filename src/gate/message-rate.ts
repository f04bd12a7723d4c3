/**
 * How fast one connection may send (T17): messages per second with a burst, and bytes per second with a burst of one
 * second. What has been read is never thrown away: beyond the rate the gate stops reading from the connection until it
 * is within its rate again, at most `PAUSE_MS_MAX` at a time, so that its heartbeats still get through.
 *
 *   within ──rate exceeded──► above ──throttledAfterMs──► throttled: ERROR THROTTLED, not counted
 *     ▲                         │                            │
 *     └───half the burst free───┴────────────────────────────┘
 *
 * Cost: 24 bytes a slot; nothing of this exists when both rates are 0.
 */
import type { Clock } from '../clock/clock.ts';
import type { Connections } from './connections.ts';
import type { ReadPauses } from './read-pauses.ts';
import { SlotMeters } from './slot-meters.ts';

export interface MessageRateLimits {
  /** 0: no limit. */
  readonly messagesPerSecondMax: number;
  readonly messagesBurst: number;
  /** 0: no limit. */
  readonly messageBytesPerSecondMax: number;
  readonly throttledAfterMs: number;
}

const PAUSE_MS_MAX = 1000;

export class MessageRate {
  readonly #clock: Clock;
  readonly #pauses: ReadPauses;
  readonly #throttledAfterMs: number;
  readonly #messages: SlotMeters | undefined;
  readonly #bytes: SlotMeters | undefined;
  /** Since when a connection has been above its rate; by slot, only those that are. */
  readonly #aboveSinceMs: Map<number, number> = new Map();

  constructor(connections: Connections, pauses: ReadPauses, limits: MessageRateLimits) {
    const { messagesPerSecondMax, messagesBurst, messageBytesPerSecondMax, throttledAfterMs } = limits;
    this.#clock = connections.clock;
    this.#pauses = pauses;
    this.#throttledAfterMs = throttledAfterMs;
    this.#messages = messagesPerSecondMax > 0 ? new SlotMeters(messagesPerSecondMax, messagesBurst) : undefined;
    this.#bytes =
      messageBytesPerSecondMax > 0 ? new SlotMeters(messageBytesPerSecondMax, messageBytesPerSecondMax) : undefined;
    connections.onClosing((slot) => this.#forget(slot));
  }

  /** For how long messages of the connection must be refused THROTTLED; 0 when this one, of `bytes`, may pass. */
  take(slot: number, bytes: number): number {
    const nowMs = this.#clock.monotonicMs();
    const throttledMs = this.#aboveSinceMs.size === 0 ? 0 : this.#throttledMs(slot, nowMs);
    if (throttledMs > 0) {
      this.#pauses.pause(slot, Math.min(throttledMs, PAUSE_MS_MAX));
      return throttledMs;
    }
    const excessMs = Math.max(this.#messages?.count(slot, 1, nowMs) ?? 0, this.#bytes?.count(slot, bytes, nowMs) ?? 0);
    if (excessMs > 0) {
      if (!this.#aboveSinceMs.has(slot)) this.#aboveSinceMs.set(slot, nowMs);
      this.#pauses.pause(slot, Math.min(excessMs, PAUSE_MS_MAX));
    }
    return 0;
  }

  #throttledMs(slot: number, nowMs: number): number {
    const sinceMs = this.#aboveSinceMs.get(slot);
    if (sinceMs === undefined) return 0;
    const recoveryMs = Math.max(
      this.#messages?.recoveryMs(slot, nowMs) ?? 0,
      this.#bytes?.recoveryMs(slot, nowMs) ?? 0,
    );
    if (recoveryMs > 0) return nowMs - sinceMs >= this.#throttledAfterMs ? recoveryMs : 0;
    this.#aboveSinceMs.delete(slot);
    return 0;
  }

  #forget(slot: number): void {
    this.#messages?.forget(slot);
    this.#bytes?.forget(slot);
    this.#aboveSinceMs.delete(slot);
  }
}
