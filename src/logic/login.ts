/**
 * Login: who may come in, and who must go for it.
 *
 *   CONNECT ─► fields ─► limits ─► admission queue ─► credential ─► LoginOperation ─► commit ─► LoginAccepted
 *                          │              │ too full, too   │ bad: refused,   │           └─► older sessions end
 *                          └ RATE_LIMITED  └ long: BUSY     └ a little later  └ revoked, replaced: refused
 *
 * A token is verified here, a ticket by the store, within the commit that decides the login.
 *
 * The order of commits decides between racing logins: each is handled in commit order, and whoever it displaces ends
 * then and there. A login is admitted until its answer, so that a storm of them costs the store a bounded share of each
 * commit. A login whose connection is gone by then still counts (it is committed), but opens no session.
 */
import type { AppId, Uid } from '../model/ids.ts';
import { CloseReason, CredentialType, readConnect } from '../protocol/index.ts';
import {
  type Committed,
  type LoginOperation,
  LoginStatus,
  RefusalReason,
  StoreUnavailableError,
} from '../store/store.ts';
import { writeLoginAccepted, writeLoginRefused } from '../trunk/trunk-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import { AdmissionQueue } from './admission-queue.ts';
import { newTicket, ticketKey } from './authentication/ticket.ts';
import { connectFault } from './connect-fault.ts';
import type { Cursors } from './cursors.ts';
import { DelayLine } from './delay-line.ts';
import type { LogicCounters } from './logic-counters.ts';
import { type LogicApp, type LogicOptions, newDeviceStartOf, policyOf } from './logic-options.ts';
import { LoginAttempt, LoginCommit, type LoginTerms, startOf } from './login-attempt.ts';
import type { LoginLimits } from './login-limits.ts';
import { PendingLogins } from './pending-logins.ts';
import { loginRetryMs } from './retry-delay.ts';
import { ReturnTimes } from './return-times.ts';
import type { SessionLifecycle } from './session-lifecycle.ts';

/** Logins that may wait for their turn; at 8,000 a second that is what two seconds can serve. */
const LOGINS_WAITING_MAX = 16_384;

/** What a refusal of the store is called on the wire. A ticket that was used too often is a revoked one to its owner. */
const REFUSALS: Readonly<Record<Exclude<LoginStatus, typeof LoginStatus.Current>, CloseReason>> = {
  [LoginStatus.Replaced]: CloseReason.Replaced,
  [LoginStatus.Revoked]: CloseReason.CredentialRevoked,
  [LoginStatus.TicketUnknown]: CloseReason.CredentialInvalid,
  [LoginStatus.TicketExpired]: CloseReason.CredentialExpired,
  [LoginStatus.TicketReused]: CloseReason.CredentialRevoked,
};

type AcceptedLogin = Pick<LoginCommit, 'ticketText' | 'sessionExpiresAtS'> &
  Readonly<Record<'generation' | 'epoch' | 'head' | 'floor' | 'cursor', number>>;

export class Login {
  readonly #options: LogicOptions;
  readonly #apps: ReadonlyMap<string, LogicApp>;
  readonly #lifecycle: SessionLifecycle;
  readonly #cursors: Cursors;
  readonly #counters: LogicCounters;
  readonly #limits: LoginLimits;
  /** Refused for a bad credential, and not yet told. */
  readonly #failed: DelayLine<LoginAttempt>;
  readonly #pending: PendingLogins = new PendingLogins();
  readonly #queue: AdmissionQueue<LoginAttempt>;
  readonly #returnTimes: ReturnTimes;

