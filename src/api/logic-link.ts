/**
 * The api's end of the trunk: one request is one frame to the owner of its user, answered by number.
 *
 * Nothing is ever sent twice from here. When the owner goes or changes, or no answer comes in time, the outcome is unknown and the
 * caller is told so; the push's id makes its retry safe, and so does the nature of a kick.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { AppId } from '../model/ids.ts';
import { partitionOf } from '../model/partition.ts';
import { ErrorCode } from '../protocol/index.ts';
import {
  readApiKicked,
  readApiPushed,
  readApiSessionList,
  writeApiKick,
  writeApiPush,
  writeApiSessions,
} from '../trunk/api-frames.ts';
import { LogicLinks, type LogicLinksOptions, type LogicLinksOwner } from '../trunk/logic-links.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import {
  type ApiKickedFrame,
  type ApiKickFrame,
  type ApiPushedFrame,
  type ApiPushFrame,
  type ApiSessionListFrame,
  type ApiSessionsFrame,
  TrunkCommand,
} from '../trunk/trunk-protocol.ts';

export interface LogicLinkOptions extends Omit<LogicLinksOptions, 'role'> {
  /** Requests that may wait for their answer at the same time. */
  readonly outstandingMax?: number;
  readonly answerTimeoutMs?: number;
}

export const OUTSTANDING_REQUESTS_MAX = 4096;
const ANSWER_TIMEOUT_MS = 10_000;
const REQUEST_NUMBERS = 0x1_0000_0000;

type Answer = ApiPushedFrame | ApiKickedFrame | ApiSessionListFrame;
type Read = (bytes: Buffer, start: number, end: number) => Answer | undefined;

const READERS: Readonly<Record<number, Read>> = {
  [TrunkCommand.ApiPushed]: readApiPushed,
  [TrunkCommand.ApiKicked]: readApiKicked,
  [TrunkCommand.ApiSessionList]: readApiSessionList,
};

interface Waiting {
  /** The command that answers it. */
  readonly answer: number;
  /** Whose owner was asked. */
  readonly partition: number;
  readonly timer: TimerHandle;
  settle(answer: Answer | undefined): void;
}

export class LogicLink implements LogicLinksOwner {
  readonly #links: LogicLinks;
  readonly #clock: Clock;
  readonly #outstandingMax: number;
  readonly #answerTimeoutMs: number;
  readonly #waiting: Map<number, Waiting> = new Map();
  #nextRequest = 1;

  constructor(options: LogicLinkOptions) {
    this.#links = new LogicLinks({ ...options, role: 'api' }, this);
    this.#clock = options.clock;
    this.#outstandingMax = options.outstandingMax ?? OUTSTANDING_REQUESTS_MAX;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  get up(): boolean {
    return this.#links.up;
  }

  get outstanding(): number {
    return this.#waiting.size;
  }

  start(): void {
    this.#links.start();
  }

  stop(): void {
    this.#links.stop();
  }

  /** Resolves always, as all requests do; what went wrong is in `error`. */
  push(frame: ApiPushFrame): Promise<ApiPushedFrame> {
    const failed = (error: ErrorCode) => ({ error, messageId: 0, timeMs: 0, dup: false, durability: 0 });
    const write = (link: TrunkLink, request: number): void => writeApiPush(link.writer, request, frame);
    return this.#request(TrunkCommand.ApiPushed, frame.app, frame.to, failed, write);
  }

  kick(frame: ApiKickFrame): Promise<ApiKickedFrame> {
    const failed = (error: ErrorCode) => ({ error, sessionsEnded: 0 });
    const write = (link: TrunkLink, request: number): void => writeApiKick(link.writer, request, frame);
    return this.#request(TrunkCommand.ApiKicked, frame.app, frame.uid, failed, write);
  }

  sessions(frame: ApiSessionsFrame): Promise<ApiSessionListFrame> {
    const failed = (error: ErrorCode) => ({ error, sessions: [] });
    const write = (link: TrunkLink, request: number): void => writeApiSessions(link.writer, request, frame);
    return this.#request(TrunkCommand.ApiSessionList, frame.app, frame.uid, failed, write);
  }

  onPartitions(): void {}

  onFrame(_link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    const answer = READERS[command]?.(bytes, start, end);
    const waiting = this.#waiting.get(requestId);
    if (answer === undefined || (waiting !== undefined && waiting.answer !== command)) return false;
    this.#settle(requestId, answer);
    return true;
  }

  onRoutesChanged(partitions: readonly number[]): void {
    const changed = new Set(partitions);
    for (const [request, { partition }] of [...this.#waiting]) {
      if (changed.has(partition)) this.#settle(request, undefined);
    }
  }

  #request<Expected extends Answer>(
    answer: number,
    app: string,
    uid: string,
    failed: (error: ErrorCode) => Expected,
    write: (link: TrunkLink, request: number) => void,
  ): Promise<Expected> {
    const { routes } = this.#links;
    const partition = partitionOf(app as AppId, uid, routes.partitions);
    const link = routes.linkOf(partition);
    if (link === undefined) return Promise.resolve(failed(ErrorCode.RetryLater));
    if (this.#waiting.size >= this.#outstandingMax) return Promise.resolve(failed(ErrorCode.Busy));
    const request = this.#takeRequest();
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(() => this.#settle(request, undefined), this.#answerTimeoutMs);
      // `onFrame` lets no other answer through than the one that the request waits for.
      const settle = (given: Answer | undefined): void =>
        resolve((given as Expected | undefined) ?? failed(ErrorCode.RetryLater));
      this.#waiting.set(request, { answer, partition, timer, settle });
      write(link, request);
      link.touch();
    });
  }

  /** Undefined: the outcome is unknown. An answer that comes after its time is dropped. */
  #settle(request: number, answer: Answer | undefined): void {
    const waiting = this.#waiting.get(request);
    if (waiting === undefined) return;
    this.#waiting.delete(request);
    this.#clock.clearTimer(waiting.timer);
    waiting.settle(answer);
  }

  #takeRequest(): number {
    while (this.#waiting.has(this.#nextRequest)) this.#nextRequest = (this.#nextRequest + 1) % REQUEST_NUMBERS;
    const request = this.#nextRequest;
    this.#nextRequest = (request + 1) % REQUEST_NUMBERS;
    return request;
  }
}
