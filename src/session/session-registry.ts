/**
 * Who is online where, in one logic process.
 *
 *   (link, slot) ──► links: Map<link, Session[] indexed by slot>          commands, acknowledgements, closes
 *   (app, uid)   ──► users: Map<app, Map<uid, Session | Session[]>>       pushes, logins
 *
 * Both lookups cost one or two hash probes and no allocation (among a million sessions 0.1 µs by slot, 0.4 µs by user,
 * most of it cache misses). A user with one session, which nearly all have, needs no array. 163 bytes a session with its
 * share of both indices, measured with a million, the strings of uid and device id apart; app ids and device types are
 * shared between sessions.
 *
 * A session that was told to end is *retired*: no longer found by its user or for commands, but still in its slot until
 * the gate has reported the last acknowledgements with the close. Rebuilt from the gates after a restart, never stored.
 */
import type { SessionIdentity } from '../trunk/trunk-protocol.ts';
import { Session, type SessionPlace } from './session.ts';

/** Slots of one gate; a larger one means that gate and logic do not speak the same language. */
export const SLOTS_MAX = 16_777_216;
/** Different device types that are shared; further ones are kept as they come. */
const SHARED_NAMES_MAX = 1024;

type UserSessions<Link> = Session<Link> | Session<Link>[];

interface AppSessions<Link> {
  readonly app: string;
  readonly users: Map<string, UserSessions<Link>>;
}

export class SessionRegistry<Link> {
  readonly #links: Map<Link, (Session<Link> | undefined)[]> = new Map();
  readonly #apps: Map<string, AppSessions<Link>> = new Map();
  readonly #names: Map<string, string> = new Map();
  /** What was asked for last: most calls are about the same link and the same app. */
  #lastLink: Link | undefined;
  #lastSlots: (Session<Link> | undefined)[] | undefined;
  #lastApp: AppSessions<Link> | undefined;
  #size = 0;

  /** Sessions that are not retired. */
  get size(): number {
    return this.#size;
  }

  /** Puts a new session into its place. Whoever was there must have been closed before. */
  open(
    identity: SessionIdentity,
    place: SessionPlace<Link>,
    partition: number,
    epoch: number,
    ackedSeq: number,
    loggedInAtS: number,
  ): Session<Link> {
    const { link, slot } = place;
    if (slot >= SLOTS_MAX) throw new RangeError(`slot ${slot} of a gate is beyond ${SLOTS_MAX}`);
    const occupant = this.#links.get(link)?.[slot];
    if (occupant !== undefined) this.close(occupant);
    const app = this.#appOf(identity.app);
    const shared = { ...identity, app: app.app, deviceType: this.#shared(identity.deviceType) };
    const session = new Session(shared, place, partition, epoch, ackedSeq, loggedInAtS);
    this.#slotsOf(link, slot)[slot] = session;
    const others = app.users.get(session.uid);
    if (others === undefined) app.users.set(session.uid, session);
    else if (Array.isArray(others)) others.push(session);
    else app.users.set(session.uid, [others, session]);
    this.#size++;
    return session;
  }

  /** The session that may speak for this connection. */
  find(link: Link, slot: number, serial: number): Session<Link> | undefined {
    if (link !== this.#lastLink) {
      this.#lastSlots = this.#links.get(link);
      this.#lastLink = this.#lastSlots === undefined ? undefined : link;
    }
    const session = this.#lastSlots?.[slot];
    return session === undefined || session.serial !== serial || session.ended ? undefined : session;
  }

  /** Whoever is in this place, retired or not. */
  at(link: Link, slot: number): Session<Link> | undefined {
    return this.#links.get(link)?.[slot];
  }

  /** Visits every session, the retired ones too. Visitors may close none. */
  forEach(visit: (session: Session<Link>) => void): void {
    for (const slots of this.#links.values()) {
      for (const session of slots) if (session !== undefined) visit(session);
    }
  }

  /** The sessions of a user. A single one comes without an array; do not keep the array. */
  lookup(app: string, uid: string): Session<Link> | readonly Session<Link>[] | undefined {
    if (this.#lastApp?.app !== app) this.#lastApp = this.#apps.get(app);
    return this.#lastApp?.users.get(uid);
  }

  /** As `lookup`, always an array of its own: for rare paths. */
  sessionsOf(app: string, uid: string): Session<Link>[] {
    const found = this.#apps.get(app)?.users.get(uid);
    if (found === undefined) return [];
    return Array.isArray(found) ? [...found] : [found];
  }

  /** Ends a session's life towards users and commands; its place stays taken until `close`. False when it had ended. */
  retire(session: Session<Link>): boolean {
    if (session.ended) return false;
    session.ended = true;
    this.#forgetUser(session);
    this.#size--;
    return true;
  }

  /** Takes a session out of everything. */
  close(session: Session<Link>): void {
    this.retire(session);
    const slots = this.#links.get(session.link);
    if (slots?.[session.slot] === session) slots[session.slot] = undefined;
  }

  /** Takes all sessions of a link out of everything and hands each to `closed`. */
  closeLink(link: Link, closed: (session: Session<Link>) => void): void {
    const slots = this.#links.get(link);
    if (slots === undefined) return;
    this.#links.delete(link);
    this.#lastLink = undefined;
    this.#lastSlots = undefined;
    for (const session of slots) {
      if (session === undefined) continue;
      this.retire(session);
      closed(session);
    }
  }

  #slotsOf(link: Link, slot: number): (Session<Link> | undefined)[] {
    let slots = this.#links.get(link);
    if (slots === undefined) {
      slots = [];
      this.#links.set(link, slots);
    }
    // Pushed rather than assigned beyond the end, so that the array stays dense.
    while (slots.length <= slot) slots.push(undefined);
    return slots;
  }

  #appOf(app: string): AppSessions<Link> {
    let sessions = this.#apps.get(app);
    if (sessions === undefined) {
      sessions = { app, users: new Map() };
      this.#apps.set(app, sessions);
    }
    return sessions;
  }

  #forgetUser(session: Session<Link>): void {
    const users = this.#apps.get(session.app)?.users;
    const found = users?.get(session.uid);
    if (users === undefined || found === undefined) return;
    if (!Array.isArray(found)) {
      users.delete(session.uid);
      return;
    }
    const left = found.filter((other) => other !== session);
    users.set(session.uid, left.length === 1 ? (left[0] as Session<Link>) : left);
  }

  #shared(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    if (this.#names.size < SHARED_NAMES_MAX) this.#names.set(name, name);
    return name;
  }
}
