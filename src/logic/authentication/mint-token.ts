import { createSecretKey } from 'node:crypto';
import { SignJWT } from 'jose';

export interface MintOptions {
  readonly app: string;
  readonly uid: string;
  /** The app's HS256 secret. */
  readonly secret: string;
  /** Which of the app's keys the secret is, when they have names. */
  readonly kid?: string | undefined;
  /** Binds the token to one device. */
  readonly deviceId?: string | undefined;
  /** Unix milliseconds; rounded down to seconds. */
  readonly issuedAtMs: number;
  readonly lifetimeMs: number;
}

/** A login token, signed with HS256: for the command line, tests and tools. A business mints its own. */
export function mintToken(options: MintOptions): Promise<string> {
  const { app, uid, secret, kid, deviceId, issuedAtMs, lifetimeMs } = options;
  const issuedAt = Math.floor(issuedAtMs / 1000);
  return new SignJWT(deviceId === undefined ? {} : { dev: deviceId })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    .setAudience(app)
    .setSubject(uid)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(lifetimeMs / 1000))
    .sign(createSecretKey(secret, 'utf8'));
}
