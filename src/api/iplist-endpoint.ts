/**
 * `GET /v1/iplist?app=…&uid=…`: the gates that a client may dial. Needs no key, because clients have none; so it is cheap,
 * says nothing that a client may not know, and is limited per address and as a whole.
 *
 *   200 {gates: ["host:port", …], heartbeatMs, backoff: {baseMs, maxMs}, ttlMs}     ETag, Cache-Control: private, max-age
 *   304 when If-None-Match names that answer
 *   400 BAD_REQUEST · 403 BAD_HOST, BAD_ORIGIN · 405 METHOD_NOT_ALLOWED · 429 THROTTLED · 503 NO_GATE
 *
 * An answer is one user's (`private`): a cache that gave it to everybody would send everybody to the same gate.
 *
 * Cost: 3 µs with 5 gates, 20 µs with 1000, `node:http` not counted; it is answered before the app, like health.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock/clock.ts';
import { isIdentifier } from '../model/ids.ts';
import { AddressRates } from './address-rates.ts';
import { API_ERROR_STATUS, type ApiErrorCode, apiError } from './api-error.ts';

export const IPLIST_PATH = '/v1/iplist';

export interface IplistLimits {
  readonly requestsPerSecondMax: number;
  readonly addressRequestsPerSecondMax: number;
  readonly addressExempt: readonly string[];
}

export interface IplistEndpointOptions {
  readonly clock: Clock;
  readonly limits: IplistLimits;
  /** What JSON the user gets; undefined when no gate is there. `uid` is '' when it is not said. */
  readonly find: (app: string, uid: string) => { readonly ttlMs: number } | undefined;
}

export interface IplistRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** '' when unknown. */
  readonly address: string;
  readonly ifNoneMatch: string | undefined;
}

export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: no body. */
  readonly body?: string;
}

const RETRY_AFTER_SECONDS = 1;
const ETAG_LENGTH = 16;

export class IplistEndpoint {
  /** Answers by outcome. */
  readonly outcomes: Map<string, number> = new Map();
  readonly #options: IplistEndpointOptions;
  readonly #rates: AddressRates;

  constructor(options: IplistEndpointOptions) {
    this.#options = options;
    this.#rates = new AddressRates(options.limits);
  }

  answer(request: IplistRequest): PlainAnswer {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return this.#refuse('METHOD_NOT_ALLOWED', 'use GET', { allow: 'GET, HEAD' });
    }
    const later = { 'retry-after': String(RETRY_AFTER_SECONDS) };
    if (!this.#rates.admit(request.address, this.#options.clock.monotonicMs())) {
      return this.#refuse('THROTTLED', 'asked too often; use what was answered before', later);
    }
    const query = new URLSearchParams(request.url.slice(request.url.indexOf('?') + 1));
    const app = query.get('app') ?? '';
    const uid = query.get('uid') ?? '';
    if (!isIdentifier(app) || (uid !== '' && !isIdentifier(uid))) {
      return this.#refuse('BAD_REQUEST', 'give app, and uid if it is known');
    }
    const found = this.#options.find(app, uid);
    if (found === undefined) return this.#refuse('NO_GATE', 'no gate takes clients now; ask again later', later);
    return this.#found(found, request.ifNoneMatch);
  }

  #found(found: { readonly ttlMs: number }, ifNoneMatch: string | undefined): PlainAnswer {
    const body = `${JSON.stringify(found)}\n`;
    const etag = `"${createHash('sha1').update(body).digest('base64url').slice(0, ETAG_LENGTH)}"`;
    const caching = { etag, 'cache-control': `private, max-age=${Math.floor(found.ttlMs / 1000)}` };
    if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag)) {
      this.#count('unchanged');
      return { status: 304, headers: caching };
    }
    this.#count('answered');
    return { status: 200, headers: { ...caching, 'content-type': 'application/json' }, body };
  }

  #refuse(code: ApiErrorCode, message: string, headers: Record<string, string> = {}): PlainAnswer {
    this.#count(code.toLowerCase());
    return {
      status: API_ERROR_STATUS[code],
      headers: { ...headers, 'cache-control': 'no-store', 'content-type': 'application/json' },
      body: `${JSON.stringify({ error: apiError(code, message) })}\n`,
    };
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}

/** RFC 9110 §13.1.2: a list of tags, compared weakly. */
function matches(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === etag || tag === '*');
}
