/**
 * Connections that do not read what is sent to them. Above the soft mark a connection gets notifications instead of
 * messages; from then on, and when an ack deadline finds its socket not drained, it must show progress: when its unsent
 * bytes have not shrunk for `stallTimeoutMs`, it ends SLOW_CONSUMER. Its timeline keeps everything.
 */
interface Watched {
  queuedBytes: number;
  sinceMs: number;
}

export interface SlowConsumerLimits {
  readonly stallTimeoutMs: number;
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

  /** The connection must drain from now on. Nothing changes when it is watched already. */
  watch(slot: number, queuedBytes: number, nowMs: number): void {
    if (!this.#watched.has(slot)) this.#watched.set(slot, { queuedBytes, sinceMs: nowMs });
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
      else if (nowMs - watched.sinceMs >= this.#limits.stallTimeoutMs) overdue(slot);
      watched.queuedBytes = queued;
    }
  }
}
