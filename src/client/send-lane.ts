/**
 * The queue of one target, oldest first. Pure: it says what may be sent next and what a reply means.
 *
 *   flowing ──refused──▶ draining ──no reply is missing──▶ resting ──time──▶ flowing, the first one with RESTART
 *
 * Up to 8 messages are in flight. After a refusal nothing new is sent until the replies of all in flight are in: the
 * server holds what follows a refused message, and only then does "everything unacknowledged, oldest first" mean the
 * same to both sides.
 */
import type { UnsentMessage } from './storage.ts';

export const LANE_IN_FLIGHT_MAX = 8;

export class QueuedMessage {
  readonly message: UnsentMessage;
  /** It is in the storage: only then may it be sent. */
  isStored = false;
  /** It was handed to the server at least once. */
  wasSent = false;
  isCancelled = false;
  /** Of the SEND in flight; 0 when there is none. */
  requestId = 0;

  constructor(message: UnsentMessage) {
    this.message = message;
  }
}

export class SendLane {
  readonly target: string;
  /** Everything unacknowledged; those in flight come first. */
  readonly entries: QueuedMessage[] = [];
  #phase: 'flowing' | 'draining' | 'resting' = 'flowing';
  #inFlight = 0;
  #restart = false;
  #retryAfterMs = 0;
  #refusals = 0;

  constructor(target: string) {
    this.target = target;
  }

  /** How often it was refused since the last success, at least 1 while it rests. */
  get refusals(): number {
    return this.#refusals;
  }

  /** The longest wait that the server asked for in this refusal; 0 when it named none. */
  get retryAfterMs(): number {
    return this.#retryAfterMs;
  }

  get isResting(): boolean {
    return this.#phase === 'resting';
  }

  /** What may be sent now. */
  next(): QueuedMessage | undefined {
    if (this.#phase !== 'flowing' || this.#inFlight >= LANE_IN_FLIGHT_MAX) return undefined;
    const entry = this.entries.find((each) => each.requestId === 0);
    return entry?.isStored === true ? entry : undefined;
  }

  /** `entry` leaves now. True when it must carry RESTART. */
  sent(entry: QueuedMessage, requestId: number): boolean {
    const restart = this.#restart;
    this.#restart = false;
    this.#inFlight += 1;
    entry.requestId = requestId;
    entry.wasSent = true;
    return restart;
  }

  /** The server has stored it, or refused it for good. */
  settled(entry: QueuedMessage, isStored: boolean): void {
    if (isStored) this.#refusals = 0;
    this.#landed(entry);
    this.remove(entry);
  }

  /** The server wants it again later, or has not answered in time. */
  refused(entry: QueuedMessage, retryAfterMs: number): void {
    if (this.#phase === 'flowing') {
      this.#phase = 'draining';
      this.#retryAfterMs = 0;
      this.#refusals += 1;
    }
    this.#retryAfterMs = Math.max(this.#retryAfterMs, retryAfterMs);
    this.#landed(entry);
    if (entry.isCancelled) this.remove(entry);
  }

  /** The back-off is over, or a new connection begins: everything is sent again from the start. */
  restart(): void {
    this.#phase = 'flowing';
    this.#restart = true;
    this.#inFlight = 0;
    for (const entry of this.entries) entry.requestId = 0;
  }

  remove(entry: QueuedMessage): void {
    const index = this.entries.indexOf(entry);
    if (index >= 0) this.entries.splice(index, 1);
  }

  #landed(entry: QueuedMessage): void {
    entry.requestId = 0;
    this.#inFlight -= 1;
    if (this.#phase === 'draining' && this.#inFlight === 0) this.#phase = 'resting';
  }
}
