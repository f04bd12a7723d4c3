/**
 * The devices of all users: rows of a structure of arrays, linked per user.
 *
 *   directory.firstDevice[user] ─► row ─► row ─► 0
 *
 * Cost per device: 94 bytes in the arrays, 50 of them for tickets, plus the text of its id; device types share their
 * text. Logins load a user's rows as objects, decide, and store them again; an acknowledgement writes three numbers in
 * place.
 */
import type { DeviceId, DeviceType, Generation, Seq } from '../../model/ids.ts';
import type { DeviceRow } from '../session-rules.ts';
import { NO_TICKETS, TICKET_STATE_BYTES } from '../ticket-rules.ts';
import { grown } from './user-directory.ts';

const CAPACITY_MIN = 256;
/** Device types are few; beyond this many they are kept without sharing. */
const SHARED_TYPES_MAX = 1024;

export const NO_DEVICE = 0;

export class DevicePool {
  readonly #ids: DeviceId[] = ['' as DeviceId];
  readonly #types: DeviceType[] = ['' as DeviceType];
  readonly #sharedTypes = new Map<string, DeviceType>();
  #lastType: DeviceType = '' as DeviceType;
  #next: Uint32Array = new Uint32Array(CAPACITY_MIN);
  #freeRow = NO_DEVICE;
  /** TICKET_STATE_BYTES a row; all zero when the device has no tickets. */
  #tickets: Uint8Array = new Uint8Array(CAPACITY_MIN * TICKET_STATE_BYTES);
  cursor: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** 0 when the device is not current. */
  generation: Float64Array = new Float64Array(CAPACITY_MIN);
  issuedAtMs: Float64Array = new Float64Array(CAPACITY_MIN);
  lastUsedMs: Float64Array = new Float64Array(CAPACITY_MIN);
  /** Unix seconds; 0 for never. */
  sessionExpiresAtS: Uint32Array = new Uint32Array(CAPACITY_MIN);

  /** The row of `deviceId` in the list that starts at `first`, or 0. */
  find(first: number, deviceId: DeviceId): number {
    let row = first;
    while (row !== NO_DEVICE && this.#ids[row] !== deviceId) row = this.#next[row]!;
    return row;
  }

  load(first: number): DeviceRow[] {
    const devices: DeviceRow[] = [];
    for (let row = first; row !== NO_DEVICE; row = this.#next[row]!) {
      devices.push({
        deviceId: this.#ids[row]!,
        deviceType: this.#types[row]!,
        cursor: this.cursor[row]! as Seq,
        generation: this.generation[row]! as Generation,
        issuedAtMs: this.issuedAtMs[row]!,
        lastUsedMs: this.lastUsedMs[row]!,
        sessionExpiresAtS: this.sessionExpiresAtS[row]!,
        tickets: this.#ticketsOf(row),
      });
    }
    return devices;
  }

  /** Replaces the list that starts at `first` and answers where the new one starts. */
  replace(first: number, devices: readonly DeviceRow[]): number {
    this.#release(first);
    let head = NO_DEVICE;
    for (let i = devices.length - 1; i >= 0; i--) {
      const row = this.#take();
      this.#write(row, devices[i]!);
      this.#next[row] = head;
      head = row;
    }
    return head;
  }

  #write(row: number, device: DeviceRow): void {
    this.#ids[row] = device.deviceId;
    this.#types[row] = this.#shared(device.deviceType);
    this.cursor[row] = device.cursor;
    this.generation[row] = device.generation;
    this.issuedAtMs[row] = device.issuedAtMs;
    this.lastUsedMs[row] = device.lastUsedMs;
    this.sessionExpiresAtS[row] = device.sessionExpiresAtS;
    const at = row * TICKET_STATE_BYTES;
    if (device.tickets.length === 0) this.#tickets.fill(0, at, at + TICKET_STATE_BYTES);
    else this.#tickets.set(device.tickets, at);
  }

  #ticketsOf(row: number): Uint8Array {
    const at = row * TICKET_STATE_BYTES;
    const tickets = this.#tickets.slice(at, at + TICKET_STATE_BYTES);
    return tickets.every((byte) => byte === 0) ? NO_TICKETS : tickets;
  }

  #release(first: number): void {
    let row = first;
    while (row !== NO_DEVICE) {
      const next = this.#next[row]!;
      this.#ids[row] = '' as DeviceId;
      this.#next[row] = this.#freeRow;
      this.#freeRow = row;
      row = next;
    }
  }

  #take(): number {
    const row = this.#freeRow;
    if (row !== NO_DEVICE) {
      this.#freeRow = this.#next[row]!;
      return row;
    }
    const fresh = this.#ids.push('' as DeviceId) - 1;
    this.#types.push('' as DeviceType);
    if (fresh >= this.cursor.length) this.#grow();
    return fresh;
  }

  #shared(type: DeviceType): DeviceType {
    if (type === this.#lastType) return this.#lastType;
    this.#lastType = this.#sharedOrNew(type);
    return this.#lastType;
  }

  #sharedOrNew(type: DeviceType): DeviceType {
    const known = this.#sharedTypes.get(type);
    if (known !== undefined) return known;
    if (this.#sharedTypes.size < SHARED_TYPES_MAX) this.#sharedTypes.set(type, type);
    return type;
  }

  #grow(): void {
    const capacity = this.cursor.length * 2;
    this.#next = grown(this.#next, new Uint32Array(capacity));
    this.cursor = grown(this.cursor, new Uint32Array(capacity));
    this.generation = grown(this.generation, new Float64Array(capacity));
    this.issuedAtMs = grown(this.issuedAtMs, new Float64Array(capacity));
    this.lastUsedMs = grown(this.lastUsedMs, new Float64Array(capacity));
    this.sessionExpiresAtS = grown(this.sessionExpiresAtS, new Uint32Array(capacity));
    this.#tickets = grown(this.#tickets, new Uint8Array(capacity * TICKET_STATE_BYTES));
  }
}
