import type { Stream } from '../../src/net/transport.ts';

/** A stream that keeps every write; `taking` false makes it a peer that does not read. */
export class FakeStream implements Stream {
  slot = -1;
  owner: unknown = undefined;
  outboxEntry = -1;
  remoteAddress = '';
  pendingBytes = 0;
  taking = true;
  paused = false;
  ended = false;
  destroyed = false;
  readonly writes: Buffer[] = [];
  onWrite: (bytes: Uint8Array) => void = () => {};

  get written(): Buffer {
    return Buffer.concat(this.writes);
  }

  write(bytes: Uint8Array): boolean {
    if (this.ended || this.destroyed) return false;
    this.writes.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    if (!this.taking) this.pendingBytes += bytes.length;
    this.onWrite(bytes);
    return this.taking;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
}
