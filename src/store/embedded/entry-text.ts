/** Text in entries: a length byte, then UTF-8. Identifiers are ASCII, and mostly short: no native call where it pays. */

/** Writes a text; answers where it ends. */
export function writeText(bytes: Buffer, at: number, text: string): number {
  const { length } = text;
  const start = at + 1;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) {
      const written = bytes.write(text, start, 'utf8');
      bytes[at] = written;
      return start + written;
    }
    bytes[start + i] = unit;
  }
  bytes[at] = length;
  return start + length;
}

export function readText(bytes: Buffer, at: number): string {
  return bytes.toString('utf8', at + 1, at + 1 + bytes[at]!);
}

/** Where the text after the one at `at` is. */
export function textAfter(bytes: Uint8Array, at: number): number {
  return at + 1 + bytes[at]!;
}

/** Reads texts that are few and come again and again, such as apps and device types: only a new one is decoded. */
export class RepeatedText {
  #length = -1;
  #bytes: Uint8Array = new Uint8Array(0);
  #text = '';

  read(bytes: Buffer, at: number): string {
    if (!this.#isLast(bytes, at)) {
      this.#length = bytes[at]!;
      this.#bytes = new Uint8Array(bytes.subarray(at + 1, at + 1 + this.#length));
      this.#text = readText(bytes, at);
    }
    return this.#text;
  }

  #isLast(bytes: Buffer, at: number): boolean {
    const length = this.#length;
    if (bytes[at] !== length) return false;
    const last = this.#bytes;
    for (let i = 0; i < length; i++) if (bytes[at + 1 + i] !== last[i]) return false;
    return true;
  }
}
