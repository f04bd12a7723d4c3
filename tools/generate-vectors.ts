/**
 * Generates `protocol-spec/vectors/*.json` from the definitions in `tools/vectors/`.
 *
 *   node dist/tools/generate-vectors.js          writes
 *   node dist/tools/generate-vectors.js --check  exits 1 when a file differs
 */
import { fileURLToPath } from 'node:url';
import { CLOSE_REASON_NAMES } from '../src/protocol/generated/protocol.ts';
import { writeOrCheck } from './generated-file.ts';
import { type NamedBody, writeFrame } from './vectors/codec.ts';
import type { Dialogue, DialogueStep } from './vectors/dialogue-steps.ts';
import { DIALOGUES } from './vectors/dialogues.ts';
import { formatFrame, formatHex } from './vectors/hex.ts';
import { MALFORMED_VECTORS, type MalformedVector } from './vectors/malformed.ts';
import { VALID_VECTORS } from './vectors/valid.ts';

const REASON_CODES: ReadonlyMap<string, number> = new Map(
  Object.entries(CLOSE_REASON_NAMES).map(([code, name]) => [name, Number(code)]),
);

/** Binaries as `{"hex": …}`. */
function withHex(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: formatHex(value) };
  if (Array.isArray(value)) return value.map(withHex);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withHex(item)]));
}

function outcomeOf({ outcome, ...rest }: MalformedVector): object {
  const { name, reader, hex, shows } = rest;
  const code = REASON_CODES.get(outcome);
  return {
    name,
    reader,
    hex,
    ...(code === undefined ? { outcome } : { outcome: 'close', reason: outcome, code }),
    shows,
  };
}

function hasPlaceholder(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) || value.some((item) => Object.values(item as object).some(hasPlaceholder));
}

/** Frames without placeholders carry their bytes, for readers without an encoder. */
function withBytes(step: DialogueStep): DialogueStep {
  const frame = 'send' in step ? step.send : 'expect' in step ? step.expect : undefined;
  if (frame === undefined || !('command' in frame) || Object.values(frame.body).some(hasPlaceholder)) return step;
  const hex = formatFrame(writeFrame(frame.command, frame.requestId, frame.body as NamedBody));
  return { ...step, hex } as DialogueStep;
}

const dialogueOf = (dialogue: Dialogue): Dialogue => ({ ...dialogue, steps: dialogue.steps.map(withBytes) });

/** One vector a line (steps: one a line), so that differences can be read. */
function lines(items: readonly unknown[]): string {
  return `[\n${items.map((item) => `  ${JSON.stringify(item)}`).join(',\n')}\n]\n`;
}

function dialogueLines(dialogues: readonly Dialogue[]): string {
  const texts = dialogues.map(({ name, shows, steps }) => {
    const head = `{ "name": ${JSON.stringify(name)}, "shows": ${JSON.stringify(shows)}, "steps": [`;
    return `  ${head}\n${steps.map((step) => `    ${JSON.stringify(step)}`).join(',\n')}\n  ] }`;
  });
  return `[\n${texts.join(',\n')}\n]\n`;
}

/** Path in the repository → its text. */
export function generateVectors(): Record<string, string> {
  return {
    'protocol-spec/vectors/valid.json': lines(VALID_VECTORS.map(withHex)),
    'protocol-spec/vectors/malformed.json': lines(MALFORMED_VECTORS.map(outcomeOf)),
    'protocol-spec/vectors/dialogues.json': dialogueLines(DIALOGUES.map(dialogueOf)),
  };
}

function main(): void {
  for (const [path, text] of Object.entries(generateVectors())) writeOrCheck(path, text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
