/** Bytes between the transport, which knows `Uint8Array`, and the codec, which wants `Buffer`; and copying few of them. */

/** Up to here a loop copies: a call into the runtime costs more than so many bytes. */
const LOOP_BYTES_MAX = 64;

/** The same bytes as a Buffer, without a copy. The runtime's streams hand out Buffers already. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Copies `source[start … end)` to `target[at …]`. */
export function copyBytes(source: Buffer, start: number, end: number, target: Buffer, at: number): void {
  if (end - start > LOOP_BYTES_MAX) source.copy(target, at, start, end);
  else for (let from = start, to = at; from < end; from++, to++) target[to] = source[from] as number;
}
