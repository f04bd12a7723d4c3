/**
 * The player of dialogues, against a scripted server. The script is the dialogue itself, read from the other side, so
 * that every golden dialogue is played once: its frames can be written, and its placeholders have values.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CLOSE_REASON_NAMES, Command } from '../src/protocol/index.ts';
import { frameOf, type NamedBody, writeFrame } from '../tools/vectors/codec.ts';
import type { Dialogue, DialogueStep } from '../tools/vectors/dialogue-steps.ts';
import { parseHex } from '../tools/vectors/hex.ts';
import { type ByteStream, type DialogueWorld, loadDialogues, runDialogue } from './support/dialogue.ts';

const WORLD: DialogueWorld = {
  app: 'demo',
  uid: (name) => `${name}-1`,
  token: (uid, kind) => `${kind} token of ${uid}`,
};

/** Plays the server's part of a dialogue, with values of its own for the placeholders. */
class ScriptedServer {
  readonly written: Buffer[] = [];
  readonly #steps: DialogueStep[];
  readonly #values: Map<string, unknown> = new Map();
  #next = 100;

  constructor(dialogue: Dialogue) {
    this.#steps = [...dialogue.steps];
  }

  connect(): ByteStream {
    const opened = this.#steps.findIndex((step) => 'open' in step);
    const on = this.#steps[opened]?.on as string;
    const rest = this.#steps.slice(opened + 1);
    const reopened = rest.findIndex((step) => step.on === on && 'open' in step);
    const steps = (reopened < 0 ? rest : rest.slice(0, reopened)).filter((step) => step.on === on);
    this.#steps.splice(opened, 1);
    return {
      write: (bytes) => this.written.push(Buffer.from(bytes)),
      end: () => {},
      [Symbol.asyncIterator]: () => this.#answers(steps),
    };
  }

  async *#answers(steps: readonly DialogueStep[]): AsyncGenerator<Uint8Array> {
    for (const step of steps) {
      if (!('expect' in step)) continue;
      const { command, requestId, body } = step.expect;
      const frame = writeFrame(command, requestId, this.#fill(body) as NamedBody);
      yield frame.subarray(0, 5);
      yield frame.subarray(5);
    }
  }

