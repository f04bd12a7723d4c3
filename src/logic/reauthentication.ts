/**
 * REAUTH: a session goes on with a newer token.
 *
 *   REAUTH ─► verifier ─► ReauthenticateOperation ─► commit ─► REAUTHACK, and the session ends that much later
 *                │                  └ revoked, not current any more ┐
 *                └ not a good token ────────────────────────────────┴─► ERROR FORBIDDEN
 *
 * A bounded number at a time, the rest in order, as with logins; one at a time for a session.
 */
import { CloseReason, Command, CredentialType, ErrorCode, readReauth, writeReauthackBody } from '../protocol/index.ts';
import {
  type Committed,
  OperationType,
  type ReauthenticateOperation,
  ReauthenticateStatus,
  RefusalReason,
} from '../store/store.ts';
import { beginBody, beginReply, endBody } from '../trunk/trunk-frames.ts';
import { AdmissionQueue } from './admission-queue.ts';
import type { CommandHandler } from './command-table.ts';
import type { LogicCounters } from './logic-counters.ts';
import type { LogicOptions } from './logic-options.ts';
import type { ErrorReplies } from './replies.ts';
import type { LiveSession, SessionLifecycle } from './session-lifecycle.ts';

const WAITING_MAX = 16_384;

interface Request {
  readonly session: LiveSession;
  readonly requestId: number;
  readonly credential: string;
}

/** What the store is asked; comes back committed or refused. */
export interface Reauthenticate extends ReauthenticateOperation {
  readonly context: Request;
}

export class Reauthentication {
  readonly #options: LogicOptions;
  readonly #lifecycle: SessionLifecycle;
  readonly #errors: ErrorReplies;
  readonly #counters: LogicCounters;
  readonly #underWay: Set<LiveSession> = new Set();
  readonly #queue: AdmissionQueue<Request>;

  constructor(options: LogicOptions, lifecycle: SessionLifecycle, errors: ErrorReplies, counters: LogicCounters) {
    this.#options = options;
    this.#lifecycle = lifecycle;
    this.#errors = errors;
    this.#counters = counters;
    this.#queue = new AdmissionQueue({
      clock: options.clock,
      runningMax: options.limits.loginConcurrency,
      waitingMax: WAITING_MAX,
      waitMsMax: options.limits.loginQueueMs,
      start: (request) => void this.#verify(request),
      expired: (request) => this.#refuse(request, ErrorCode.Busy),
    });
  }

  readonly handle: CommandHandler = (session, requestId, bytes, start, end) => {
    const body = readReauth(bytes, start, end);
    if (body === undefined) this.#lifecycle.end(session, CloseReason.MalformedBody);
    else if (session.sendOnly) this.#errors.write(session, requestId, ErrorCode.Forbidden);
    else if (this.#underWay.has(session)) this.#errors.write(session, requestId, ErrorCode.Busy);
    else {
      this.#underWay.add(session);
      const request = { session, requestId, credential: body.credential };
      if (!this.#queue.offer(request)) this.#refuse(request, ErrorCode.Busy);
    }
  };

  stop(): void {
    this.#queue.stop();
  }

  committed(operation: Committed<Reauthenticate>): void {
    const request = operation.context;
    const { sessionExpiresAtS } = operation;
    if (operation.status !== ReauthenticateStatus.Renewed) this.#finish(request, ErrorCode.Forbidden);
    else {
      this.#counters.reauthentications++;
      this.#lifecycle.expireAt(request.session, sessionExpiresAtS);
      this.#answer(request, sessionExpiresAtS * 1000);
      this.#finish(request, 0);
    }
  }

  refused(operation: Reauthenticate, reason: RefusalReason): void {
    const code = reason === RefusalReason.Busy ? ErrorCode.Busy : ErrorCode.StoreUnavailable;
    this.#finish(operation.context, code);
  }

  /** Whether it is committed is not known. */
  lost(operation: Reauthenticate): void {
    this.#finish(operation.context, ErrorCode.RetryLater);
  }

  async #verify(request: Request): Promise<void> {
    const { session } = request;
    const { app, uid, deviceId } = session;
    const credential = { app, uid, deviceId, credentialType: CredentialType.Token, credential: request.credential };
    try {
      const verified = isLive(session) ? await this.#options.verifier.verify(credential) : CloseReason.Normal;
      if (typeof verified === 'number') this.#finish(request, ErrorCode.Forbidden);
      else this.#submit(request, verified.issuedAtMs);
    } catch (error) {
      this.#options.log.error({ error }, 'a token cannot be verified');
      this.#finish(request, ErrorCode.Busy);
    }
  }

  #submit(request: Request, issuedAtMs: number): void {
    const { app, uid, deviceId, generation } = request.session;
    const operation: Reauthenticate = {
      type: OperationType.Reauthenticate,
      app,
      uid,
      deviceId,
      generation,
      issuedAtMs,
      sessionExpiresAtS: this.#lifecycle.newExpiryS(),
      context: request,
      status: ReauthenticateStatus.NotCurrent,
    };
    this.#options.store.submit(operation);
  }

  /** A started request has ended; a code refuses it. */
  #finish(request: Request, code: ErrorCode | 0): void {
    if (code === 0) this.#underWay.delete(request.session);
    else this.#refuse(request, code);
    this.#queue.finished();
  }

  #refuse({ session, requestId }: Request, code: ErrorCode): void {
    this.#underWay.delete(session);
    if (isLive(session)) this.#errors.write(session, requestId, code);
  }

  #answer({ session, requestId }: Request, sessionExpiresAtMs: number): void {
    if (!isLive(session)) return;
    const { writer } = session.link;
    const frame = beginReply(writer, session.slot, session.serial, Command.Reauthack, requestId, 0, 0, 0);
    const body = beginBody(writer);
    writeReauthackBody(writer, { sessionExpiresAtMs });
    endBody(writer, frame, body);
    session.link.touch();
  }
}

function isLive(session: LiveSession): boolean {
  return !session.ended && !session.link.closed;
}
