/** Login tokens made with an app's configured secret: for tools. In production the app's own back end makes them. */
import type { Config } from '../config/config.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { mintToken } from '../logic/authentication/mint-token.ts';
import { usageError } from './cli-error.ts';

export interface TokenRequest {
  readonly app: string;
  readonly uid: string;
  readonly lifetimeMs: number;
  /** The only device that may use it; any when undefined. */
  readonly deviceId?: string | undefined;
}

/** Makes tokens for one request; fails at once when there is no secret to sign with. */
export function tokenMaker(config: Config, request: TokenRequest): (nowMs: number) => Promise<string> {
  const app = config.apps.find(({ id }) => id === request.app);
  if (app === undefined) {
    const known = config.apps.map(({ id }) => id);
    throw usageError(`app ${JSON.stringify(request.app)} is not configured${didYouMean(request.app, known)}`);
  }
  const key = app.keys.find((candidate) => candidate.algorithm === 'HS256');
  if (key?.algorithm !== 'HS256') throw usageError(`app ${app.id} has no HS256 key to sign a token with`);
  const { secret, kid } = key;
  return (nowMs) => mintToken({ ...request, secret, kid, issuedAtMs: nowMs });
}
