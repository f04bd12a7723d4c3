/**
 * A history in memory: append-only, made for some ten million events.
 *
 *   chunk   | type client field field … | type client field … | unused |      u32 words
 *
 * An event takes one word for its type and one or two for each field, 12 to 56 bytes; texts are interned, each distinct
 * one is kept once. Events come back as plain objects, made when asked for.
 */
import { EVENT_FIELDS, type EventName, type HistoryEvent } from './events.ts';

/** 4 MiB a chunk: small enough to start with, large enough that a big history has few. */
const CHUNK_WORDS = 1 << 20;
const EVENT_WORDS_MAX = 32;
const WORD_SPAN = 0x1_0000_0000;

const EVENT_NAMES = Object.keys(EVENT_FIELDS) as EventName[];
const LAYOUTS = EVENT_NAMES.map((name) => Object.entries(EVENT_FIELDS[name]));
const TYPE_NUMBERS = new Map(EVENT_NAMES.map((name, index) => [name, index]));

type Loose = Record<string, string | number | boolean>;

/** Texts as numbers. */
class TextTable {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  numberOf(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#texts.length;
      this.#texts.push(text);
      this.#numbers.set(text, number);
    }
    return number;
  }

  textOf(number: number): string {
    return this.#texts[number] as string;
  }
}

export class History {
  readonly #texts = new TextTable();
  readonly #chunks: Uint32Array[] = [];
  #used = CHUNK_WORDS;
  #length = 0;

  /** How many events there are. */
  get length(): number {
    return this.#length;
  }

  append(event: HistoryEvent): void {
    const type = TYPE_NUMBERS.get(event.type);
    if (type === undefined) throw new Error(`unknown event '${event.type}'`);
    if (this.#used + EVENT_WORDS_MAX > CHUNK_WORDS) {
      this.#chunks.push(new Uint32Array(CHUNK_WORDS));
      this.#used = 0;
    }
    const words = this.#chunks.at(-1) as Uint32Array;
    let at = this.#used;
    words[at++] = type + 1;
    for (const [name, kind] of LAYOUTS[type] ?? []) {
      const value = (event as unknown as Loose)[name];
      if (kind === 'text') words[at++] = this.#texts.numberOf(asText(value, name));
      else if (kind === 'flag') words[at++] = value === true ? 1 : 0;
      else {
        const number = asNumber(value, kind === 'u32' ? WORD_SPAN - 1 : Number.MAX_SAFE_INTEGER, name);
        words[at++] = number % WORD_SPAN;
        if (kind === 'wide') words[at++] = Math.floor(number / WORD_SPAN);
      }
    }
    this.#used = at;
    this.#length += 1;
  }

  /** Every event, in the order in which they were appended. */
  *events(): Generator<HistoryEvent> {
    for (const position of this.#positions()) yield this.at(position);
  }

  /** The positions of each client's events, in order. */
  positionsByClient(): Map<string, number[]> {
    const byNumber = new Map<number, number[]>();
    for (const position of this.#positions()) {
      const client = this.#wordsAt(position)[(position % CHUNK_WORDS) + 1] as number;
      const positions = byNumber.get(client);
      if (positions === undefined) byNumber.set(client, [position]);
      else positions.push(position);
    }
    return new Map([...byNumber].map(([client, positions]) => [this.#texts.textOf(client), positions]));
  }

  /** The event at a position that `positionsByClient` gave. */
  at(position: number): HistoryEvent {
    const words = this.#wordsAt(position);
    let at = position % CHUNK_WORDS;
    const type = (words[at++] as number) - 1;
    const event: Loose = { type: EVENT_NAMES[type] as EventName };
    for (const [name, kind] of LAYOUTS[type] ?? []) {
      const word = words[at++] as number;
      if (kind === 'text') event[name] = this.#texts.textOf(word);
      else if (kind === 'flag') event[name] = word === 1;
      else if (kind === 'u32') event[name] = word;
      else event[name] = (words[at++] as number) * WORD_SPAN + word;
    }
    return event as unknown as HistoryEvent;
  }

  *#positions(): Generator<number> {
    for (const [index, words] of this.#chunks.entries()) {
      let at = 0;
      // A zero in place of a type ends the chunk.
      for (let type = words[at]; type !== undefined && type !== 0; type = words[at]) {
        yield index * CHUNK_WORDS + at;
        at += EVENT_WORDS[type - 1] as number;
      }
    }
  }

  #wordsAt(position: number): Uint32Array {
    return this.#chunks[Math.floor(position / CHUNK_WORDS)] as Uint32Array;
  }
}

const EVENT_WORDS = LAYOUTS.map((fields) => fields.reduce((words, [, kind]) => words + (kind === 'wide' ? 2 : 1), 1));

function asText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Error(`'${name}' is no text: ${String(value)}`);
  return value;
}

function asNumber(value: unknown, max: number, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new Error(`'${name}' is no whole number up to ${max}: ${String(value)}`);
}
