import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import type { AppKeysConfig } from '../src/logic/authentication/app-keys.ts';
import { mintToken } from '../src/logic/authentication/mint-token.ts';
import { PiscinaSignaturePool, type SignaturePool } from '../src/logic/authentication/signature-pool.ts';
import verifyBatch, { type SignatureBatch } from '../src/logic/authentication/signature-worker.ts';
import { CLOCK_LEEWAY_MS, TOKEN_LIFETIME_MAX_MS, TokenVerifier } from '../src/logic/authentication/token-verifier.ts';
import { CloseReason, CredentialType } from '../src/protocol/index.ts';
import { ManualClock } from './support/manual-clock.ts';

const SECRET = 'a secret of thirty-two bytes or more';
const HOUR_MS = 3_600_000;
const pair = generateKeyPairSync('ed25519');
const jwk = pair.publicKey.export({ format: 'jwk' }) as Record<string, unknown>;
const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();

const APPS: AppKeysConfig[] = [
  { id: 'demo', keys: [{ algorithm: 'HS256', secret: SECRET }] },
  { id: 'shop', keys: [{ kid: 'ed', algorithm: 'EdDSA', publicKey: pem }] },
  {
    id: 'both',
    keys: [
      { kid: 'new', algorithm: 'HS256', secret: `new ${SECRET}` },
      { kid: 'old', algorithm: 'HS256', secret: SECRET },
      { kid: 'ed', algorithm: 'EdDSA', publicKey: jwk },
    ],
  },
];

class CountingPool implements SignaturePool {
  readonly sizes: number[] = [];
  fails = false;
  async verify(batch: SignatureBatch): Promise<boolean[]> {
    this.sizes.push(batch.signatures.length);
    if (this.fails) throw new Error('the pool is gone');
    return verifyBatch(batch);
  }
  async close(): Promise<void> {}
}

