/**
 * What happened, as one number that two equal runs share, and as lines for people when asked for. The number covers the
 * time, the process and the kind of every event, and every byte that arrived anywhere.
 */
import { crc32 } from 'node:zlib';

export class Trace {
  readonly lines: string[] | undefined;
  readonly #kinds = new Map<string, number>();
  #hash = 0x811c9dc5;
  events = 0;

  constructor(keepsLines: boolean) {
    this.lines = keepsLines ? [] : undefined;
  }

  get hash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }

  /** One event; cheap, because there are many. */
  event(timeMs: number, processNumber: number, what: string): void {
    this.events += 1;
    let kind = this.#kinds.get(what);
    if (kind === undefined) {
      kind = crc32(what);
      this.#kinds.set(what, kind);
    }
    this.#mix(Math.round(timeMs * 1000));
    this.#mix(processNumber ^ kind);
  }

  bytes(bytes: Uint8Array): void {
    this.#mix(crc32(bytes));
  }

  /** Only for people, who may want no more than the rest: put together when somebody reads it. */
  detail(timeMs: number, who: string, text: () => string): void {
    if (this.lines !== undefined) this.#line(timeMs, who, text());
  }

  /** Something worth a line. */
  note(timeMs: number, who: string, text: string): void {
    this.#mix(crc32(text));
    this.#line(timeMs, who, text);
  }

  #line(timeMs: number, who: string, text: string): void {
    this.lines?.push(`${(timeMs / 1000).toFixed(6).padStart(11)}  ${who.padEnd(14)} ${text}`);
  }

  #mix(value: number): void {
    const mixed = Math.imul(this.#hash ^ value, 0x01000193);
    this.#hash = (mixed ^ (mixed >>> 15)) >>> 0;
  }
}
