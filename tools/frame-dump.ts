/**
 * Shows frames to people: one line a frame, fields by name.
 *
 *   node dist/tools/frame-dump.js 000001 02 00000007 90     hex, as in the vectors
 *   node dist/tools/frame-dump.js capture.bin               a captured stream of one direction
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CLOSE_REASON_NAMES, FrameReader, SERVER_BODY_BYTES_MAX } from '../src/protocol/index.ts';
import { decodeBody } from '../src/protocol/message-pack-values.ts';
import type { FieldSpecification } from './generate-protocol.ts';
import { commandCoded, commandNamed } from './vectors/codec.ts';
import { formatHex, parseHex } from './vectors/hex.ts';

const SHOWN_BYTES_MAX = 40;

function binaryText(bytes: Uint8Array): string {
  const more = bytes.length > SHOWN_BYTES_MAX ? '…' : '';
  return `<${bytes.length} bytes ${formatHex(bytes.subarray(0, SHOWN_BYTES_MAX))}${more}>`;
}

function valueText(value: unknown, field: FieldSpecification | undefined): string {
  if (value instanceof Uint8Array) return binaryText(value);
  if (!Array.isArray(value)) return JSON.stringify(value);
  const inner = field?.of === undefined || field.of === 'str' ? undefined : commandNamed(field.of).fields;
  return `[${value.map((item) => (inner && Array.isArray(item) ? `{${fieldsText(inner, item)}}` : valueText(item, undefined))).join(', ')}]`;
}

/** Fields beyond the known ones are numbered. */
function fieldsText(fields: readonly FieldSpecification[], values: readonly unknown[]): string {
  return values.map((value, at) => `${fields[at]?.name ?? `#${at}`}=${valueText(value, fields[at])}`).join(' ');
}

export function frameText(code: number, requestId: number, body: Buffer): string {
  const command = commandCoded(code);
  const values = decodeBody(body);
  const fields = values === undefined ? `malformed: ${formatHex(body)}` : fieldsText(command?.fields ?? [], values);
  return `${command?.name ?? `unknown ${code.toString(16)}`} requestId=${requestId} ${fields}`.trimEnd();
}

/** One line for each frame in `bytes`, and one for what cannot be read. */
export function dumpFrames(bytes: Buffer): string[] {
  const lines: string[] = [];
  const reader = new FrameReader<undefined>({
    onFrame: (_context, command, requestId, chunk, start, end) => {
      lines.push(frameText(command, requestId, chunk.subarray(start, end)));
      return true;
    },
    onMalformed: (_context, reason) => lines.push(`${CLOSE_REASON_NAMES[reason]}: the rest cannot be read`),
  });
  const partial = reader.read(undefined, undefined, bytes, () => SERVER_BODY_BYTES_MAX);
  if (partial !== undefined) lines.push(`unfinished frame: ${formatHex(partial.bytes.subarray(0, partial.length))}`);
  return lines;
}

function main(): void {
  const words = process.argv.slice(2);
  const [file = ''] = words;
  if (file === '') console.error('usage: frame-dump HEX… | FILE');
  else console.log(dumpFrames(existsSync(file) ? readFileSync(file) : parseHex(words.join(' '))).join('\n'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
