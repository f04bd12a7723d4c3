/**
 * Records of recent messages in one block of memory, written round and round: a new one overwrites the oldest ones.
 *
 *   block   │ ▓▓▓ this round ▓▓▓ │ free │ ░░░ what is left of the last round ░░░ │ unused │
 *                            end ┘      └ start
 *
 * A position counts bytes since the beginning and is never used twice; its place in the block is what is left of it after
 * whole rounds. A record is never cut: where the block's end is too near, the rest of it stays unused for a round. Whoever
 * a record belongs to is told before it is overwritten.
 *
 * Costs 8 bytes and one copy a record, and no object. The block is taken at the first record; its pages as they are written.
 */

/** Owner and length, in front of each record. */
const HEADER_BYTES = 8;
const WORD_BYTES = 4;
/** A record that needs more than this share of the block is not taken: it would push out too much. */
const RECORDS_MIN = 16;

export class MessageRing {
  readonly #size: number;
  readonly #overwritten: (owner: number, position: number) => void;
  #block: Buffer | undefined;
  #words: Uint32Array = new Uint32Array(0);
  #start = 0;
  #end = 0;
  /** Where this round began, and where the records of the round before it ended. */
  #round = 0;
  #lastRoundEnd = 0;

  constructor(bytes: number, overwritten: (owner: number, position: number) => void) {
    this.#size = bytes - (bytes % WORD_BYTES);
    this.#overwritten = overwritten;
  }

  /** Bytes that hold records, or are unused until the round is over. */
  get usedBytes(): number {
    return this.#end - this.#start;
  }

  takes(record: Uint8Array): boolean {
    return spaceOf(record.length) <= this.#size / RECORDS_MIN;
  }

  /** Answers the position. @param owner whom to tell when the record goes */
  put(owner: number, record: Uint8Array): number {
    this.#block ??= this.#allocate();
    const space = spaceOf(record.length);
    if (this.#end - this.#round + space > this.#size) this.#beginRound();
    this.#overwrite(this.#end + space - this.#size);
    const position = this.#end;
    const at = position - this.#round;
    this.#words[at / WORD_BYTES] = owner;
    this.#words[at / WORD_BYTES + 1] = record.length;
    this.#block.set(record, at + HEADER_BYTES);
    this.#end = position + space;
    return position;
  }

  /** A copy of the record; undefined when it is overwritten. */
  read(position: number): Buffer | undefined {
    if (this.#block === undefined || position < this.#start || position >= this.#end) return undefined;
    const at = this.#placeOf(position);
    const length = this.#words[at / WORD_BYTES + 1]!;
    return Buffer.from(this.#block.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length));
  }

  #beginRound(): void {
    this.#overwrite(this.#round);
    this.#lastRoundEnd = this.#end;
    this.#round += this.#size;
    this.#end = this.#round;
  }

  /** Gives up the records before `limit`. */
  #overwrite(limit: number): void {
    while (this.#start < limit && this.#start < this.#end) {
      if (this.#start === this.#lastRoundEnd && this.#start < this.#round) {
        this.#start = this.#round;
        continue;
      }
      const at = this.#placeOf(this.#start) / WORD_BYTES;
      this.#overwritten(this.#words[at]!, this.#start);
      this.#start += spaceOf(this.#words[at + 1]!);
    }
  }

  #placeOf(position: number): number {
    return position >= this.#round ? position - this.#round : position - this.#round + this.#size;
  }

  #allocate(): Buffer {
    const block = Buffer.allocUnsafeSlow(this.#size);
    this.#words = new Uint32Array(block.buffer);
    return block;
  }
}

/** Headers stand at whole words. */
function spaceOf(length: number): number {
  return HEADER_BYTES + length + ((WORD_BYTES - (length % WORD_BYTES)) % WORD_BYTES);
}