  constructor(
    options: LogicOptions,
    apps: ReadonlyMap<string, LogicApp>,
    lifecycle: SessionLifecycle,
    cursors: Cursors,
    counters: LogicCounters,
    limits: LoginLimits,
  ) {
    this.#options = options;
    this.#apps = apps;
    this.#lifecycle = lifecycle;
    this.#cursors = cursors;
    this.#counters = counters;
    this.#limits = limits;
    this.#failed = new DelayLine(options.clock, limits.failureDelayMs, (attempt) =>
      this.#refuse(attempt, CloseReason.CredentialInvalid),
    );
    this.#returnTimes = new ReturnTimes(options.random, options.limits.loginQueueMs);
    this.#queue = new AdmissionQueue({
      clock: options.clock,
      runningMax: options.limits.loginConcurrency,
      waitingMax: LOGINS_WAITING_MAX,
      waitMsMax: options.limits.loginQueueMs,
      start: (attempt) => void this.#verify(attempt),
      expired: (attempt) => this.#refuse(attempt, CloseReason.Busy),
    });
  }

  /** @param remoteAddress of the client; '' when the gate does not tell it */
  handle(
    link: TrunkLink,
    slot: number,
    serial: number,
    remoteAddress: string,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const connect = readConnect(bytes, start, end);
    const fault = connectFault(connect, bytes, start, end);
    if (connect === undefined || fault !== undefined) {
      this.#writeRefused(link, slot, serial, fault ?? CloseReason.MalformedBody);
      return;
    }
    const attempt = new LoginAttempt(link, slot, serial, connect, remoteAddress);
    this.#pending.add(attempt);
    if (!this.#isLimited(attempt) && !this.#queue.offer(attempt)) this.#refuse(attempt, CloseReason.Busy);
  }

  /** The connection is gone. */
  closed(link: TrunkLink, slot: number, serial: number): void {
    this.#pending.abandon(link, slot, serial);
  }

  linkDown(link: TrunkLink): void {
    this.#pending.abandonLink(link);
  }

  /** Answers all that wait. */
  stop(): void {
    this.#queue.stop();
    this.#failed.flush();
  }

  committed(operation: Committed<LoginOperation>): void {
    const attempt = operation.context as LoginAttempt;
    const { app, uid, status, displaced } = operation;
    if (status === LoginStatus.Current) {
      this.#lifecycle.makeCurrent(operation);
      if (!attempt.abandoned) this.#accept(attempt, operation as Committed<LoginCommit>);
    } else {
      if (status === LoginStatus.TicketReused) this.#ticketReused(operation);
      if (displaced.length > 0) this.#lifecycle.endGenerations(app, uid, displaced, CloseReason.CredentialRevoked);
      this.#refuseCredential(attempt, REFUSALS[status]);
    }
    this.#finished();
  }

  refused(operation: LoginOperation, reason: RefusalReason): void {
    const attempt = operation.context as LoginAttempt;
    this.#refuse(attempt, reason === RefusalReason.Busy ? CloseReason.Busy : CloseReason.Unavailable);
    this.#finished();
  }

  /** Whether it is committed is not known. The gate ends the connection: its partition has another owner. */
  lost(operation: LoginOperation): void {
    const attempt = operation.context as LoginAttempt;
    this.#pending.remove(attempt);
    attempt.abandoned = true;
    this.#finished();
  }

  async #verify(attempt: LoginAttempt): Promise<void> {
    // Those before it in the queue may have used up what there is to fail.
    if (!attempt.abandoned && !this.#isLimited(attempt)) {
      const reason = await this.#decide(attempt).catch((error: unknown) => {
        if (error instanceof StoreUnavailableError) return CloseReason.Unavailable;
        this.#options.log.error({ error }, 'a login failed');
        return CloseReason.InternalError;
      });
      if (reason === undefined) return;
      if (reason !== CloseReason.Normal) this.#refuseCredential(attempt, reason);
    }
    this.#finished();
  }

  /** A close reason to refuse with, Normal when the attempt is done, undefined while the store has it. */
  async #decide(attempt: LoginAttempt): Promise<CloseReason | undefined> {
    const { app, uid, deviceId, credentialType, credential } = attempt.connect;
    let issuedAtMs = 0;
    let ticket: Uint8Array | undefined;
    if (credentialType === CredentialType.Ticket) {
      ticket = ticketKey(credential);
      if (ticket === undefined || attempt.sendOnly) return CloseReason.CredentialInvalid;
    } else {
      const verified = await this.#options.verifier.verify({ app, uid, deviceId, credentialType, credential });
      if (typeof verified === 'number') return verified;
      issuedAtMs = verified.issuedAtMs;
    }
    const known = this.#apps.get(app);
    if (known === undefined) return CloseReason.CredentialInvalid;
    if (attempt.abandoned) return CloseReason.Normal;
    if (attempt.sendOnly) return this.#acceptSender(attempt, issuedAtMs);
    this.#options.store.submit(new LoginCommit(attempt, this.#terms(known, issuedAtMs, ticket)));
    return undefined;
  }

  #terms(app: LogicApp, issuedAtMs: number, ticket: Uint8Array | undefined): LoginTerms {
    const { random, limits } = this.#options;
    const { ticketLifetimeMs } = limits;
    return {
      issuedAtMs,
      ticket,
      nextTicket: ticketLifetimeMs > 0 ? newTicket(random, ticket) : undefined,
      ticketLifetimeMs,
      sessionExpiresAtS: this.#lifecycle.newExpiryS(),
      policy: policyOf(app),
      newDeviceStart: newDeviceStartOf(app),
    };
  }

  /** A session that only sends takes no part in the session policy: nothing is committed for it. */
  async #acceptSender(attempt: LoginAttempt, issuedAtMs: number): Promise<CloseReason> {
    const { app, uid } = attempt.connect;
    const state = await this.#options.store.readUser(app as AppId, uid as Uid);
    if (issuedAtMs < state.revokeBeforeMs) return CloseReason.CredentialRevoked;
    const { epoch, head, floor } = state;
    const sessionExpiresAtS = this.#lifecycle.newExpiryS();
    const terms = { generation: 0, epoch, head, floor, cursor: head, ticketText: '', sessionExpiresAtS };
    if (!attempt.abandoned) this.#accept(attempt, terms);
    return CloseReason.Normal;
  }

  #accept(attempt: LoginAttempt, accepted: AcceptedLogin): void {
    const { link, slot, serial, connect } = attempt;
    const { app, uid, deviceType, deviceId, capabilities } = connect;
    const { generation, epoch, head, floor, cursor, ticketText, sessionExpiresAtS } = accepted;
    const loggedInAtS = Math.floor(this.#options.clock.wallMs() / 1000);
    const { startSeq, resync } = attempt.sendOnly
      ? { startSeq: head, resync: false }
      : startOf(connect, epoch, head, cursor);
    const identity = { app, uid, deviceType, deviceId, generation, capabilities };
    const session = this.#lifecycle.open(identity, { link, slot, serial }, epoch, cursor, loggedInAtS);
    this.#lifecycle.expireAt(session, sessionExpiresAtS);
    this.#cursors.acknowledge(session, epoch, startSeq);
    this.#pending.remove(attempt);
    this.#counters.loginsAccepted++;
    writeLoginAccepted(link.writer, slot, serial, {
      ...identity,
      epoch,
      head,
      floor,
      cursor: session.ackedSeq,
      startSeq,
      ticket: ticketText,
      resync,
      loggedInAtS,
      sessionExpiresAtMs: sessionExpiresAtS * 1000,
    });
    link.touch();
  }

  #ticketReused({ app, uid, deviceId }: LoginOperation): void {
    this.#counters.ticketsReused++;
    this.#options.log.warn({ app, uid, deviceId }, 'a ticket was presented too often: all of the device are revoked');
  }

  /** Refuses the attempt when its user or address must wait. */
  #isLimited(attempt: LoginAttempt): boolean {
    const { app, uid } = attempt.connect;
    const waitMs = Math.ceil(this.#limits.refusedForMs(app, uid, attempt.remoteAddress));
    if (waitMs > 0) this.#refuse(attempt, CloseReason.RateLimited, waitMs);
    return waitMs > 0;
  }

  /** A credential that is no good counts, and its answer is held back, but not its place in the queue. */
  #refuseCredential(attempt: LoginAttempt, reason: CloseReason): void {
    if (reason !== CloseReason.CredentialInvalid) {
      this.#refuse(attempt, reason);
      return;
    }
    const { app, uid, credentialType } = attempt.connect;
    this.#counters.loginFailures++;
    this.#limits.failed(app, uid, attempt.remoteAddress, credentialType === CredentialType.Ticket);
    this.#failed.add(attempt);
  }

  #refuse(attempt: LoginAttempt, reason: CloseReason, waitMs = 0): void {
    this.#pending.remove(attempt);
    if (!attempt.abandoned) this.#writeRefused(attempt.link, attempt.slot, attempt.serial, reason, waitMs);
  }

  #writeRefused(link: TrunkLink, slot: number, serial: number, reason: CloseReason, waitMs = 0): void {
    this.#counters.loginsRefused[reason]!++;
    writeLoginRefused(link.writer, slot, serial, reason, this.#stayAwayMs(reason) || waitMs, '');
    link.touch();
  }

  /** For those who are refused by no fault of their own; else 0. */
  #stayAwayMs(reason: CloseReason): number {
    const { clock, random } = this.#options;
    if (reason === CloseReason.Busy) return this.#returnTimes.waitMs(this.#queue.waiting, clock.monotonicMs());
    return reason === CloseReason.Unavailable ? loginRetryMs(random) : 0;
  }

  #finished(): void {
    this.#queue.finished();
    this.#returnTimes.served(this.#queue.waiting, this.#options.clock.monotonicMs());
  }
}
