/** Values of options: each parser throws a one-line error that says what is allowed. */
import { isHost } from '../config/hosts.ts';
import { isIdentifier } from '../model/ids.ts';
import { CLIENT_MSG_ID_BYTES_MAX } from '../protocol/index.ts';
import { usageError } from './cli-error.ts';

const DURATION = /^(\d{1,9})(s|m|h)$/;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };
/** Servers refuse tokens that live longer. */
export const TTL_MS_MAX: number = 24 * 3_600_000;
const COUNT_MAX = 1_000_000_000;
const TIMEOUT_SECONDS_MAX = 86_400;
const PORT_MAX = 65_535;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** `30s`, `15m`, `24h` in milliseconds. */
export function parseTtl(text: string): number {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  const ms = Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  if (ms > 0 && ms <= TTL_MS_MAX) return ms;
  throw usageError(`--ttl ${text}: give a time such as 30s, 15m or 24h (at most 24h)`);
}

/** An app id, uid, device id or device type. */
export function parseIdentifier(option: string): (text: string) => string {
  return (text) => {
    if (isIdentifier(text)) return text;
    throw usageError(`${option} ${JSON.stringify(text)}: 1 to 64 characters of A-Z a-z 0-9 . _ : @ -`);
  };
}

export function parseMessageKey(option: string): (text: string) => string {
  return (text) => {
    const bytes = Buffer.byteLength(text);
    if (bytes >= 1 && bytes <= CLIENT_MSG_ID_BYTES_MAX) return text;
    throw usageError(`${option}: 1 to ${CLIENT_MSG_ID_BYTES_MAX} bytes`);
  };
}

export function parsePort(text: string): number {
  return parseWhole('--port', text, 1, PORT_MAX);
}

export function parseCount(text: string): number {
  return parseWhole('--count', text, 1, COUNT_MAX);
}

/** Seconds, fractions allowed, as milliseconds. */
export function parseTimeout(text: string): number {
  const seconds = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && seconds <= TIMEOUT_SECONDS_MAX) return Math.ceil(seconds * 1000);
  throw usageError(`--timeout ${text}: give seconds, at most ${TIMEOUT_SECONDS_MAX}`);
}

export function parseHost(text: string): string {
  if (isHost(text)) return text;
  throw usageError(`--host ${JSON.stringify(text)}: an IP address or a host name`);
}

export function parseUrl(option: string): (text: string) => string {
  return (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
    throw usageError(`${option} ${JSON.stringify(text)}: an http or https address`);
  };
}

export function parseBase64(text: string): Buffer {
  if (BASE64.test(text)) return Buffer.from(text, 'base64');
  throw usageError('--payload-base64: base64 with padding');
}

/** What `sluice drain` is for. */
export function parseDrainable(text: string): string {
  if (/^(?:start|gate|logic|api)$/.test(text)) return text;
  throw usageError(`${text}: one of start, gate, logic, api`);
}

/** A number, also as `5e6`. */
export function parseNumber(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}(\.\d{1,6})?(e\d{1,2})?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw usageError(`${option} ${text}: a number, ${min} to ${max}`);
  };
}

function parseWhole(option: string, text: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw usageError(`${option} ${text}: a whole number, ${min} to ${max}`);
}
