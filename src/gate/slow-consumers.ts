/**
 * Connections that do not read what is sent to them. Above the soft mark a connection gets notifications instead of
 * messages and must show progress: when its unsent bytes have not shrunk for `drainTimeoutMs`, it ends SLOW_CONSUMER.
 * Its timeline keeps everything.
 */
interface Watched {
  queuedBytes: number;
  sinceMs: number;
}

export interface SlowConsumerLimits {
  readonly outboxSoftBytes: number;
  readonly drainTimeoutMs: number;
}

export class SlowConsumers {
  readonly #limits: SlowConsumerLimits;
  readonly #watched: Map<number, Watched> = new Map();

  constructor(limits: SlowConsumerLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Called with the unsent bytes of a connection whenever something is queued for it. */
  observe(slot: number, queuedBytes: number, nowMs: number): void {
    if (queuedBytes < this.#limits.outboxSoftBytes || this.#watched.has(slot)) return;
    this.#watched.set(slot, { queuedBytes, sinceMs: nowMs });
  }

  /** Everything has been taken, or the connection is gone. */
  forget(slot: number): void {
    this.#watched.delete(slot);
  }

  /** Reports the connections that made no progress for too long. */
  check(nowMs: number, queuedBytes: (slot: number) => number, overdue: (slot: number) => void): void {
    for (const [slot, watched] of this.#watched) {
      const queued = queuedBytes(slot);
      if (queued === 0) this.#watched.delete(slot);
      else if (queued < watched.queuedBytes) watched.sinceMs = nowMs;
      else if (nowMs - watched.sinceMs >= this.#limits.drainTimeoutMs) overdue(slot);
      watched.queuedBytes = queued;
    }
  }
}
