/**
 * Who is current: the decisions about logins, cursors and revocations, shared by every engine that decides in
 * JavaScript. An engine loads a user's `SessionState`, applies one operation, and stores the state again when the
 * function says that it changed.
 *
 *   generation 7 (phone, current) ── fresh login of a tablet type "phone" ──► generation 8 is current, 7 displaced
 *
 * Costs O(devices of one user), at most 16.
 */
import type { DeviceId, DeviceType, Epoch, Generation, Seq } from '../model/ids.ts';
import {
  type CursorOperation,
  LoginIntent,
  type LoginOperation,
  LoginStatus,
  NewDeviceStart,
  type ReauthenticateOperation,
  ReauthenticateStatus,
  type RevokeOperation,
  SessionPolicy,
  type TimelineState,
  type UserState,
} from './store.ts';
import { checkTicket, firstTicket, NO_TICKETS, nextTicket, revokedTickets, TicketVerdict } from './ticket-rules.ts';

/** More devices than this are forgotten, the least recently used first. */
export const DEVICES_MAX = 16;
/** A device that has neither logged in nor acknowledged for so long is forgotten. */
export const DEVICE_EXPIRY_MS: number = 90 * 24 * 3_600_000;

/**
 * A risen epoch may have lost logins that clients remember. Generations of a new epoch start above all that the older
 * one can have handed out: 2^20 logins of one user between two rises.
 */
export const GENERATIONS_PER_EPOCH: number = 2 ** 20;

export interface DeviceRow {
  deviceId: DeviceId;
  deviceType: DeviceType;
  cursor: Seq;
  /** 0 when the device is not current. */
  generation: Generation;
  issuedAtMs: number;
  lastUsedMs: number;
  /** When the session expires, unix seconds; 0 for never. */
  sessionExpiresAtS: number;
  /** See `ticket-rules.ts`; replaced, never changed in place. */
  tickets: Uint8Array;
}

export interface SessionState {
  /** The largest generation handed out. */
  generation: Generation;
  revokeBeforeMs: number;
  devices: DeviceRow[];
}

export const NOT_CURRENT: Generation = 0 as Generation;

export function emptySessionState(): SessionState {
  return { generation: NOT_CURRENT, revokeBeforeMs: 0, devices: [] };
}

export function copySessionState(state: SessionState): SessionState {
  return { ...state, devices: state.devices.map((device) => ({ ...device })) };
}

/** What a reader of the store learns about who is current. */
export function currentSessions(
  state: SessionState,
): Pick<UserState, 'currentGenerations' | 'currentExpiriesS' | 'revokeBeforeMs'> {
  const current = state.devices.filter((device) => device.generation !== NOT_CURRENT);
  return {
    currentGenerations: current.map((device) => device.generation),
    currentExpiriesS: current.map((device) => device.sessionExpiresAtS),
    revokeBeforeMs: state.revokeBeforeMs,
  };
}

/** Decides a login and fills in its results. True when `state` changed and must be stored. */
export function applyLogin(
  state: SessionState,
  timeline: TimelineState,
  operation: LoginOperation,
  nowMs: number,
): boolean {
  const known = state.devices.find((device) => device.deviceId === operation.deviceId);
  operation.displaced = [];
  operation.generation = NOT_CURRENT;
  operation.epoch = timeline.epoch;
  operation.head = timeline.head;
  operation.floor = timeline.floor;
  operation.cursor = known?.cursor ?? startCursor(operation.newDeviceStart, timeline);
  const refused = ticketRefusal(known, operation, nowMs);
  if (refused !== undefined) {
    operation.status = refused;
    return refused === LoginStatus.TicketReused && revokeChain(known, operation);
  }
  if (operation.issuedAtMs < state.revokeBeforeMs) {
    operation.status = LoginStatus.Revoked;
    return false;
  }
  const rivals = state.devices.filter((device) => isRival(device, operation));
  if (operation.intent === LoginIntent.Resume && rivals.some((d) => d.generation > operation.lastGeneration)) {
    operation.status = LoginStatus.Replaced;
    return false;
  }
  for (const rival of rivals) {
    operation.displaced.push(rival.generation);
    rival.generation = NOT_CURRENT;
  }
  state.generation = nextGeneration(state.generation, timeline.epoch);
  operation.status = LoginStatus.Current;
  operation.generation = state.generation;
  state.devices = state.devices.filter((device) => device !== known);
  forgetOldDevices(state, operation, nowMs);
  const { ticket, nextTicket: next } = operation;
  state.devices.push({
    deviceId: operation.deviceId,
    deviceType: operation.deviceType,
    cursor: operation.cursor,
    generation: state.generation,
    issuedAtMs: operation.issuedAtMs,
    lastUsedMs: nowMs,
    sessionExpiresAtS: operation.sessionExpiresAtS,
    tickets:
      ticket === undefined ? firstTicket(next, nowMs) : nextTicket(known?.tickets ?? NO_TICKETS, ticket, next, nowMs),
  });
  return true;
}

