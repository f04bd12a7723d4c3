/** The worked example tokens of the specification. Their keys are public: RFC 8037's Ed25519 key, and a fixed text. */
import { createHmac, createPrivateKey, sign } from 'node:crypto';

const SECRET = 'an example secret of 32+ bytes that is public';
const ED25519_KEY = {
  kty: 'OKP',
  crv: 'Ed25519',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
};
const CLAIMS = { aud: 'demo', sub: 'alice', iat: 1_767_225_600, exp: 1_767_229_200 };

const base64url = (text: string): string => Buffer.from(text).toString('base64url');

function tokenBlock(title: string, key: string, header: object, signed: (input: string) => Buffer): string {
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(CLAIMS))}`;
  return [
    `${title}:`,
    '',
    '```',
    `key     ${key}`,
    `header  ${JSON.stringify(header)}`,
    `claims  ${JSON.stringify(CLAIMS)}`,
    'token',
    `${input}.${signed(input).toString('base64url')}`,
    '```',
  ].join('\n');
}

export function exampleTokens(): string {
  const hs256 = tokenBlock(
    'HS256 (HMAC with SHA-256 over the first two parts and the dot between them)',
    `${SECRET}   (${SECRET.length} bytes of ASCII)`,
    { alg: 'HS256', typ: 'JWT' },
    (input) => createHmac('sha256', SECRET).update(input).digest(),
  );
  const eddsa = tokenBlock(
    'EdDSA (Ed25519), with the key pair of RFC 8037, appendix A',
    `d = ${ED25519_KEY.d}, x = ${ED25519_KEY.x}`,
    { alg: 'EdDSA', kid: 'k1' },
    (input) => sign(null, Buffer.from(input), createPrivateKey({ key: ED25519_KEY, format: 'jwk' })),
  );
  return `${hs256}\n\n${eddsa}`;
}