function verifierOf() {
  const clock = new ManualClock();
  const pool = new CountingPool();
  return { clock, pool, verifier: new TokenVerifier(APPS, clock, pool) };
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

type Claims = Record<string, unknown>;

function claimsAt(nowMs: number, changes: Claims = {}): Claims {
  const iat = Math.floor(nowMs / 1000);
  return { aud: 'demo', sub: 'alice', iat, exp: iat + 3600, ...changes };
}

function hs256(claims: Claims, header: Claims = {}, secret = SECRET): string {
  const text = `${part({ alg: 'HS256', ...header })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function eddsa(claims: Claims, header: Claims = {}, key: KeyObject = pair.privateKey): string {
  const text = `${part({ alg: 'EdDSA', ...header })}.${part(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}

function request(credential: string, changes: Partial<{ app: string; uid: string; deviceId: string }> = {}) {
  const asked = { app: 'demo', uid: 'alice', deviceId: 'd1', ...changes };
  return { ...asked, credentialType: CredentialType.Token, credential };
}

test('a minted token logs its user in', async () => {
  const { clock, verifier } = verifierOf();
  const issuedAtMs = clock.wallMs();
  const token = await mintToken({ app: 'demo', uid: 'alice', secret: SECRET, issuedAtMs, lifetimeMs: HOUR_MS });
  assert.deepEqual(await verifier.verify(request(token)), { issuedAtMs });
});

test('a token is good for its own app, user and device only', async () => {
  const { clock, verifier } = verifierOf();
  const token = hs256(claimsAt(clock.wallMs(), { dev: 'd1' }));
  assert.equal(typeof (await verifier.verify(request(token))), 'object');
  for (const other of [{ app: 'shop' }, { app: 'nobody' }, { uid: 'bob' }, { deviceId: 'd2' }]) {
    assert.equal(await verifier.verify(request(token, other)), CloseReason.CredentialInvalid);
  }
});

test('a wrong signature, a foreign secret and every changed byte are refused', async () => {
  const { clock, verifier } = verifierOf();
  const token = hs256(claimsAt(clock.wallMs()));
  assert.equal(
    await verifier.verify(request(hs256(claimsAt(clock.wallMs()), {}, 'another secret'))),
    CloseReason.CredentialInvalid,
  );
  // The last character of a MAC holds bits that base64url ignores.
  for (let at = 0; at < token.length - 1; at++) {
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    assert.equal(await verifier.verify(request(changed)), CloseReason.CredentialInvalid, `byte ${at}`);
  }
});

test('only the algorithm of the key is accepted', async () => {
  const { clock, verifier } = verifierOf();
  const claims = claimsAt(clock.wallMs());
  const none = `${part({ alg: 'none' })}.${part(claims)}.`;
  const hs512 = `${part({ alg: 'HS512' })}.${part(claims)}.AAAA`;
  for (const token of [none, hs512]) {
    assert.equal(await verifier.verify(request(token)), CloseReason.CredentialInvalid);
  }
  // The public key used as an HMAC secret.
  const confused = hs256({ ...claims, aud: 'shop' }, {}, pem);
  assert.equal(await verifier.verify(request(confused, { app: 'shop' })), CloseReason.CredentialInvalid);
  const pending = verifier.verify(request(eddsa(claims)));
  clock.advance(2);
  assert.equal(await pending, CloseReason.CredentialInvalid);
});

test('a token with crit is refused; typ and unknown claims are ignored', async () => {
  const { clock, verifier } = verifierOf();
  const claims = claimsAt(clock.wallMs(), { extra: { deep: [1] } });
  assert.equal(await verifier.verify(request(hs256(claims, { crit: ['x'] }))), CloseReason.CredentialInvalid);
  assert.equal(typeof (await verifier.verify(request(hs256(claims, { typ: 'anything' })))), 'object');
});

test('what is not a token is refused', async () => {
  const { verifier } = verifierOf();
  for (const text of ['', 'a', 'a.b', 'a.b.c', 'a.b.c.d', '..', `${part([])}.${part({})}.AA`, `${part(null)}.e30.AA`]) {
    assert.equal(await verifier.verify(request(text)), CloseReason.CredentialInvalid);
  }
  const ticket = { ...request('x'), credentialType: CredentialType.Ticket };
  assert.equal(await verifier.verify(ticket), CloseReason.CredentialInvalid);
});

test('iat and exp are required whole numbers', async () => {
  const { clock, verifier } = verifierOf();
  const { iat } = claimsAt(clock.wallMs()) as { iat: number };
  const wrong: Claims[] = [
    { exp: undefined },
    { iat: undefined },
    { exp: String(iat + 60) },
    { exp: iat + 60.5 },
    { iat: iat - 0.5 },
    { iat: -1 },
    { exp: iat },
    { exp: 1e300 },
    { nbf: 'soon' },
  ];
  for (const changes of wrong) {
    const token = hs256(claimsAt(clock.wallMs(), changes));
    assert.equal(await verifier.verify(request(token)), CloseReason.CredentialInvalid, JSON.stringify(changes));
  }
});

test('the lifetime is accepted at its maximum and refused a second above', async () => {
  const { clock, verifier } = verifierOf();
  const { iat } = claimsAt(clock.wallMs()) as { iat: number };
  const most = TOKEN_LIFETIME_MAX_MS / 1000;
  for (const [seconds, good] of [
    [most - 1, true],
    [most, true],
    [most + 1, false],
  ] as const) {
    const result = await verifier.verify(request(hs256(claimsAt(clock.wallMs(), { exp: iat + seconds }))));
    assert.equal(typeof result === 'object', good, `${seconds} s`);
  }
});

test('an expired token is refused as expired, with 30 s of leeway both ways', async () => {
  const { clock, verifier } = verifierOf();
  const token = hs256(claimsAt(clock.wallMs()));
  clock.wallStartMs += HOUR_MS + CLOCK_LEEWAY_MS - 1;
  assert.equal(typeof (await verifier.verify(request(token))), 'object');
  clock.wallStartMs += 1;
  assert.equal(await verifier.verify(request(token)), CloseReason.CredentialExpired);
  clock.wallStartMs -= HOUR_MS + 2 * CLOCK_LEEWAY_MS;
  assert.equal(typeof (await verifier.verify(request(token))), 'object');
  clock.wallStartMs -= 1;
  assert.equal(await verifier.verify(request(token)), CloseReason.CredentialInvalid);
});

test('the key that a token names is the one that counts', async () => {
  const { clock, verifier } = verifierOf();
  const claims = claimsAt(clock.wallMs(), { aud: 'both' });
  const asked = (token: string) => verifier.verify(request(token, { app: 'both' }));
  assert.equal(typeof (await asked(hs256(claims, { kid: 'old' }))), 'object');
  assert.equal(await asked(hs256(claims, { kid: 'new' })), CloseReason.CredentialInvalid);
  assert.equal(await asked(hs256(claims, { kid: 'gone' })), CloseReason.CredentialInvalid);
});

test('up to three EdDSA tokens are checked in the process, more go to the pool in one batch', async () => {
  const { clock, pool, verifier } = verifierOf();
  const token = eddsa(claimsAt(clock.wallMs(), { aud: 'shop' }), { kid: 'ed' });
  const many = (count: number) => Array.from({ length: count }, () => verifier.verify(request(token, { app: 'shop' })));
  const three = many(3);
  clock.advance(2);
  for (const result of await Promise.all(three)) assert.equal(typeof result, 'object');
  assert.deepEqual(pool.sizes, []);
  const four = many(4);
  clock.advance(2);
  for (const result of await Promise.all(four)) assert.equal(typeof result, 'object');
  assert.deepEqual(pool.sizes, [4]);
  const full = many(65);
  assert.deepEqual(pool.sizes, [4, 64]);
  clock.advance(2);
  await Promise.all(full);
  assert.equal(clock.pendingTimers, 0);
});

test('each token of a batch gets its own answer', async () => {
  const { clock, verifier } = verifierOf();
  const now = clock.wallMs();
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const results = [
    verifier.verify(request(eddsa(claimsAt(now, { aud: 'shop' })), { app: 'shop' })),
    verifier.verify(request(eddsa(claimsAt(now, { aud: 'shop' }), {}, stranger), { app: 'shop' })),
    verifier.verify(request(eddsa(claimsAt(now, { aud: 'both' })), { app: 'both' })),
    verifier.verify(request(eddsa(claimsAt(now, { aud: 'nobody' })), { app: 'nobody' })),
    verifier.verify(request(eddsa(claimsAt(now, { aud: 'shop', sub: 'bob' })), { app: 'shop' })),
  ];
  clock.advance(2);
  const kinds = (await Promise.all(results)).map((result) => (typeof result === 'object' ? 'in' : result));
  const { CredentialInvalid: no } = CloseReason;
  assert.deepEqual(kinds, ['in', no, 'in', no, no]);
});

test('a broken pool is a fault of the server, not of the credential', async () => {
  const { clock, pool, verifier } = verifierOf();
  pool.fails = true;
  const token = eddsa(claimsAt(clock.wallMs(), { aud: 'shop' }));
  const results = Array.from({ length: 4 }, () => verifier.verify(request(token, { app: 'shop' })));
  const settled = Promise.allSettled(results);
  clock.advance(2);
  for (const result of await settled) assert.equal(result.status, 'rejected');
});

test('the thread pool checks a batch', async () => {
  const pool = new PiscinaSignaturePool();
  const text = 'signed';
  const signature = new Uint8Array(sign(null, Buffer.from(text), pair.privateKey));
  const genuine = await pool.verify({
    publicPems: [pem],
    keyIndexes: [0, 0],
    signedTexts: [text, 'changed'],
    signatures: [signature, signature],
  });
  await pool.close();
  assert.deepEqual(genuine, [true, false]);
});
