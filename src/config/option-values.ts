/** Reads and checks single values: typed ones from a file, text from the environment and from flags. */
import { isIdentifier } from '../model/ids.ts';
import { parseAddress } from './addresses.ts';
import { shownValue } from './config-error.ts';
import { isCidr, isHost } from './hosts.ts';
import type { Option, OptionKind } from './option.ts';

export type Value = number | string | boolean | readonly string[];

/** A checked value, or what would have been allowed. */
export type ReadResult = { readonly value: Value } | { readonly allowed: string };

const INTEGER = /^-?\d{1,15}$/;

/** Checks a value as it stands in a file. */
export function readTyped(option: Option, given: unknown): ReadResult {
  switch (option.kind) {
    case 'integer':
      return readInteger(option, given);
    case 'flag':
      return typeof given === 'boolean' ? { value: given } : refuse(option);
    case 'cidrs':
    case 'addresses':
    case 'identifiers':
      return readList(option, Array.isArray(given) ? given : [given]);
    default:
      return typeof given === 'string' ? readString(option, given) : refuse(option);
  }
}

/** Checks a value that arrives as text. */
export function readText(option: Option, given: string): ReadResult {
  switch (option.kind) {
    case 'integer':
      return INTEGER.test(given) ? readInteger(option, Number(given)) : refuse(option);
    case 'flag':
      return given === 'true' || given === 'false' ? { value: given === 'true' } : refuse(option);
    case 'cidrs':
    case 'addresses':
    case 'identifiers':
      return readList(option, given.split(','));
    default:
      return readString(option, given);
  }
}

/** What an option allows, for people. */
export function allowedText(option: Option): string {
  const unit = option.unit === undefined ? '' : ` ${option.unit}`;
  switch (option.kind) {
    case 'integer': {
      const zero = option.zero === undefined ? '' : `, or 0 for ${option.zero}`;
      return `a whole number, ${Math.max(option.min ?? 0, option.zero === undefined ? 0 : 1)} to ${option.max}${unit}${zero}`;
    }
    case 'flag':
      return 'true or false';
    case 'choice':
      return `one of ${option.choices?.join(', ')}`;
    case 'host':
      return `an IP address or a host name${option.default === '' ? ', or nothing' : ''}`;
    case 'secret':
      return `at least ${option.min} bytes, not empty`;
    case 'cidrs':
      return 'address blocks such as 10.0.0.0/8';
    case 'addresses':
      return 'addresses such as 10.0.0.5:6379, or paths of sockets';
    case 'identifiers':
      return 'ids of 1 to 64 characters of A-Z a-z 0-9 . _ : @ -';
    default:
      return option.min === undefined ? 'text' : 'text, not empty';
  }
}

/** A given value for a problem's text; a secret is never repeated. */
export function shownOption(option: Option, given: unknown): string | undefined {
  return option.kind === 'secret' ? undefined : shownValue(given);
}

function readInteger(option: Option, given: unknown): ReadResult {
  if (typeof given !== 'number' || !Number.isSafeInteger(given)) return refuse(option);
  if (given === 0 && option.zero !== undefined) return { value: given };
  const inside = given >= (option.min ?? 0) && given <= (option.max ?? Number.MAX_SAFE_INTEGER);
  return inside ? { value: given } : refuse(option);
}

function readString(option: Option, given: string): ReadResult {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(given)) return { allowed: 'text without control characters' };
  if (option.kind === 'choice' && !option.choices?.includes(given)) return refuse(option);
  const isAbsent = given === '' && option.default === '';
  if (option.kind === 'host' && !isAbsent && !isHost(given)) return refuse(option);
  if (Buffer.byteLength(given.trim()) < (option.min ?? 0)) return refuse(option);
  return { value: given };
}

/** What a member of a list must be. */
const MEMBERS: Partial<Record<OptionKind, (text: string) => boolean>> = {
  cidrs: isCidr,
  addresses: (text) => parseAddress(text) !== undefined,
  identifiers: isIdentifier,
};

/** The list that a default means; '' is an empty one. */
export function defaultList(option: Option): readonly string[] | undefined {
  if (MEMBERS[option.kind] === undefined) return undefined;
  return option.default === '' ? [] : String(option.default).split(',');
}

function readList(option: Option, given: readonly unknown[]): ReadResult {
  const isMember = MEMBERS[option.kind];
  const members: string[] = [];
  for (const member of given) {
    if (typeof member !== 'string' || isMember?.(member.trim()) !== true) return refuse(option);
    members.push(member.trim());
  }
  return { value: members };
}

function refuse(option: Option): ReadResult {
  return { allowed: allowedText(option) };
}
