/**
 * Verifies login tokens with the apps' keys.
 *
 * The signature is checked before anything that the token says is looked at, with a dummy key where there is none:
 * an unknown app, user or key cannot be told apart from a wrong signature, neither by the answer nor by the time.
 *
 * Measured (Node 20, 2 cores): HS256 210,000 logins a second, on the event loop. EdDSA 10,500 a second with 64 logins at
 * once (one thread), 19,000 with 256 (two threads), the event loop 7 to 16 % busy; 1,250 with 3 at once, which are
 * checked in the process and spend their time waiting for company.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../clock/clock.ts';
import { CloseReason, CredentialType } from '../../protocol/index.ts';
import { AppKeys, type AppKeysConfig, type VerificationKey } from './app-keys.ts';
import type { CredentialRequest, CredentialVerifier, VerifiedCredential } from './credential.ts';
import { SignatureBatcher } from './signature-batcher.ts';
import type { SignaturePool } from './signature-pool.ts';
import { checkClaims, parseToken, type Token, TokenAlgorithm } from './token.ts';

export const TOKEN_LIFETIME_MAX_MS: number = 24 * 3_600_000;
export const CLOCK_LEEWAY_MS = 30_000;

export class TokenVerifier implements CredentialVerifier {
  readonly #keys: AppKeys;
  readonly #clock: Clock;
  readonly #batcher: SignatureBatcher;

  constructor(apps: readonly AppKeysConfig[], clock: Clock, pool: SignaturePool) {
    this.#keys = new AppKeys(apps);
    this.#clock = clock;
    this.#batcher = new SignatureBatcher(clock, pool);
  }

  async verify(request: CredentialRequest): Promise<VerifiedCredential | CloseReason> {
    if (request.credentialType !== CredentialType.Token) return CloseReason.CredentialInvalid;
    const token = parseToken(request.credential);
    if (token === undefined) return CloseReason.CredentialInvalid;
    const key = this.#keys.find(request.app, token.algorithm, token.kid);
    const genuine =
      token.algorithm === TokenAlgorithm.HS256
        ? hasGenuineMac(key, token)
        : await this.#batcher.check(key, token.signedText, token.signature);
    if (!genuine || key.dummy) return CloseReason.CredentialInvalid;
    return checkClaims(token.claims, {
      app: request.app,
      uid: request.uid,
      deviceId: request.deviceId,
      nowMs: this.#clock.wallMs(),
      lifetimeMaxMs: TOKEN_LIFETIME_MAX_MS,
      leewayMs: CLOCK_LEEWAY_MS,
    });
  }

  close(): Promise<void> {
    return this.#batcher.close();
  }
}

function hasGenuineMac(key: VerificationKey, token: Token): boolean {
  const mac = createHmac('sha256', key.key).update(token.signedText, 'latin1').digest();
  return token.signature.length === mac.length && timingSafeEqual(token.signature, mac);
}
