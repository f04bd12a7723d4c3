/**
 * Makes fields safe to write (T18): what clients send ends up in logs, so no field may forge a line, steer a terminal,
 * leak a secret or fill the disk.
 *
 * Control characters (C0, DEL, C1, line and paragraph separators, text direction marks) become visible escapes, strings
 * are cut at 256 bytes, bytes are counted instead of shown, depth and width are bounded.
 */
import type { LogFields } from './logger.ts';

export const FIELD_BYTES_MAX = 256;
const STACK_BYTES_MAX = 2048;
const DEPTH_MAX = 3;
const ENTRIES_MAX = 32;
const MASK = '[masked]';

const MASKED_NAME = /^(token|ticket|secret|password|authorization|cookie|payload|body|key|apiKey)$/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function cleanFields(fields: LogFields): Record<string, unknown> {
  return cleanEntries(fields, DEPTH_MAX);
}

const LONE_SURROGATE = /[\ud800-\udbff]$/;

/** Escapes control characters and cuts at `bytesMax` bytes of UTF-8. */
export function cleanText(text: string, bytesMax: number = FIELD_BYTES_MAX): string {
  // One character is at least one byte: no need to look at more of a giant string.
  const escaped = text.slice(0, bytesMax + 1).replace(UNSAFE, visible);
  if (Buffer.byteLength(escaped) <= bytesMax) return escaped;
  let cut = escaped.slice(0, bytesMax);
  while (Buffer.byteLength(cut) > bytesMax - 3) cut = cut.slice(0, -1);
  return `${cut.replace(LONE_SURROGATE, '')}…`;
}

function cleanEntries(fields: object, depth: number): Record<string, unknown> {
  const cleaned: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields).slice(0, ENTRIES_MAX)) {
    cleaned[cleanText(name)] = MASKED_NAME.test(name) ? MASK : cleanValue(value, depth);
  }
  return cleaned;
}

function cleanValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return cleanText(value);
    case 'number':
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : cleanObject(value, depth);
    default:
      return value === undefined ? undefined : cleanText(String(value));
  }
}

function cleanObject(value: object, depth: number): unknown {
  if (value instanceof Error) return cleanError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth === 0) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, ENTRIES_MAX).map((item) => cleanValue(item, depth - 1));
  return cleanEntries(value, depth - 1);
}

function cleanError(error: Error, depth: number): Record<string, unknown> {
  const code = (error as NodeJS.ErrnoException).code;
  return {
    type: cleanText(error.name),
    message: cleanText(error.message),
    ...(code === undefined ? {} : { code: cleanText(String(code)) }),
    stack: cleanText(error.stack ?? '', STACK_BYTES_MAX),
    ...(error.cause === undefined || depth === 0 ? {} : { cause: cleanValue(error.cause, depth - 1) }),
  };
}

function visible(character: string): string {
  if (character === '\n') return '\\n';
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
