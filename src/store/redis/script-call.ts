/**
 * The bytes of an EVALSHA call, written once into one buffer. A batch has hundreds of keys and records; as so many
 * arguments of a general client they cost about a third of the process's time for an append.
 */
import type { RedisArgument, RedisScript } from './client.ts';

const SCRATCH_BYTES = 64 * 1024;
/** `$` or `*`, a length, two line ends. */
const FRAMING_BYTES = 16;
/** Of one UTF-16 unit in UTF-8. */
const UNIT_BYTES_MAX = 3;

export class ScriptCallWriter {
  #scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #at = 0;

  /** A buffer of its own: it may wait in the socket while the next one is written. */
  write(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Buffer {
    this.#at = 0;
    this.#header(42, 3 + keys.length + args.length);
    this.#text('EVALSHA');
    this.#text(script.sha);
    this.#text(String(keys.length));
    for (const key of keys) this.#text(key);
    for (const arg of args) {
      if (typeof arg === 'string') this.#text(arg);
      else this.#bytes(arg);
    }
    return Buffer.from(this.#scratch.subarray(0, this.#at));
  }

  #text(text: string): void {
    this.#reserve(text.length * UNIT_BYTES_MAX + FRAMING_BYTES);
    const length = Buffer.byteLength(text);
    this.#header(36, length);
    this.#scratch.write(text, this.#at, 'utf8');
    this.#lineEnd(this.#at + length);
  }

  #bytes(bytes: Buffer): void {
    this.#reserve(bytes.length + FRAMING_BYTES);
    this.#header(36, bytes.length);
    this.#scratch.set(bytes, this.#at);
    this.#lineEnd(this.#at + bytes.length);
  }

  #header(mark: number, count: number): void {
    const scratch = this.#scratch;
    scratch[this.#at++] = mark;
    let digits = 1;
    for (let rest = count; rest >= 10; rest = Math.trunc(rest / 10)) digits++;
    let rest = count;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      scratch[at] = 48 + (rest % 10);
      rest = Math.trunc(rest / 10);
    }
    this.#lineEnd(this.#at + digits);
  }

  #lineEnd(at: number): void {
    this.#scratch[at] = 13;
    this.#scratch[at + 1] = 10;
    this.#at = at + 2;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#scratch.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#scratch.length * 2));
    larger.set(this.#scratch.subarray(0, this.#at));
    this.#scratch = larger;
  }
}
