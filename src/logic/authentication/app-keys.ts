/**
 * The keys that each app's tokens are checked with. For what has no key (an unknown app, kid or algorithm) there is a
 * dummy of the same algorithm, so that it costs the same work and ends in the same refusal.
 */
import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { AppConfig, AppKey } from '../../config/apps.ts';
import { TokenAlgorithm } from './token.ts';

export type AppKeysConfig = Pick<AppConfig, 'id' | 'keys'>;

export interface VerificationKey {
  /** '' when the key has no name: it then fits every token of its algorithm. */
  readonly kid: string;
  readonly algorithm: TokenAlgorithm;
  readonly key: KeyObject;
  /** The public key as text, for another thread; '' for a secret. */
  readonly publicPem: string;
  readonly dummy: boolean;
}

/** The public point of RFC 8032's first test vector: a valid key that no app uses. */
const DUMMY_POINT = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';

const DUMMIES: Readonly<Record<TokenAlgorithm, () => VerificationKey>> = {
  HS256: () => ({ ...keyOf({ algorithm: 'HS256', secret: 'a secret of nobody, for equal work' }), dummy: true }),
  EdDSA: () => {
    const publicKey = { kty: 'OKP', crv: 'Ed25519', x: DUMMY_POINT };
    return { ...keyOf({ algorithm: 'EdDSA', publicKey }), dummy: true };
  },
};

export class AppKeys {
  readonly #apps: ReadonlyMap<string, readonly VerificationKey[]>;
  readonly #dummies: Readonly<Record<TokenAlgorithm, VerificationKey>>;

  constructor(apps: readonly AppKeysConfig[]) {
    this.#apps = new Map(apps.map((app) => [app.id, app.keys.map(keyOf)]));
    this.#dummies = { HS256: DUMMIES.HS256(), EdDSA: DUMMIES.EdDSA() };
  }

  /** The one key that a token is checked with: the one it names, else one without a name, else a dummy. */
  find(app: string, algorithm: TokenAlgorithm, kid: string): VerificationKey {
    let unnamed: VerificationKey | undefined;
    for (const key of this.#apps.get(app) ?? []) {
      if (key.algorithm !== algorithm) continue;
      if (key.kid === kid || kid === '') return key;
      if (key.kid === '') unnamed = key;
    }
    return unnamed ?? this.#dummies[algorithm];
  }
}

function keyOf(config: AppKey): VerificationKey {
  const kid = config.kid ?? '';
  if (config.algorithm === TokenAlgorithm.HS256) {
    // A KeyObject: on Node 24 an HMAC with a Buffer as its key takes five times as long.
    const key = createSecretKey(config.secret, 'utf8');
    return { kid, algorithm: config.algorithm, key, publicPem: '', dummy: false };
  }
  const { publicKey } = config;
  const key =
    typeof publicKey === 'string'
      ? createPublicKey(publicKey)
      : createPublicKey({ key: publicKey as JsonWebKey, format: 'jwk' });
  const publicPem = key.export({ type: 'spki', format: 'pem' }).toString();
  return { kid, algorithm: config.algorithm, key, publicPem, dummy: false };
}
