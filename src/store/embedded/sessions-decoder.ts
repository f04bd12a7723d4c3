/**
 * Reads Sessions entries into the rows of a user's devices: replay meets one for each login of the log's life. No object
 * and no string is made; of device types only one that differs from the last.
 */
import type { DeviceType } from '../../model/ids.ts';
import { type DevicePool, NO_DEVICE } from './device-pool.ts';
import type { EngineState } from './engine-state.ts';
import { RepeatedText } from './entry-text.ts';

const DEVICES_START = 36;
const TICKETS_START = 33;

export class SessionsDecoder {
  readonly #types: RepeatedText = new RepeatedText();

  /** Makes the user's sessions what the entry at `start` says. */
  restore(state: EngineState, user: number, view: DataView, bytes: Buffer, start: number): void {
    const { directory, devices } = state;
    directory.generation[user] = view.getFloat64(start + 16, true);
    directory.revokeBeforeMs[user] = view.getFloat64(start + 24, true);
    devices.release(directory.firstDevice[user]!);
    directory.firstDevice[user] = NO_DEVICE;
    let at = start + DEVICES_START;
    let last = NO_DEVICE;
    for (let left = view.getUint32(start + 32, true); left > 0; left--) {
      last = devices.append(last);
      if (directory.firstDevice[user] === NO_DEVICE) directory.firstDevice[user] = last;
      at = this.#device(devices, last, view, bytes, at);
    }
  }

  /** Answers where the next device starts. */
  #device(devices: DevicePool, row: number, view: DataView, bytes: Buffer, at: number): number {
    const ticketBytes = bytes[at + TICKETS_START - 1]!;
    const id = at + TICKETS_START + ticketBytes;
    const type = id + 1 + bytes[id]!;
    devices.cursor[row] = view.getUint32(at, true);
    devices.generation[row] = view.getFloat64(at + 4, true);
    devices.issuedAtMs[row] = view.getFloat64(at + 12, true);
    devices.lastUsedMs[row] = view.getFloat64(at + 20, true);
    devices.sessionExpiresAtS[row] = view.getUint32(at + 28, true);
    devices.setTickets(row, bytes, at + TICKETS_START, ticketBytes);
    devices.setTexts(row, bytes, id, this.#types.read(bytes, type) as DeviceType);
    return type + 1 + bytes[type]!;
  }
}
