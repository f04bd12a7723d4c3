/**
 * The api's end of the trunk: one push is one request, answered by number.
 *
 * Nothing is ever sent twice from here. When the link breaks, or no answer comes in time, the outcome is unknown and the
 * caller is told so; the push's id makes its retry safe.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import { ErrorCode } from '../protocol/index.ts';
import { TrunkDialer, type TrunkDialerOptions, type TrunkDialerOwner } from '../trunk/trunk-dialer.ts';
import { readApiPushed } from '../trunk/trunk-dispatch.ts';
import { writeApiPush } from '../trunk/trunk-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import { type ApiPushedFrame, type ApiPushFrame, TrunkCommand } from '../trunk/trunk-protocol.ts';

export interface PushLinkOptions extends Omit<TrunkDialerOptions, 'role'> {
  /** Pushes that may wait for their answer at the same time. */
  readonly outstandingMax?: number;
  readonly answerTimeoutMs?: number;
}

export const OUTSTANDING_PUSHES_MAX = 4096;
const ANSWER_TIMEOUT_MS = 10_000;
const REQUEST_NUMBERS = 0x1_0000_0000;

interface Waiting {
  readonly resolve: (answer: ApiPushedFrame) => void;
  readonly timer: TimerHandle;
}

export class PushLink implements TrunkDialerOwner {
  readonly #dialer: TrunkDialer;
  readonly #clock: Clock;
  readonly #outstandingMax: number;
  readonly #answerTimeoutMs: number;
  readonly #waiting: Map<number, Waiting> = new Map();
  #nextRequest = 1;

  constructor(options: PushLinkOptions) {
    this.#dialer = new TrunkDialer({ ...options, role: 'api' }, this);
    this.#clock = options.clock;
    this.#outstandingMax = options.outstandingMax ?? OUTSTANDING_PUSHES_MAX;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  get up(): boolean {
    return this.#dialer.link !== undefined;
  }

  get outstanding(): number {
    return this.#waiting.size;
  }

  start(): void {
    this.#dialer.start();
  }

  stop(): void {
    this.#dialer.stop();
  }

  /** Resolves always; what went wrong is in `error`. */
  push(frame: ApiPushFrame): Promise<ApiPushedFrame> {
    const link = this.#dialer.link;
    if (link === undefined) return Promise.resolve(failed(ErrorCode.RetryLater));
    if (this.#waiting.size >= this.#outstandingMax) return Promise.resolve(failed(ErrorCode.Busy));
    const request = this.#takeRequest();
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(() => this.#settle(request, undefined), this.#answerTimeoutMs);
      this.#waiting.set(request, { resolve, timer });
      writeApiPush(link.writer, request, frame);
      link.touch();
    });
  }

  onUp(): void {}

  onFrame(_link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    const answer = command === TrunkCommand.ApiPushed ? readApiPushed(bytes, start, end) : undefined;
    if (answer === undefined) return false;
    this.#settle(requestId, answer);
    return true;
  }

  onDown(): void {
    for (const request of [...this.#waiting.keys()]) this.#settle(request, undefined);
  }

  /** Undefined: the outcome is unknown. An answer that comes after its time is dropped. */
  #settle(request: number, answer: ApiPushedFrame | undefined): void {
    const waiting = this.#waiting.get(request);
    if (waiting === undefined) return;
    this.#waiting.delete(request);
    this.#clock.clearTimer(waiting.timer);
    waiting.resolve(answer ?? failed(ErrorCode.RetryLater));
  }

  #takeRequest(): number {
    while (this.#waiting.has(this.#nextRequest)) this.#nextRequest = (this.#nextRequest + 1) % REQUEST_NUMBERS;
    const request = this.#nextRequest;
    this.#nextRequest = (request + 1) % REQUEST_NUMBERS;
    return request;
  }
}

function failed(error: number): ApiPushedFrame {
  return { error, messageId: 0, timeMs: 0, dup: false, durability: 0 };
}
