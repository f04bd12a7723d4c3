/**
 * Requests that make no sense, and PINGs beyond their rate: both are cheap to send and cost an answer (T15). A few
 * senseless requests are answered; with the last one of `protocolErrorsMax` the connection ends. PINGs may come
 * `pingsPerSecondMax` times a second, averaged over ten seconds; the first one beyond ends the connection.
 */
import { CloseReason, ErrorCode } from '../protocol/index.ts';
import type { Connections } from './connections.ts';
import { SlotMeters } from './slot-meters.ts';

export interface ProtocolErrorLimits {
  readonly protocolErrorsMax: number;
  readonly pingsPerSecondMax: number;
}

const PING_AVERAGE_SECONDS = 10;

export class ProtocolErrors {
  readonly #connections: Connections;
  readonly #limits: ProtocolErrorLimits;
  readonly #pings: SlotMeters;

  constructor(connections: Connections, limits: ProtocolErrorLimits) {
    this.#connections = connections;
    this.#limits = limits;
    this.#pings = new SlotMeters(limits.pingsPerSecondMax, PING_AVERAGE_SECONDS * limits.pingsPerSecondMax);
    connections.onClosing((slot) => this.#pings.forget(slot));
  }

  /** An ERROR has been sent. */
  answered(slot: number, code: number): void {
    const { counters, table } = this.#connections;
    counters.errors[code] = (counters.errors[code] as number) + 1;
    if (code !== ErrorCode.BadRequest && code !== ErrorCode.UnknownCommand) return;
    const errors = (table.protocolErrors[slot] as number) + 1;
    table.protocolErrors[slot] = errors;
    if (errors < this.#limits.protocolErrorsMax) return;
    this.#connections.close(slot, CloseReason.ProtocolError, 0, `${errors} requests that make no sense`);
  }

  /** A PING has come; false when it was one too many and the connection has ended. */
  pinged(slot: number): boolean {
    if (this.#pings.count(slot, 1, this.#connections.clock.monotonicMs()) === 0) return true;
    this.#connections.close(slot, CloseReason.ProtocolError, 0, 'too many PINGs');
    return false;
  }
}
