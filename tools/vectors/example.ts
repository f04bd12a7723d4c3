/** A vector's bytes, a line for each field, with what they mean: for the specification. */
import { encodeBody } from '../../src/protocol/message-pack-values.ts';
import type { FieldSpecification } from '../generate-protocol.ts';
import type { ValidVector } from './bodies.ts';
import { commandNamed, type NamedBody, positional } from './codec.ts';
import { parseHex } from './hex.ts';

const BYTES_COLUMN = 36;

/** The bytes of one value: a body of one field without its array header. */
const bytesOf = (value: unknown): Buffer => encodeBody([value]).subarray(1);

function line(bytes: Uint8Array, meaning: string): string[] {
  const hex = Buffer.from(bytes).toString('hex');
  const pieces = hex.match(new RegExp(`.{1,${BYTES_COLUMN}}`, 'g')) ?? [''];
  return pieces.map((piece, index) => (index === 0 ? `${piece.padEnd(BYTES_COLUMN)}  ${meaning}` : piece));
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes: ${JSON.stringify(Buffer.from(value).toString())}`;
  return JSON.stringify(value);
}

function fieldLines(field: FieldSpecification, value: unknown, indent: string): string[] {
  if (field.type !== 'array') return line(bytesOf(value), `${indent}${field.name} = ${textOf(value)}`);
  const elements = value as readonly unknown[];
  const header = line(
    bytesOf(new Array(elements.length).fill(null)).subarray(0, 1),
    `${indent}${field.name}: ${elements.length}`,
  );
  if (field.of === 'str')
    return [...header, ...elements.flatMap((item) => line(bytesOf(item), `${indent}  ${textOf(item)}`))];
  return [...header, ...elements.flatMap((item) => bodyLines(field.of as string, item as NamedBody, `${indent}  `))];
}

function bodyLines(command: string, body: NamedBody, indent: string): string[] {
  const { fields } = commandNamed(command);
  const values = positional(command, body);
  return [
    ...line(encodeBody(values).subarray(0, 1), `${indent}array of ${fields.length}`),
    ...fields.flatMap((field) => fieldLines(field, body[field.name], indent)),
  ];
}

export function exampleLines({ command, requestId, body, hex }: ValidVector): string[] {
  const frame = parseHex(hex);
  const lines = [
    ...line(frame.subarray(0, 3), `bodyLength = ${frame.length - 8}`),
    ...line(frame.subarray(3, 4), command),
    ...line(frame.subarray(4, 8), `requestId = ${requestId}`),
    ...bodyLines(command, body, ''),
  ];
  const shown = lines.map((text) => text.slice(0, BYTES_COLUMN).trim()).join('');
  if (shown !== frame.toString('hex')) throw new Error(`the example of ${command} does not show its bytes`);
  return lines;
}
