/**
 * What a gate worker counts, as plain numbers: incremented on the hot path, read by the metrics when scraped.
 */
export class GateCounters {
  accepted = 0;
  /** Connections refused before they got a slot: the worker was full. */
  refusedFull = 0;
  /** Connections refused because of their address. */
  refusedAddress = 0;
  /** Connections refused because too many had not logged in. */
  refusedPreLogin = 0;
  /** Connections refused because the worker accepted too fast. */
  refusedRate = 0;
  logins = 0;
  /** By CloseReason. */
  readonly closes: Float64Array = new Float64Array(256);
  /** Frames from clients, by command. */
  readonly framesIn: Float64Array = new Float64Array(256);
  bytesIn = 0;
  /** Messages handed to the socket (MESSAGE frames). */
  pushes = 0;
  /** Re-pushed MESSAGE frames. */
  repushes = 0;
  notifies = 0;
  /** ERROR frames, by ErrorCode. */
  readonly errors: Float64Array = new Float64Array(256);
  /** Requests handed to the owner of a target that is not the owner of the sender. */
  guestForwards = 0;
  /** Trunk frames about a connection that has gone. */
  staleFrames = 0;
  /** Times that reading from a client was paused because of its rate. */
  readPauses = 0;

  /** Connections that reached this worker, whether it took them or refused them. */
  get offered(): number {
    return this.accepted + this.refusedFull + this.refusedAddress + this.refusedPreLogin + this.refusedRate;
  }
}
