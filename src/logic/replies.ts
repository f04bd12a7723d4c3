import type { Random } from '../clock/random.ts';
import { Command, ErrorCode, RETRYABLE_ERRORS, writeErrorBody } from '../protocol/index.ts';
import { beginBody, beginReply, endBody } from '../trunk/trunk-frames.ts';
import type { LogicCounters } from './logic-counters.ts';
import { confirmingRetryMs, requestRetryMs } from './retry-delay.ts';
import type { LiveSession } from './session-lifecycle.ts';

/** Answers requests with ERROR. */
export class ErrorReplies {
  readonly #random: Random;
  readonly #counters: LogicCounters;

  constructor(random: Random, counters: LogicCounters) {
    this.#random = random;
    this.#counters = counters;
  }

  write(session: LiveSession, requestId: number, code: ErrorCode): void {
    this.#write(session, requestId, code, RETRYABLE_ERRORS.has(code) ? requestRetryMs(this.#random) : 0);
  }

  /** The session has not been compared with the store yet. */
  writeUnconfirmed(session: LiveSession, requestId: number): void {
    this.#write(session, requestId, ErrorCode.Busy, confirmingRetryMs(this.#random));
  }

  #write(session: LiveSession, requestId: number, code: ErrorCode, retryAfterMs: number): void {
    this.#counters.errors[code]!++;
    const { writer } = session.link;
    const frame = beginReply(writer, session.slot, session.serial, Command.Error, requestId, 0, 0, 0);
    const body = beginBody(writer);
    writeErrorBody(writer, { code, retryAfterMs, detail: '' });
    endBody(writer, frame, body);
    session.link.touch();
  }
}
