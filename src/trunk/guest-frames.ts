/** Writes the frames about guests: senders whose session another logic owns. `trunk-dispatch.ts` and `gate-dispatch.ts` read them. */
import type { MessagePackWriter } from '../protocol/index.ts';
import { TrunkCommand } from './trunk-protocol.ts';

/**
 * A command to a target whose owner is not the owner of the sender: it knows the sender only from this frame.
 * @param identity app, uid, device type and device id, separated by zeros
 */
export function writeForwardFor(
  writer: MessagePackWriter,
  slot: number,
  serial: number,
  identity: string,
  generation: number,
  capabilities: number,
  command: number,
  requestId: number,
  bytes: Uint8Array,
  bodyStart: number,
  bodyEnd: number,
): void {
  const start = writer.beginFrame(TrunkCommand.ForwardFor, slot);
  writer.arrayHeader(7);
  writer.uint(serial);
  writer.str(identity);
  writer.uint(generation);
  writer.uint(capabilities);
  writer.uint(command);
  writer.uint(requestId);
  writer.binHeader(bodyEnd - bodyStart);
  writer.raw(bytes, bodyStart, bodyEnd);
  writer.endFrame(start);
}

/** Ends the connection of a guest for what it has sent. */
export function writeEndGuest(writer: MessagePackWriter, slot: number, serial: number, reason: number): void {
  const start = writer.beginFrame(TrunkCommand.EndGuest, slot);
  writer.arrayHeader(2);
  writer.uint(serial);
  writer.uint(reason);
  writer.endFrame(start);
}
