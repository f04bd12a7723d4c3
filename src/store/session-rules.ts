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
  SessionPolicy,
  type TimelineState,
} from './store.ts';

/** More devices than this are forgotten, the least recently used first. */
export const DEVICES_MAX = 16;
/** A device that has neither logged in nor acknowledged for so long is forgotten. */
export const DEVICE_EXPIRY_MS: number = 90 * 24 * 3_600_000;

/**
 * A risen epoch may have lost logins that clients remember. Generations of a new epoch start above all that the older
 * one can have handed out: 2^20 logins of one user between two rises.
 */
const GENERATIONS_PER_EPOCH = 2 ** 20;

export interface DeviceRow {
  deviceId: DeviceId;
  deviceType: DeviceType;
  cursor: Seq;
  /** 0 when the device is not current. */
  generation: Generation;
  issuedAtMs: number;
  lastUsedMs: number;
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

export function currentGenerations(state: SessionState): Generation[] {
  const current: Generation[] = [];
  for (const device of state.devices) if (device.generation !== NOT_CURRENT) current.push(device.generation);
  return current;
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
  state.devices.push({
    deviceId: operation.deviceId,
    deviceType: operation.deviceType,
    cursor: operation.cursor,
    generation: state.generation,
    issuedAtMs: operation.issuedAtMs,
    lastUsedMs: nowMs,
  });
  return true;
}

/** True when `state` changed. Sessions whose credential is older than the mark are no longer current. */
export function applyRevoke(state: SessionState, revokeBeforeMs: number): boolean {
  if (revokeBeforeMs <= state.revokeBeforeMs) return false;
  state.revokeBeforeMs = revokeBeforeMs;
  for (const device of state.devices) {
    if (device.issuedAtMs < revokeBeforeMs) device.generation = NOT_CURRENT;
  }
  return true;
}

/** Whether an acknowledgement moves a device's cursor: same epoch, forward, and not beyond what there is. */
export function cursorMoves(operation: CursorOperation, cursor: number, epoch: Epoch, head: number): boolean {
  return operation.epoch === epoch && operation.seq > cursor && operation.seq <= head;
}

function startCursor(start: NewDeviceStart, timeline: TimelineState): Seq {
  return start === NewDeviceStart.Head ? timeline.head : ((timeline.floor - 1) as Seq);
}

/** Another device that is current and that this login would end. */
function isRival(device: DeviceRow, operation: LoginOperation): boolean {
  if (device.generation === NOT_CURRENT || device.deviceId === operation.deviceId) return false;
  if (operation.policy === SessionPolicy.Many) return false;
  return operation.policy === SessionPolicy.OnePerUser || device.deviceType === operation.deviceType;
}

function nextGeneration(last: Generation, epoch: Epoch): Generation {
  return Math.max(last + 1, (epoch - 1) * GENERATIONS_PER_EPOCH + 1) as Generation;
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
