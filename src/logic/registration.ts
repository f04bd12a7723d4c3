/**
 * After a restart of logic, or when a partition comes to it, the gates register the sessions they hold. Each is in place at once, so that pushes reach it,
 * and is then compared with the store: it is told the committed head, or, when it is no longer current, to end. Until
 * then it may not send.
 *
 * The reads are bounded; a million sessions register in a few seconds.
 */
import type { Clock } from '../clock/clock.ts';
import type { Logger } from '../log/logger.ts';
import { CloseReason } from '../protocol/index.ts';
import { type SessionRegistry, SLOTS_MAX } from '../session/session-registry.ts';
import { firstGenerationOf } from '../store/session-rules.ts';
import { type Store, StoreUnavailableError, type UserState } from '../store/store.ts';
import { writePosition } from '../trunk/trunk-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import { type RegisterFrame, TrunkCommand } from '../trunk/trunk-protocol.ts';
import { AdmissionQueue } from './admission-queue.ts';
import { CLOCK_LEEWAY_MS, TOKEN_LIFETIME_MAX_MS } from './authentication/token-verifier.ts';
import type { LogicCounters } from './logic-counters.ts';
import type { LiveSession, SessionLifecycle } from './session-lifecycle.ts';

const READS_IN_FLIGHT_MAX = 256;
const READ_AGAIN_MS = 500;
/** No credential of a login is older, clocks that differ included. */
const CREDENTIAL_AGE_MS_MAX: number = TOKEN_LIFETIME_MAX_MS + CLOCK_LEEWAY_MS;

export class Registration {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #registry: SessionRegistry<TrunkLink>;
  readonly #lifecycle: SessionLifecycle;
  readonly #counters: LogicCounters;
  readonly #unconfirmed: Set<LiveSession> = new Set();
  readonly #queue: AdmissionQueue<LiveSession>;

  constructor(
    store: Store,
    clock: Clock,
    log: Logger,
    registry: SessionRegistry<TrunkLink>,
    lifecycle: SessionLifecycle,
    counters: LogicCounters,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#registry = registry;
    this.#lifecycle = lifecycle;
    this.#counters = counters;
    this.#queue = new AdmissionQueue({
      clock,
      runningMax: READS_IN_FLIGHT_MAX,
      waitingMax: SLOTS_MAX,
      waitMsMax: Number.POSITIVE_INFINITY,
      start: (session) => void this.#compare(session),
      expired: (session) => this.#unconfirmed.delete(session),
    });
  }

  /** False until the store has said that the session is current. */
  readonly isConfirmed = (session: LiveSession): boolean =>
    this.#unconfirmed.size === 0 || !this.#unconfirmed.has(session);

  handle(link: TrunkLink, slot: number, serial: number, frame: RegisterFrame): void {
    this.#counters.registers++;
    this.#dropStale(link, slot, frame);
    const { epoch, ackedSeq, loggedInAtS } = frame;
    const session = this.#lifecycle.open(frame, { link, slot, serial }, epoch, ackedSeq, loggedInAtS);
    if (!session.sendOnly) this.#unconfirmed.add(session);
    this.#queue.offer(session);
  }

  stop(): void {
    this.#queue.stop();
  }

  /** The same session on a link that nobody has noticed to be dead. A generation names one session of a user. */
  #dropStale(link: TrunkLink, slot: number, frame: RegisterFrame): void {
    if (frame.generation === 0) return;
    for (const other of this.#registry.sessionsOf(frame.app, frame.uid)) {
      if (other.generation !== frame.generation) continue;
      if (other.link !== link || other.slot !== slot) this.#lifecycle.drop(other);
    }
  }

  async #compare(session: LiveSession): Promise<void> {
    try {
      if (!session.ended) this.#confirm(session, await this.#store.readUser(session.app, session.uid));
    } catch (error) {
      if (error instanceof StoreUnavailableError && !session.ended) {
        // It may not send until the store answers, and when another logic has its partition it is dropped.
        this.#clock.setTimer(() => this.#queue.offer(session), READ_AGAIN_MS);
        this.#queue.finished();
        return;
      }
      this.#log.error({ error }, 'a registered session cannot be compared with the store');
      this.#lifecycle.end(session, CloseReason.InternalError);
    }
    this.#unconfirmed.delete(session);
    this.#queue.finished();
  }

  #confirm(session: LiveSession, state: UserState): void {
    if (session.ended || session.link.closed) return;
    if (session.sendOnly) this.#confirmSender(session, state);
    else {
      const place = state.currentGenerations.indexOf(session.generation);
      if (place < 0) this.#endOutdated(session, state);
      else this.#lifecycle.expireAt(session, state.currentExpiriesS[place] ?? 0);
    }
    if (session.ended) return;
    const { link, slot, serial } = session;
    writePosition(link.writer, TrunkCommand.Head, slot, serial, state.epoch, state.head);
    link.touch();
  }

  /**
   * The store knows nothing of a session that only sends. Its credential may be older than a revocation: then it comes
   * back at once, and the login decides.
   */
  #confirmSender(session: LiveSession, state: UserState): void {
    const issuedAtLeastMs = Math.max(0, session.loggedInAtS * 1000 - CREDENTIAL_AGE_MS_MAX);
    if (state.revokeBeforeMs > issuedAtLeastMs) this.#lifecycle.end(session, CloseReason.Shutdown);
    else this.#lifecycle.expireAt(session, this.#lifecycle.expiryAfterS(session.loggedInAtS));
  }

  /**
   * Its login may be among what the store lost with an older epoch: then it comes back at once, and the login decides. No
   * generation is newer: nobody took over, the credential was revoked.
   */
  #endOutdated(session: LiveSession, state: UserState): void {
    if (session.generation < firstGenerationOf(state.epoch)) {
      this.#lifecycle.end(session, CloseReason.Shutdown);
      return;
    }
    if (!state.currentGenerations.some((generation) => generation > session.generation)) {
      this.#lifecycle.end(session, CloseReason.CredentialRevoked);
      return;
    }
    const newer = this.#registry
      .sessionsOf(session.app, session.uid)
      .filter((other) => other.generation > session.generation);
    if (newer.some((other) => other.deviceId === session.deviceId)) {
      this.#lifecycle.end(session, CloseReason.Superseded);
    } else this.#lifecycle.end(session, CloseReason.Replaced, true, newer[0]?.deviceType ?? session.deviceType);
  }
}
