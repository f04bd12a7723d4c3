/**
 * Turns of the event loop that take long: when ten thousand connections close at once, the runtime reports all of them
 * before the tick ends, and what the others sent and were sent meanwhile would wait for that, up to a second.
 *
 *   event ─ event ─ event ─ … 20 ms … ─ event ─ … ─ event ─ end of the tick
 *                                └─ batch to logic and outbox leave here     └─ and here, as always
 *
 * Cost: one comparison for each event. A turn of normal length is never cut in two.
 */
import type { Clock } from '../clock/clock.ts';
import type { Outbox } from '../net/outbox.ts';
import type { LogicLinks } from '../trunk/logic-links.ts';

const LONG_MS = 20;

export class LongTurns {
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  readonly #links: Pick<LogicLinks, 'flush'>;
  #flushedMs = 0;

  constructor(clock: Clock, outbox: Outbox, links: Pick<LogicLinks, 'flush'>) {
    this.#clock = clock;
    this.#outbox = outbox;
    this.#links = links;
  }

  /** Called before an event is handled. Answers the monotonic time. */
  event(): number {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#flushedMs >= LONG_MS) this.flush(nowMs);
    return nowMs;
  }

  /** Sends what this turn has left to send so far. */
  flush(nowMs: number): void {
    this.#flushedMs = nowMs;
    this.#links.flush();
    this.#outbox.flushAll();
  }
}
