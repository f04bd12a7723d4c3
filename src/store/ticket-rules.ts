/**
 * Tickets: what a device may present instead of a token. A ticket is retired only when its successor is first used,
 * because the CONNACK that carried the successor may have been lost.
 *
 *   login with N              N is in use, its successor S is the newest          whoever came before N is retired
 *   again with N              the CONNACK was lost: another S takes its place     the S that nobody has seen is retired
 *   a third time, or retired  somebody has a copy: every ticket of the device is revoked
 *
 * The store keeps no ticket. It knows one by its *key*: the family, a name that all tickets of one chain share, so that a
 * retired one is recognised without a list; and the first half of a SHA-256 over 256 random bits, out of reach of any
 * search. 49 bytes a device:
 *
 *   0 family (8) · 8 newest (16) · 24 in use (16) · 40 newest issued, u32 s · 44 in use issued, u32 s · 48 uses, u8
 */
import { timingSafeEqual } from 'node:crypto';

export const TICKET_FAMILY_BYTES = 8;
export const TICKET_HASH_BYTES = 16;
export const TICKET_KEY_BYTES: number = TICKET_FAMILY_BYTES + TICKET_HASH_BYTES;
export const TICKET_STATE_BYTES = 49;

const NEWEST = 8;
const IN_USE = 24;
const NEWEST_ISSUED = 40;
const IN_USE_ISSUED = 44;
const USES = 48;
/** How often one ticket may be presented: once, and once more when the first answer was lost. */
const USES_MAX = 2;
const REVOKED = 255;

/** A device without tickets. */
export const NO_TICKETS: Uint8Array = new Uint8Array(0);

export const TicketVerdict = {
  Good: 1,
  /** Not one of this device's chain. */
  Unknown: 2,
  Expired: 3,
  /** Of a chain that was revoked. */
  Revoked: 4,
  /** Used too often, or retired: somebody has a copy. */
  Reused: 5,
} as const;
export type TicketVerdict = (typeof TicketVerdict)[keyof typeof TicketVerdict];

export interface TicketCheck {
  readonly verdict: TicketVerdict;
  /** Of a good ticket, unix milliseconds. */
  readonly issuedAtMs: number;
}

/** Judges a presented ticket; changes nothing. */
export function checkTicket(state: Uint8Array, key: Uint8Array, lifetimeMs: number, nowMs: number): TicketCheck {
  if (state.length === 0 || !holds(state, 0, key, 0, TICKET_FAMILY_BYTES)) return verdict(TicketVerdict.Unknown);
  if (state[USES] === REVOKED) return verdict(TicketVerdict.Revoked);
  const isNewest = holdsHash(state, NEWEST, key);
  const isInUse = holdsHash(state, IN_USE, key) && state[USES] !== 0;
  if (!isNewest && (!isInUse || (state[USES] as number) >= USES_MAX)) return verdict(TicketVerdict.Reused);
  const issuedAtMs = secondsAt(state, isNewest ? NEWEST_ISSUED : IN_USE_ISSUED) * 1000;
  if (nowMs - issuedAtMs >= lifetimeMs) return verdict(TicketVerdict.Expired);
  return { verdict: TicketVerdict.Good, issuedAtMs };
}

/** The state after a login with a token: a new chain. */
export function firstTicket(next: Uint8Array | undefined, nowMs: number): Uint8Array {
  if (next === undefined) return NO_TICKETS;
  const state = new Uint8Array(TICKET_STATE_BYTES);
  setNewest(state, next, nowMs);
  return state;
}

/** The state after a login with a ticket that was found good. */
export function nextTicket(
  state: Uint8Array,
  key: Uint8Array,
  next: Uint8Array | undefined,
  nowMs: number,
): Uint8Array {
  if (next === undefined) return NO_TICKETS;
  const after = state.slice();
  if (holdsHash(state, NEWEST, key)) {
    after.copyWithin(IN_USE, NEWEST, NEWEST + TICKET_HASH_BYTES);
    after.copyWithin(IN_USE_ISSUED, NEWEST_ISSUED, NEWEST_ISSUED + 4);
    after[USES] = 1;
  } else after[USES] = (state[USES] as number) + 1;
  setNewest(after, next, nowMs);
  return after;
}

/** The state after one of the chain was presented too often: none of it is good any more. */
export function revokedTickets(state: Uint8Array): Uint8Array {
  const after = state.slice();
  if (after.length > 0) after[USES] = REVOKED;
  return after;
}

function verdict(of: TicketVerdict): TicketCheck {
  return { verdict: of, issuedAtMs: 0 };
}

function setNewest(state: Uint8Array, key: Uint8Array, nowMs: number): void {
  state.set(key.subarray(0, TICKET_FAMILY_BYTES), 0);
  state.set(key.subarray(TICKET_FAMILY_BYTES), NEWEST);
  viewOf(state).setUint32(NEWEST_ISSUED, Math.floor(nowMs / 1000), true);
}

function secondsAt(state: Uint8Array, at: number): number {
  return viewOf(state).getUint32(at, true);
}

function holdsHash(state: Uint8Array, at: number, key: Uint8Array): boolean {
  return holds(state, at, key, TICKET_FAMILY_BYTES, TICKET_HASH_BYTES);
}

/** Constant-time. */
function holds(state: Uint8Array, at: number, key: Uint8Array, from: number, length: number): boolean {
  return timingSafeEqual(state.subarray(at, at + length), key.subarray(from, from + length));
}

function viewOf(state: Uint8Array): DataView {
  return new DataView(state.buffer, state.byteOffset, state.byteLength);
}
