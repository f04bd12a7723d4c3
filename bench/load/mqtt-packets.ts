/** Cuts a stream of MQTT bytes into packets by their fixed headers, without parsing what is in them. */

/** One whole packet: its first byte at `at`, its variable header at `bodyAt`. */
export type OnPacket = (data: Buffer, at: number, bodyAt: number, bodyEnd: number) => void;

const EMPTY = Buffer.alloc(0);

/** @returns what is left over, for the next call */
export function readMqttPackets(partial: Buffer, bytes: Uint8Array, onPacket: OnPacket): Buffer {
  const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = partial.length === 0 ? chunk : Buffer.concat([partial, chunk]);
  let at = 0;
  while (data.length - at >= 2) {
    let bodyLength = 0;
    let bodyAt = at + 1;
    let more = 128;
    for (let shift = 0; more >= 128 && bodyAt < data.length; shift += 7) {
      more = data[bodyAt++] as number;
      bodyLength |= (more & 127) << shift;
    }
    if (more >= 128 || data.length - bodyAt < bodyLength) break;
    onPacket(data, at, bodyAt, bodyAt + bodyLength);
    at = bodyAt + bodyLength;
  }
  return at < data.length ? Buffer.from(data.subarray(at)) : EMPTY;
}
