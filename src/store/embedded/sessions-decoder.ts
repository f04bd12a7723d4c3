/**
 * Reads Sessions entries into rows that are used again for the next entry: replay meets one for each login of the log's
 * life, and the device pool copies what it keeps.
 */
import type { DeviceId, DeviceType, Generation, Seq } from '../../model/ids.ts';
import type { DeviceRow, SessionState } from '../session-rules.ts';
import { NO_TICKETS, TICKET_STATE_BYTES } from '../ticket-rules.ts';
import { RepeatedText, readText } from './entry-text.ts';

const DEVICES_START = 36;
const TICKETS_START = 33;

/** Where the tickets of one device are read to. */
class RowScratch {
  readonly row: DeviceRow = {
    deviceId: '' as DeviceId,
    deviceType: '' as DeviceType,
    cursor: 0 as Seq,
    generation: 0 as Generation,
    issuedAtMs: 0,
    lastUsedMs: 0,
    sessionExpiresAtS: 0,
    tickets: NO_TICKETS,
  };
  readonly #tickets: Uint8Array = new Uint8Array(TICKET_STATE_BYTES);

  /** A view is an allocation: a loop copies these few bytes faster. */
  readTickets(bytes: Buffer, start: number, length: number): void {
    this.row.tickets = length === 0 ? NO_TICKETS : this.#tickets;
    for (let i = 0; i < length; i++) this.#tickets[i] = bytes[start + i]!;
  }
}

export class SessionsDecoder {
  readonly #scratch: RowScratch[] = [];
  readonly #types: RepeatedText = new RepeatedText();
  readonly #state: SessionState = { generation: 0 as Generation, revokeBeforeMs: 0, devices: [] };

  /** The answer is good until the next call. */
  decode(view: DataView, bytes: Buffer, start: number): SessionState {
    const state = this.#state;
    state.generation = view.getFloat64(start + 16, true) as Generation;
    state.revokeBeforeMs = view.getFloat64(start + 24, true);
    const count = view.getUint32(start + 32, true);
    state.devices.length = 0;
    let at = start + DEVICES_START;
    for (let i = 0; i < count; i++) {
      this.#scratch[i] ??= new RowScratch();
      at = this.#device(view, bytes, at, this.#scratch[i]!);
      state.devices.push(this.#scratch[i]!.row);
    }
    return state;
  }

  /** Answers where the next device starts. */
  #device(view: DataView, bytes: Buffer, at: number, scratch: RowScratch): number {
    const { row } = scratch;
    const ticketBytes = bytes[at + TICKETS_START - 1]!;
    const id = at + TICKETS_START + ticketBytes;
    const type = id + 1 + bytes[id]!;
    row.cursor = view.getUint32(at, true) as Seq;
    row.generation = view.getFloat64(at + 4, true) as Generation;
    row.issuedAtMs = view.getFloat64(at + 12, true);
    row.lastUsedMs = view.getFloat64(at + 20, true);
    row.sessionExpiresAtS = view.getUint32(at + 28, true);
    scratch.readTickets(bytes, at + TICKETS_START, ticketBytes);
    row.deviceId = readText(bytes, id) as DeviceId;
    row.deviceType = this.#types.read(bytes, type) as DeviceType;
    return type + 1 + bytes[type]!;
  }
}
