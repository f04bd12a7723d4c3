/**
 * How sessions begin and end. The registry holds them; this file keeps what hangs on them (cursors, holds) in step.
 *
 *   open ──► live ──end──► retired (EndSession is on its way) ──Closed──► gone
 *              └──────────Closed or link down────────────────────────────► gone
 *
 * A retired session takes no commands and gets no pushes, but the acknowledgements that its gate reports with the close
 * still count.
 */
import type { Clock } from '../clock/clock.ts';
import type { AppId, Generation } from '../model/ids.ts';
import { partitionOf } from '../model/partition.ts';
import { CloseReason } from '../protocol/index.ts';
import type { Session, SessionPlace } from '../session/session.ts';
import type { SessionRegistry } from '../session/session-registry.ts';
import { excludeEachOther, firstGenerationOf } from '../store/session-rules.ts';
import type { Committed, LoginOperation } from '../store/store.ts';
import { writeEndGuest } from '../trunk/guest-frames.ts';
import { writeEndSession } from '../trunk/trunk-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import type { SessionIdentity } from '../trunk/trunk-protocol.ts';
import type { Cursors } from './cursors.ts';
import type { HoldSet } from './hold-set.ts';
import type { LogicCounters } from './logic-counters.ts';
import type { LoginLimits } from './login-limits.ts';
import { SessionExpiry } from './session-expiry.ts';

export type LiveSession = Session<TrunkLink>;

export class SessionLifecycle {
  readonly #registry: SessionRegistry<TrunkLink>;
  readonly #cursors: Cursors;
  readonly #holds: HoldSet<LiveSession>;
  readonly #counters: LogicCounters;
  readonly #clock: Clock;
  readonly #limits: LoginLimits;
  readonly #maxAgeMs: number;
  readonly #expiry: SessionExpiry;
  /** Of the store; known once it is open. */
  partitions = 1;

  /** @param maxAgeMs how long a session lives on one credential; 0 for ever */
  constructor(
    registry: SessionRegistry<TrunkLink>,
    cursors: Cursors,
    holds: HoldSet<LiveSession>,
    counters: LogicCounters,
    clock: Clock,
    limits: LoginLimits,
    maxAgeMs: number,
  ) {
    this.#registry = registry;
    this.#cursors = cursors;
    this.#holds = holds;
    this.#counters = counters;
    this.#clock = clock;
    this.#limits = limits;
    this.#maxAgeMs = maxAgeMs;
    this.#expiry = new SessionExpiry(clock, (session) => this.end(session, CloseReason.CredentialExpired));
  }

  open(
    identity: SessionIdentity,
    place: SessionPlace<TrunkLink>,
    epoch: number,
    ackedSeq: number,
    loggedInAtS: number,
  ): LiveSession {
    const before = this.#registry.at(place.link, place.slot);
    if (before !== undefined) this.drop(before);
    return this.#registry.open(identity, place, this.partitionOf(identity), epoch, ackedSeq, loggedInAtS);
  }

  partitionOf({ app, uid }: SessionIdentity): number {
    return partitionOf(app as AppId, uid, this.partitions);
  }

  /** When a session that authenticates now ends, unix seconds; 0 for never. */
  newExpiryS(): number {
    return this.expiryAfterS(this.#clock.wallMs() / 1000);
  }

  /** When a session that authenticated at `atS` ends. */
  expiryAfterS(atS: number): number {
    return this.#maxAgeMs === 0 ? 0 : Math.ceil(atS + this.#maxAgeMs / 1000);
  }

  /** Ends the session at that time, unless it is told a later one before. 0 for never. */
  expireAt(session: LiveSession, expiresAtS: number): void {
    if (!session.ended) this.#expiry.set(session, expiresAtS);
  }

  stop(): void {
    this.#expiry.stop();
  }

  /** Tells the gate to end the session. @param deviceType with `kick`: which type of device took over */
  end(session: LiveSession, reason: CloseReason, kick = false, deviceType = ''): void {
    if (this.#registry.at(session.link, session.slot) !== session) {
      this.#endGuest(session, reason);
      return;
    }
    if (!this.#registry.retire(session)) return;
    this.#counters.sessionsEnded[reason]!++;
    this.#release(session);
    if (session.link.closed) return;
    writeEndSession(session.link.writer, session.slot, session.serial, reason, kick, deviceType);
    session.link.touch();
  }

  /** Forgets a session whose connection is gone, or never was. Nobody is told. */
  drop(session: LiveSession): void {
    this.#registry.close(session);
    this.#release(session);
  }

  /** The gate reports the end of a connection, with the last that its device acknowledged. */
  closed(link: TrunkLink, slot: number, serial: number, reason: number, epoch: number, ackedSeq: number): void {
    const session = this.#registry.at(link, slot);
    if (session === undefined || session.serial !== serial) return;
    this.#cursors.acknowledge(session, epoch, ackedSeq);
    this.drop(session);
    const livedMs = this.#clock.wallMs() - session.loggedInAtS * 1000;
    if (this.#limits.ended(session.app, session.uid, reason, livedMs)) this.#counters.abnormalEnds++;
  }

  linkDown(link: TrunkLink): void {
    this.#registry.closeLink(link, (session) => this.#release(session));
  }

  /**
   * A login has made its generation current: ends the sessions that it displaced, and an older one of the same device,
   * which is told that it was superseded, never that another device took over. A login that the store has lost with an
   * older epoch is displaced here.
   */
  makeCurrent(login: Committed<LoginOperation>): void {
    const { app, uid, deviceId, deviceType, generation, displaced, policy, epoch } = login;
    const firstGeneration = firstGenerationOf(epoch);
    for (const other of this.#registry.sessionsOf(app, uid)) {
      if (other.generation === 0 || other.generation >= generation) continue;
      const isLost = other.generation < firstGeneration && excludeEachOther(policy, other.deviceType, deviceType);
      if (other.deviceId === deviceId) this.end(other, CloseReason.Superseded);
      else if (isLost || displaced.includes(other.generation)) this.end(other, CloseReason.Replaced, true, deviceType);
    }
  }

  /** Ends the sessions of a user that have one of these generations. */
  endGenerations(app: string, uid: string, generations: readonly Generation[], reason: CloseReason): void {
    for (const session of this.#registry.sessionsOf(app, uid)) {
      if (session.generation !== 0 && generations.includes(session.generation)) this.end(session, reason);
    }
  }

  /** Somebody else's session that sends here: its gate ends the connection, its owner hears of it from there. */
  #endGuest(guest: LiveSession, reason: CloseReason): void {
    if (guest.ended || guest.link.closed) return;
    guest.ended = true;
    this.#counters.sessionsEnded[reason]!++;
    this.#holds.free(guest);
    writeEndGuest(guest.link.writer, guest.slot, guest.serial, reason);
    guest.link.touch();
  }

  #release(session: LiveSession): void {
    this.#expiry.remove(session);
    this.#cursors.flushOne(session);
    this.#holds.free(session);
  }
}