/** True when `state` changed. Sessions whose credential is older than the mark are no longer current. */
export function applyRevoke(state: SessionState, operation: RevokeOperation): boolean {
  const { revokeBeforeMs } = operation;
  operation.displaced = [];
  if (revokeBeforeMs <= state.revokeBeforeMs) return false;
  state.revokeBeforeMs = revokeBeforeMs;
  for (const device of state.devices) {
    if (device.generation === NOT_CURRENT || device.issuedAtMs >= revokeBeforeMs) continue;
    operation.displaced.push(device.generation);
    device.generation = NOT_CURRENT;
  }
  return true;
}

/** True when `state` changed. */
export function applyReauthenticate(state: SessionState, operation: ReauthenticateOperation): boolean {
  const { deviceId, generation, issuedAtMs } = operation;
  const device = state.devices.find((row) => row.deviceId === deviceId && row.generation === generation);
  if (device === undefined || generation === NOT_CURRENT) {
    operation.status = ReauthenticateStatus.NotCurrent;
    return false;
  }
  if (issuedAtMs < state.revokeBeforeMs) {
    operation.status = ReauthenticateStatus.Revoked;
    return false;
  }
  operation.status = ReauthenticateStatus.Renewed;
  device.issuedAtMs = Math.max(device.issuedAtMs, issuedAtMs);
  device.sessionExpiresAtS = operation.sessionExpiresAtS;
  return true;
}

/** Whether an acknowledgement moves a device's cursor: same epoch, forward, and not beyond what there is. */
export function cursorMoves(operation: CursorOperation, cursor: number, epoch: Epoch, head: number): boolean {
  return operation.epoch === epoch && operation.seq > cursor && operation.seq <= head;
}

/** Why the presented ticket is refused; undefined when it is good, and for a token. A good one says when it was issued. */
function ticketRefusal(
  known: DeviceRow | undefined,
  operation: LoginOperation,
  nowMs: number,
): LoginStatus | undefined {
  const { ticket, deviceType, ticketLifetimeMs } = operation;
  if (ticket === undefined) return undefined;
  if (known === undefined || known.deviceType !== deviceType) return LoginStatus.TicketUnknown;
  const { verdict, issuedAtMs } = checkTicket(known.tickets, ticket, ticketLifetimeMs, nowMs);
  operation.issuedAtMs = issuedAtMs;
  switch (verdict) {
    case TicketVerdict.Good:
      return undefined;
    case TicketVerdict.Unknown:
      return LoginStatus.TicketUnknown;
    case TicketVerdict.Expired:
      return LoginStatus.TicketExpired;
    case TicketVerdict.Revoked:
      return LoginStatus.Revoked;
    case TicketVerdict.Reused:
      return LoginStatus.TicketReused;
  }
}

/** Somebody has a copy of a ticket: none of the device's is good any more, and whoever is logged in with one goes. */
function revokeChain(device: DeviceRow | undefined, operation: LoginOperation): boolean {
  if (device === undefined) return false;
  if (device.generation !== NOT_CURRENT) operation.displaced.push(device.generation);
  device.generation = NOT_CURRENT;
  device.tickets = revokedTickets(device.tickets);
  return true;
}

function startCursor(start: NewDeviceStart, timeline: TimelineState): Seq {
  return start === NewDeviceStart.Head ? timeline.head : ((timeline.floor - 1) as Seq);
}

/** Another device that is current and that this login would end. */
function isRival(device: DeviceRow, operation: LoginOperation): boolean {
  if (device.generation === NOT_CURRENT || device.deviceId === operation.deviceId) return false;
  return excludeEachOther(operation.policy, device.deviceType, operation.deviceType);
}

/** Whether only one of two devices of these types may be current. */
export function excludeEachOther(policy: SessionPolicy, one: string, other: string): boolean {
  if (policy === SessionPolicy.Many) return false;
  return policy === SessionPolicy.OnePerUser || one === other;
}

/** Smaller ones were handed out in an older epoch. */
export function firstGenerationOf(epoch: Epoch): Generation {
  return ((epoch - 1) * GENERATIONS_PER_EPOCH + 1) as Generation;
}

function nextGeneration(last: Generation, epoch: Epoch): Generation {
  return Math.max(last + 1, firstGenerationOf(epoch)) as Generation;
}

/** Makes room for one more row. A forgotten device that was current is reported as displaced. */
function forgetOldDevices(state: SessionState, operation: LoginOperation, nowMs: number): void {
  const byUse = state.devices.toSorted((a, b) => b.lastUsedMs - a.lastUsedMs);
  const kept = byUse.filter((d, place) => place < DEVICES_MAX - 1 && nowMs - d.lastUsedMs <= DEVICE_EXPIRY_MS);
  for (const device of byUse) {
    if (!kept.includes(device) && device.generation !== NOT_CURRENT) operation.displaced.push(device.generation);
  }
  state.devices = state.devices.filter((device) => kept.includes(device));
}
