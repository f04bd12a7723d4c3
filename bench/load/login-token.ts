/** Login tokens by the thousand: HS256, made synchronously in a few microseconds each. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');
const LIFETIME_S = 12 * 3600;

export class TokenMaker {
  readonly #app: string;
  readonly #key: KeyObject;

  constructor(app: string, secret: string) {
    this.#app = app;
    this.#key = createSecretKey(secret, 'utf8');
  }

  make(uid: string, nowMs: number): string {
    const iat = Math.floor(nowMs / 1000) - 1;
    const claims = JSON.stringify({ aud: this.#app, sub: uid, iat, exp: iat + LIFETIME_S });
    const signed = `${HEADER}.${Buffer.from(claims).toString('base64url')}`;
    return `${signed}.${createHmac('sha256', this.#key).update(signed).digest('base64url')}`;
  }
}
