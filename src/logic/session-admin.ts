/**
 * What operators and business services ask about sessions: who is there, and out with them.
 *
 *   ApiKick ─► revoke?  RevokeOperation ─► commit ─┬─► the sessions that were asked for: KICK, KICKED
 *                  └ no ───────────────────────────┘   others with a revoked credential: CREDENTIAL_REVOKED
 *
 * A revocation concerns a user, whatever device was asked for, and is committed before anybody hears of it. A gate that is
 * away meanwhile registers its sessions when it is back; the store then says who has none any more.
 */
import type { Clock } from '../clock/clock.ts';
import { type AppId, isIdentifier, type Uid } from '../model/ids.ts';
import { CloseReason, ErrorCode } from '../protocol/index.ts';
import type { SessionRegistry } from '../session/session-registry.ts';
import { type Committed, OperationType, RefusalReason, type RevokeOperation, type Store } from '../store/store.ts';
import { writeApiKicked, writeApiSessionList } from '../trunk/api-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import type { ApiKickFrame, ApiSessionsFrame } from '../trunk/trunk-protocol.ts';
import { CLOCK_LEEWAY_MS } from './authentication/token-verifier.ts';
import type { LogicCounters } from './logic-counters.ts';
import type { LiveSession, SessionLifecycle } from './session-lifecycle.ts';

/** Sessions named in one answer; a user has more only when programs log in with SEND_ONLY. */
const SESSIONS_LISTED_MAX = 1000;

interface Request {
  readonly link: TrunkLink;
  readonly requestId: number;
  readonly frame: ApiKickFrame;
}

/** Comes back committed or refused. */
export interface KickRevoke extends RevokeOperation {
  readonly context: Request;
}

export class SessionAdmin {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #registry: SessionRegistry<TrunkLink>;
  readonly #lifecycle: SessionLifecycle;
  readonly #knowsApp: (app: string) => boolean;
  readonly #counters: LogicCounters;

  constructor(
    store: Store,
    clock: Clock,
    registry: SessionRegistry<TrunkLink>,
    lifecycle: SessionLifecycle,
    knowsApp: (app: string) => boolean,
    counters: LogicCounters,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#registry = registry;
    this.#lifecycle = lifecycle;
    this.#knowsApp = knowsApp;
    this.#counters = counters;
  }

  kick(link: TrunkLink, requestId: number, frame: ApiKickFrame): void {
    const request = { link, requestId, frame };
    const nowMs = this.#clock.wallMs();
    const revokeBeforeMs = frame.revokeBeforeMs === 0 ? nowMs : frame.revokeBeforeMs;
    const fault = this.#faultOf(frame, revokeBeforeMs, nowMs);
    if (fault !== 0) this.#answer(request, fault, 0);
    else if (!frame.revoke) this.#answer(request, 0, this.#end(frame));
    else {
      const { app, uid } = frame;
      const operation: KickRevoke = {
        type: OperationType.Revoke,
        app: app as AppId,
        uid: uid as Uid,
        revokeBeforeMs,
        context: request,
        displaced: [],
      };
      this.#store.submit(operation);
    }
  }

  committed(operation: Committed<KickRevoke>): void {
    this.#counters.revocations++;
    const { context, displaced } = operation;
    const { app, uid } = context.frame;
    let ended = this.#end(context.frame);
    for (const session of this.#registry.sessionsOf(app, uid)) {
      // A session that only sends is not in the store: it comes back at once, and the login decides.
      if (session.sendOnly) this.#lifecycle.end(session, CloseReason.Shutdown);
      else if (displaced.includes(session.generation)) this.#lifecycle.end(session, CloseReason.CredentialRevoked);
      else continue;
      ended++;
    }
    this.#answer(context, 0, ended);
  }

  refused(operation: KickRevoke, reason: RefusalReason): void {
    const code = reason === RefusalReason.Busy ? ErrorCode.Busy : ErrorCode.StoreUnavailable;
    this.#answer(operation.context, code, 0);
  }

  list(link: TrunkLink, requestId: number, { app, uid }: ApiSessionsFrame): void {
    const error = this.#knowsApp(app) ? 0 : ErrorCode.Forbidden;
    const found = error === 0 ? this.#registry.sessionsOf(app, uid).slice(0, SESSIONS_LISTED_MAX) : [];
    const sessions = found.map((session) => ({
      deviceType: session.deviceType,
      deviceId: session.deviceId,
      generation: session.generation,
      gate: session.link.peerName,
      loggedInAtS: session.loggedInAtS,
    }));
    writeApiSessionList(link.writer, requestId, { error, sessions });
    link.touch();
  }

  /** A mark in the future would refuse credentials that are still to be issued, for good: it never moves back. */
  #faultOf(frame: ApiKickFrame, revokeBeforeMs: number, nowMs: number): ErrorCode | 0 {
    if (!this.#knowsApp(frame.app)) return ErrorCode.Forbidden;
    if (!isIdentifier(frame.uid)) return ErrorCode.BadTarget;
    return frame.revoke && revokeBeforeMs > nowMs + CLOCK_LEEWAY_MS ? ErrorCode.BadRequest : 0;
  }

  /** Ends the sessions that were asked for; answers how many. */
  #end({ app, uid, deviceType, deviceId }: ApiKickFrame): number {
    const asked = (session: LiveSession): boolean =>
      (deviceType === '' || session.deviceType === deviceType) && (deviceId === '' || session.deviceId === deviceId);
    const sessions = this.#registry.sessionsOf(app, uid).filter(asked);
    for (const session of sessions) this.#lifecycle.end(session, CloseReason.Kicked, true);
    return sessions.length;
  }

  #answer({ link, requestId }: Request, error: ErrorCode | 0, sessionsEnded: number): void {
    if (link.closed) return;
    writeApiKicked(link.writer, requestId, { error, sessionsEnded });
    link.touch();
  }
}
