/**
 * Login tokens: compact JWTs, taken apart and checked without any trust.
 *
 *   base64url(header) . base64url(claims) . base64url(signature)
 *   └──────────── signed ────────────────┘
 *
 * Parsing is bounded by the credential's length (CREDENTIAL_BYTES_MAX). `crit` and unencoded payloads are refused, `typ`
 * is ignored.
 */
import { CloseReason } from '../../protocol/index.ts';

export const TokenAlgorithm = { HS256: 'HS256', EdDSA: 'EdDSA' } as const;
export type TokenAlgorithm = (typeof TokenAlgorithm)[keyof typeof TokenAlgorithm];

export interface Token {
  readonly algorithm: TokenAlgorithm;
  /** '' when the token names no key. */
  readonly kid: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What is signed, as it came. */
  readonly signedText: string;
  readonly signature: Buffer;
}

export interface ClaimExpectations {
  readonly app: string;
  readonly uid: string;
  readonly deviceId: string;
  readonly nowMs: number;
  readonly lifetimeMaxMs: number;
  readonly leewayMs: number;
}

const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** Undefined: not a token that could ever be good. */
export function parseToken(text: string): Token | undefined {
  const parts = text.split('.', 4);
  const [header, claims, signature] = parts;
  if (parts.length !== 3 || header === undefined || claims === undefined || signature === undefined) return undefined;
  if (!parts.every((part) => BASE64URL.test(part))) return undefined;
  const head = parseObject(header);
  const body = parseObject(claims);
  if (head === undefined || body === undefined || Object.hasOwn(head, 'crit')) return undefined;
  const algorithm = head['alg'];
  const kid = head['kid'] ?? '';
  if ((algorithm !== 'HS256' && algorithm !== 'EdDSA') || typeof kid !== 'string') return undefined;
  const signedText = text.slice(0, header.length + 1 + claims.length);
  return { algorithm, kid, claims: body, signedText, signature: Buffer.from(signature, 'base64url') };
}

/** When the token was issued, unix milliseconds, or why it is refused. Only for tokens whose signature is genuine. */
export function checkClaims(
  claims: Readonly<Record<string, unknown>>,
  expected: ClaimExpectations,
): { readonly issuedAtMs: number } | CloseReason {
  const { aud, sub, dev, iat, exp, nbf } = claims;
  const { nowMs, leewayMs } = expected;
  if (aud !== expected.app || sub !== expected.uid) return CloseReason.CredentialInvalid;
  if (dev !== undefined && dev !== expected.deviceId) return CloseReason.CredentialInvalid;
  if (!isSeconds(iat) || !isSeconds(exp) || (nbf !== undefined && !isSeconds(nbf)))
    return CloseReason.CredentialInvalid;
  if (exp <= iat || (exp - iat) * 1000 > expected.lifetimeMaxMs) return CloseReason.CredentialInvalid;
  if (Math.max(iat, nbf ?? 0) * 1000 > nowMs + leewayMs) return CloseReason.CredentialInvalid;
  if (exp * 1000 + leewayMs <= nowMs) return CloseReason.CredentialExpired;
  return { issuedAtMs: iat * 1000 };
}

/** Whole seconds that stay exact in milliseconds. */
function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value * 1000) && Number.isInteger(value) && value >= 0;
}

function parseObject(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
