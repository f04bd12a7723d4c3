/**
 * A file of checksummed lines that only grows, until it is rewritten.
 *
 *   <crc32 of the JSON, 8 hex digits> <JSON>\n
 *
 * A process may die at any byte: an unfinished last line is cut off, and a rewrite goes to a second file that takes the
 * first one's place by rename. A bad line with a good one after it is damage, which is refused, never skipped.
 * Writes are synchronous, about 5 µs each: what `append` has returned from survives the death of this process, and
 * with `durable` (an fsync each) that of the machine.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { StorageError } from './errors.ts';

const CHECKSUM_CHARACTERS = 8;

export class RecordFile {
  readonly #path: string;
  readonly #durable: boolean;
  #descriptor: number;
  #bytes: number;

  private constructor(path: string, durable: boolean, bytes: number) {
    this.#path = path;
    this.#durable = durable;
    this.#descriptor = fs.openSync(path, 'a', 0o600);
    this.#bytes = bytes;
    fs.ftruncateSync(this.#descriptor, bytes);
  }

  /** Hands every record of the file to `onRecord`, then opens it for more. */
  static open(path: string, durable: boolean, onRecord: (record: unknown) => void): RecordFile {
    const content = fs.existsSync(path) ? fs.readFileSync(path) : Buffer.alloc(0);
    let at = 0;
    while (at < content.length) {
      const end = content.indexOf(0x0a, at);
      const record = end < 0 ? undefined : parseLine(content.toString('utf8', at, end));
      if (record === undefined) break;
      onRecord(record.value);
      at = end + 1;
    }
    if (hasGoodLine(content, at)) throw new StorageError(`${path} is damaged at byte ${at}`);
    return new RecordFile(path, durable, at);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** All or nothing: after a failed write the file ends where it did before. */
  append(record: unknown): void {
    const line = Buffer.from(formatLine(record));
    try {
      writeAll(this.#descriptor, line);
      if (this.#durable) fs.fsyncSync(this.#descriptor);
    } catch (error) {
      fs.ftruncateSync(this.#descriptor, this.#bytes);
      throw error;
    }
    this.#bytes += line.length;
  }

  /** Replaces everything by `records`. */
  rewrite(records: readonly unknown[]): void {
    const content = Buffer.from(records.map(formatLine).join(''));
    const temporaryPath = `${this.#path}.tmp`;
    const temporary = fs.openSync(temporaryPath, 'w', 0o600);
    try {
      writeAll(temporary, content);
      if (this.#durable) fs.fsyncSync(temporary);
    } finally {
      fs.closeSync(temporary);
    }
    fs.renameSync(temporaryPath, this.#path);
    if (this.#durable) syncFolder(dirname(this.#path));
    const descriptor = fs.openSync(this.#path, 'a', 0o600);
    fs.closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#bytes = content.length;
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

function formatLine(record: unknown): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(CHECKSUM_CHARACTERS, '0');
}

function parseLine(line: string): { readonly value: unknown } | undefined {
  const json = line.slice(CHECKSUM_CHARACTERS + 1);
  if (line[CHECKSUM_CHARACTERS] !== ' ' || line.slice(0, CHECKSUM_CHARACTERS) !== checksum(json)) return undefined;
  return { value: JSON.parse(json) };
}

function hasGoodLine(content: Buffer, from: number): boolean {
  const lines = content.toString('utf8', from).split('\n');
  return lines.slice(0, -1).some((line) => parseLine(line) !== undefined);
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at);
}

function syncFolder(path: string): void {
  const folder = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}
