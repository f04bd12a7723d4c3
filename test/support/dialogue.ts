/**
 * Plays a dialogue of `protocol-spec/vectors/dialogues.json` against a live server, over any byte stream.
 *
 * Every connection keeps the sends in a row and writes them at once before the next other step. Reading is lazy: only
 * `expect` and `expectClosed` wait for the server, so that a dialogue never depends on timing.
 */
import { isDeepStrictEqual } from 'node:util';
import { SERVER_BODY_BYTES_MAX } from '../../src/protocol/index.ts';
import { readRepositoryFile } from '../../tools/generated-file.ts';
import { commandCoded, type NamedBody, readBody, writeFrame } from '../../tools/vectors/codec.ts';
import type { Dialogue, DialogueFrame, DialogueStep, TokenKind } from '../../tools/vectors/dialogue-steps.ts';
import { parseHex } from '../../tools/vectors/hex.ts';
import { type CollectedFrame, FrameCollector } from './frame-collector.ts';

/** What a dialogue talks through; a `net.Socket` is one. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  write(bytes: Uint8Array): unknown;
  end(): unknown;
}

/** The values that differ from run to run. */
export interface DialogueWorld {
  readonly app: string;
  /** A uid for this name that no earlier run has used; the same for the same name. */
  uid(name: string): string;
  token(uid: string, kind: TokenKind): string | Promise<string>;
  /** Ends the waiting for a frame that never comes. */
  readonly signal?: AbortSignal;
}

export function loadDialogues(): Dialogue[] {
  return JSON.parse(readRepositoryFile('protocol-spec/vectors/dialogues.json')) as Dialogue[];
}

/** Rejects at the first step that goes another way, naming it. */
export async function runDialogue(
  dialogue: Dialogue,
  connect: () => ByteStream | Promise<ByteStream>,
  world: DialogueWorld,
): Promise<void> {
  const player = new DialoguePlayer(connect, world);
  try {
    for (const [index, step] of dialogue.steps.entries()) {
      try {
        await player.play(step);
      } catch (error) {
        const text = JSON.stringify(step).slice(0, 300);
        throw new Error(`“${dialogue.name}”, step ${index + 1} ${text}: ${(error as Error).message}`, { cause: error });
      }
    }
  } finally {
    player.hangUp();
  }
}

const INTEGER_MAXIMA: Readonly<Record<string, number>> = {
  u8: 0xff,
  u16: 0xffff,
  u32: 0xffff_ffff,
  u64: Number.MAX_SAFE_INTEGER,
};

function isOfType(value: unknown, type: string): boolean {
  if (type === 'str') return typeof value === 'string';
  if (type === 'bool') return typeof value === 'boolean';
  return Number.isInteger(value) && (value as number) <= (INTEGER_MAXIMA[type] ?? -1);
}

class DialoguePlayer {
  readonly #connect: () => ByteStream | Promise<ByteStream>;
  readonly #world: DialogueWorld;
  readonly #connections: Map<string, DialogueConnection> = new Map();
  readonly #remembered: Map<string, unknown> = new Map();

  constructor(connect: () => ByteStream | Promise<ByteStream>, world: DialogueWorld) {
    this.#connect = connect;
    this.#world = world;
  }

