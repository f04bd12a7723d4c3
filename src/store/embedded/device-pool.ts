/**
 * The devices of all users: rows of a structure of arrays, linked per user.
 *
 *   directory.firstDevice[user] ─► row ─► row ─► 0
 *
 * Cost per device: 97 bytes in the arrays, 49 of them for tickets, plus the bytes of its id; nothing of it is on the
 * JavaScript heap. Device types share their text. Logins load a user's rows as objects, decide, and store them again; an
 * acknowledgement writes three numbers in place; replay fills rows without an object or a string.
 */
import type { DeviceId, DeviceType, Generation, Seq } from '../../model/ids.ts';
import type { DeviceRow } from '../session-rules.ts';
import { NO_TICKETS, TICKET_STATE_BYTES } from '../ticket-rules.ts';
import { TextSlab } from './text-slab.ts';
import { grown } from './user-directory.ts';

const CAPACITY_MIN = 256;
/** Device types are few; beyond this many each row has a text of its own, whose handle follows these numbers. */
const SHARED_TYPES_MAX = 1024;

export const NO_DEVICE = 0;

export class DevicePool {
  readonly #texts = new TextSlab();
  readonly #typeNames: DeviceType[] = [];
  readonly #typeNumbers = new Map<DeviceType, number>();
  #lastType: DeviceType | undefined;
  #lastTypeNumber = 0;
  #rows = 1;
  #id: Uint32Array = new Uint32Array(CAPACITY_MIN);
  #type: Uint32Array = new Uint32Array(CAPACITY_MIN);
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
    while (row !== NO_DEVICE && !this.#texts.equals(this.#id[row]!, deviceId)) row = this.#next[row]!;
    return row;
  }

  /** As `find`, of the id whose length byte is at `at`. */
  findBytes(first: number, bytes: Uint8Array, at: number): number {
    let row = first;
    while (row !== NO_DEVICE && !this.#texts.equalsBytes(this.#id[row]!, bytes, at)) row = this.#next[row]!;
    return row;
  }

  load(first: number): DeviceRow[] {
    const devices: DeviceRow[] = [];
    for (let row = first; row !== NO_DEVICE; row = this.#next[row]!) {
      devices.push({
        deviceId: this.#texts.get(this.#id[row]!) as DeviceId,
        deviceType: this.#typeOf(row),
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
    this.release(first);
    let head = NO_DEVICE;
    let last = NO_DEVICE;
    for (const device of devices) {
      last = this.append(last);
      if (head === NO_DEVICE) head = last;
      this.#write(last, device);
    }
    return head;
  }

  /** Gives back all rows of the list that starts at `first`. */
  release(first: number): void {
    let row = first;
    while (row !== NO_DEVICE) {
      const next = this.#next[row]!;
      this.#texts.release(this.#id[row]!);
      if (this.#type[row]! >= SHARED_TYPES_MAX) this.#texts.release(this.#type[row]! - SHARED_TYPES_MAX);
      this.#next[row] = this.#freeRow;
      this.#freeRow = row;
      row = next;
    }
  }

  /** A row behind `last`, the end of a list, or the first of a new one. Its texts and tickets must be set. */
  append(last: number): number {
    const row = this.#take();
    this.#next[row] = NO_DEVICE;
    if (last !== NO_DEVICE) this.#next[last] = row;
    return row;
  }

  /** `idAt`: where the length byte of the device's id is. */
  setTexts(row: number, bytes: Uint8Array, idAt: number, type: DeviceType): void {
    this.#id[row] = this.#texts.addBytes(bytes, idAt);
    this.#type[row] = this.#typeNumber(type);
  }

  setTickets(row: number, bytes: Uint8Array, start: number, length: number): void {
    const at = row * TICKET_STATE_BYTES;
    const tickets = this.#tickets;
    for (let i = 0; i < TICKET_STATE_BYTES; i++) tickets[at + i] = i < length ? bytes[start + i]! : 0;
  }

  #write(row: number, device: DeviceRow): void {
    this.#id[row] = this.#texts.add(device.deviceId);
    this.#type[row] = this.#typeNumber(device.deviceType);
    this.cursor[row] = device.cursor;
    this.generation[row] = device.generation;
    this.issuedAtMs[row] = device.issuedAtMs;
    this.lastUsedMs[row] = device.lastUsedMs;
    this.sessionExpiresAtS[row] = device.sessionExpiresAtS;
    this.setTickets(row, device.tickets, 0, device.tickets.length);
  }

  #typeOf(row: number): DeviceType {
    const number = this.#type[row]!;
    if (number < SHARED_TYPES_MAX) return this.#typeNames[number]!;
    return this.#texts.get(number - SHARED_TYPES_MAX) as DeviceType;
  }

  #typeNumber(type: DeviceType): number {
    if (type === this.#lastType) return this.#lastTypeNumber;
    let number = this.#typeNumbers.get(type);
    if (number === undefined) {
      if (this.#typeNames.length === SHARED_TYPES_MAX) return SHARED_TYPES_MAX + this.#texts.add(type);
      number = this.#typeNames.push(type) - 1;
      this.#typeNumbers.set(type, number);
    }
    this.#lastType = type;
    this.#lastTypeNumber = number;
    return number;
  }

  #ticketsOf(row: number): Uint8Array {
    const at = row * TICKET_STATE_BYTES;
    const tickets = this.#tickets.slice(at, at + TICKET_STATE_BYTES);
    return tickets.every((byte) => byte === 0) ? NO_TICKETS : tickets;
  }

  #take(): number {
    const row = this.#freeRow;
    if (row !== NO_DEVICE) {
      this.#freeRow = this.#next[row]!;
      return row;
    }
    if (this.#rows === this.cursor.length) this.#grow();
    return this.#rows++;
  }

  #grow(): void {
    const capacity = this.cursor.length * 2;
    this.#id = grown(this.#id, new Uint32Array(capacity));
    this.#type = grown(this.#type, new Uint32Array(capacity));
    this.#next = grown(this.#next, new Uint32Array(capacity));
    this.cursor = grown(this.cursor, new Uint32Array(capacity));
    this.generation = grown(this.generation, new Float64Array(capacity));
    this.issuedAtMs = grown(this.issuedAtMs, new Float64Array(capacity));
    this.lastUsedMs = grown(this.lastUsedMs, new Float64Array(capacity));
    this.sessionExpiresAtS = grown(this.sessionExpiresAtS, new Uint32Array(capacity));
    this.#tickets = grown(this.#tickets, new Uint8Array(capacity * TICKET_STATE_BYTES));
  }
}