  #fill(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#fill(item));
    if (typeof value !== 'object' || value === null) return value;
    const known = value as Readonly<Record<string, unknown>>;
    if ('any' in known) {
      const made = known['any'] === 'str' ? 'text' : known['any'] === 'bool' ? true : this.#next++;
      this.#values.set(String(known['as']), made);
      return made;
    }
    if ('same' in known) return (this.#values.get(known['same'] as string) as number) + Number(known['plus'] ?? 0);
    if ('user' in known) return WORLD.uid(known['user'] as string);
    if ('hex' in known) return parseHex(known['hex'] as string);
    return Object.fromEntries(Object.entries(known).map(([key, item]) => [key, this.#fill(item)]));
  }
}

/** A server that answers with these chunks, whatever it is sent. */
function serverOf(...chunks: Buffer[]): () => ByteStream {
  return () => ({
    write: () => {},
    end: () => {},
    async *[Symbol.asyncIterator]() {
      yield* chunks;
    },
  });
}

const pong = (head: number): Buffer => writeFrame('PONG', 2, { epoch: 1, head, known: true });
const PING_STEPS: DialogueStep[] = [
  { on: 'a', open: true },
  { on: 'a', send: { command: 'PING', requestId: 2, body: {} } },
  {
    on: 'a',
    expect: { command: 'PONG', requestId: 2, body: { epoch: { any: 'u32', as: 'e' }, head: 7, known: true } },
  },
];
const pingDialogue = (...more: DialogueStep[]): Dialogue => ({
  name: 'ping',
  shows: [],
  steps: [...PING_STEPS, ...more],
});

describe('golden dialogues', () => {
  for (const dialogue of loadDialogues())
    it(`can be played: ${dialogue.name}`, async () => {
      const server = new ScriptedServer(dialogue);
      await runDialogue(dialogue, () => server.connect(), WORLD);
      const sends = dialogue.steps.filter((step) => 'send' in step);
      assert.ok(server.written.length <= sends.length);
      const written = Buffer.concat(server.written).toString('hex');
      for (const step of sends) {
        const hex = 'hex' in step ? step.hex : 'hex' in step.send ? step.send.hex : undefined;
        if (hex !== undefined) assert.ok(written.includes(parseHex(hex).toString('hex')), hex);
      }
    });

  it('name close reasons that exist', () => {
    for (const { name, steps } of loadDialogues())
      for (const step of steps)
        if ('expect' in step && step.expect.command === 'CLOSE')
          assert.ok(CLOSE_REASON_NAMES[step.expect.body['reason'] as number] !== undefined, name);
  });
});

describe('runDialogue', () => {
  it('accepts what was expected', async () => {
    await runDialogue(pingDialogue(), serverOf(pong(7)), WORLD);
    await runDialogue(pingDialogue({ on: 'a', expectClosed: true }), serverOf(pong(7)), WORLD);
  });

  it('sends in a row go out as one write', async () => {
    const written: string[] = [];
    const stream: ByteStream = {
      write: (bytes) => written.push(Buffer.from(bytes).toString('hex')),
      end: () => {},
      async *[Symbol.asyncIterator]() {},
    };
    const bytes = (hex: string): DialogueStep => ({ on: 'a', send: { hex } });
    const steps: DialogueStep[] = [
      { on: 'a', open: true },
      bytes('01'),
      bytes('02 03'),
      { on: 'a', expectClosed: true },
    ];
    await runDialogue({ name: 'row', shows: [], steps }, () => stream, WORLD);
    assert.deepEqual(written, ['010203']);
  });

  const failures: [string, Dialogue, Buffer[], RegExp][] = [
    ['a wrong value', pingDialogue(), [pong(8)], /step 3 .*head is another one than 7/],
    ['another command', pingDialogue(), [writeFrame('NOTIFY', 2, { epoch: 1, head: 7 })], /instead came NOTIFY#2/],
    ['another requestId', pingDialogue(), [writeFrame('PONG', 3, { epoch: 1, head: 7, known: true })], /PONG#3/],
    ['an early end', pingDialogue(), [], /the connection ended/],
    ['half a frame and the end', pingDialogue(), [pong(7).subarray(0, 9)], /the connection ended/],
    ['a malformed header', pingDialogue(), [Buffer.alloc(8)], /MALFORMED_FRAME/],
    ['a malformed body', pingDialogue(), [frameOf(Command.Pong, 2, Buffer.from([0x90]))], /malformed body/],
    [
      'a frame instead of the end',
      pingDialogue({ on: 'a', expectClosed: true }),
      [pong(7), pong(7)],
      /instead of the end/,
    ],
    [
      'another value than the remembered one',
      pingDialogue({ on: 'a', expect: { command: 'NOTIFY', requestId: 0, body: { epoch: { same: 'e', plus: 1 } } } }),
      [pong(7), writeFrame('NOTIFY', 0, { epoch: 1, head: 7 })],
      /step 4 .*epoch is another one/,
    ],
    ['a connection that is not open', pingDialogue({ on: 'b', end: true }), [pong(7)], /b is not open/],
  ];
  for (const [name, dialogue, chunks, message] of failures)
    it(`rejects ${name}, naming the step`, async () => {
      await assert.rejects(runDialogue(dialogue, serverOf(...chunks), WORLD), message);
    });

  it('gives up when its signal says so', async () => {
    const controller = new AbortController();
    const stream: ByteStream = {
      write: () => controller.abort(),
      end: () => {},
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    };
    const world = { ...WORLD, signal: controller.signal };
    await assert.rejects(
      runDialogue(pingDialogue(), () => stream, world),
      /nothing came in time/,
    );
  });
});