  async play(step: DialogueStep): Promise<void> {
    for (const [name, connection] of this.#connections) if (name !== step.on || !('send' in step)) connection.flush();
    if ('open' in step) {
      this.#connections.set(step.on, new DialogueConnection(await this.#connect(), this.#world.signal));
      return;
    }
    const connection = this.#connections.get(step.on);
    if (connection === undefined) throw new Error(`${step.on} is not open`);
    if ('send' in step) connection.queue(await this.#bytesOf(step.send));
    else if ('expect' in step) this.#compare(step.expect, await connection.next());
    else if ('end' in step) connection.end();
    else {
      const frame = await connection.next();
      if (frame !== undefined) throw new Error(`instead of the end came ${describe(frame)}`);
    }
  }

  hangUp(): void {
    for (const connection of this.#connections.values()) connection.end();
  }

  async #bytesOf(send: DialogueFrame | { readonly hex: string }): Promise<Buffer> {
    if (!('command' in send)) return parseHex(send.hex);
    return writeFrame(send.command, send.requestId, (await this.#fill(send.body)) as NamedBody);
  }

  /** Placeholders → values. */
  async #fill(value: unknown): Promise<unknown> {
    if (Array.isArray(value)) return Promise.all(value.map((item) => this.#fill(item)));
    if (typeof value !== 'object' || value === null) return value;
    const known = value as Readonly<Record<string, unknown>>;
    if ('param' in known) return this.#world.app;
    if ('user' in known) return this.#world.uid(known['user'] as string);
    if ('token' in known)
      return this.#world.token(this.#world.uid(known['token'] as string), known['kind'] as TokenKind);
    if ('hex' in known) return parseHex(known['hex'] as string);
    if ('same' in known) return this.#recall(known['same'] as string, known['plus'] as number | undefined);
    const entries = Object.entries(known).map(async ([key, item]) => [key, await this.#fill(item)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  #recall(name: string, plus: number | undefined): unknown {
    if (!this.#remembered.has(name)) throw new Error(`nothing is remembered as ${name}`);
    const value = this.#remembered.get(name);
    return plus === undefined ? value : (value as number) + plus;
  }

  #compare(expected: DialogueFrame, frame: CollectedFrame | undefined): void {
    if (frame === undefined) throw new Error('the connection ended');
    const name = commandCoded(frame.command)?.name;
    if (name !== expected.command || frame.requestId !== expected.requestId)
      throw new Error(`instead came ${describe(frame)}`);
    const body = readBody(name, frame.body);
    if (body === undefined) throw new Error(`a malformed body came: ${frame.body.toString('hex')}`);
    this.#compareBody(expected.body, body, frame);
  }

  #compareBody(expected: Readonly<Record<string, unknown>>, body: NamedBody, frame: CollectedFrame): void {
    for (const [field, pattern] of Object.entries(expected))
      if (!this.#matches(pattern, body[field], frame))
        throw new Error(`${field} is another one than ${JSON.stringify(pattern)} in ${describe(frame)}`);
  }

  #matches(pattern: unknown, actual: unknown, frame: CollectedFrame): boolean {
    if (Array.isArray(pattern)) {
      const elements = actual as readonly NamedBody[];
      if (elements.length !== pattern.length) return false;
      for (const [index, item] of pattern.entries()) this.#compareBody(item, elements[index] as NamedBody, frame);
      return true;
    }
    if (typeof pattern !== 'object' || pattern === null) return pattern === actual;
    const known = pattern as Readonly<Record<string, unknown>>;
    if ('any' in known) {
      if (known['as'] !== undefined) this.#remembered.set(known['as'] as string, actual);
      return isOfType(actual, known['any'] as string);
    }
    if ('hex' in known) return parseHex(known['hex'] as string).equals(actual as Buffer);
    if ('same' in known) return this.#recall(known['same'] as string, known['plus'] as number | undefined) === actual;
    if ('user' in known) return this.#world.uid(known['user'] as string) === actual;
    if ('param' in known) return this.#world.app === actual;
    return isDeepStrictEqual(known, actual);
  }
}

class DialogueConnection {
  readonly #stream: ByteStream;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  readonly #collector: FrameCollector = new FrameCollector(SERVER_BODY_BYTES_MAX);
  readonly #queued: Buffer[] = [];

  constructor(stream: ByteStream, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  queue(bytes: Buffer): void {
    this.#queued.push(bytes);
  }

  flush(): void {
    if (this.#queued.length > 0) this.#stream.write(Buffer.concat(this.#queued.splice(0)));
  }

  end(): void {
    this.flush();
    this.#stream.end();
  }

  /** The next frame, or undefined at the end of the stream. */
  async next(): Promise<CollectedFrame | undefined> {
    while (this.#collector.frames.length === 0) {
      const result = await this.#nextChunk();
      if (result.done === true) return undefined;
      this.#collector.feed(Buffer.from(result.value));
      if (this.#collector.malformed !== undefined) throw new Error(`the server sent ${this.#collector.malformed}`);
    }
    return this.#collector.frames.shift();
  }

  /** A reset counts as the end: the server may close while bytes of ours are under way. */
  async #nextChunk(): Promise<IteratorResult<Uint8Array>> {
    const signal = this.#signal;
    const chunk = this.#chunks.next().catch((): IteratorResult<Uint8Array> => ({ done: true, value: undefined }));
    if (signal === undefined) return chunk;
    let abort = (): void => {};
    const aborted = new Promise<never>((_resolve, reject) => {
      abort = (): void => reject(new Error('nothing came in time'));
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort);
    });
    try {
      return await Promise.race([chunk, aborted]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}

function describe(frame: CollectedFrame): string {
  const name = commandCoded(frame.command)?.name;
  const body = name === undefined ? frame.body.toString('hex') : JSON.stringify(readBody(name, frame.body));
  return `${name ?? frame.command}#${frame.requestId} ${body}`;
}
