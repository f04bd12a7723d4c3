/**
 * Who may ask at all. A web page in somebody's browser can reach 127.0.0.1; three checks keep it out:
 *
 *   Host    a page that re-binds its own name to 127.0.0.1 still says its own name here
 *   Origin  a browser names the page's origin on every cross-origin POST
 *   type    `application/json` is never sent across origins without asking first (checked where a body is read)
 *
 * Off loopback a key is mandatory, which no page has; there the names that lead here are the operator's choice.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isLoopbackHost } from '../config/hosts.ts';
import { type ApiError, apiError } from './api-error.ts';

export interface RequestGuardOptions {
  /** The address that is bound. */
  readonly host: string;
  /** '' for none. */
  readonly key: string;
}

/** The headers that are looked at. */
export interface GuardedHeaders {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
}

const BEARER = /^Bearer +(\S+)$/i;

export class RequestGuard {
  readonly #host: string;
  readonly #keyDigest: Buffer | undefined;

  constructor(options: RequestGuardOptions) {
    this.#host = options.host.toLowerCase();
    this.#keyDigest = options.key === '' ? undefined : digest(options.key);
  }

  /** Why the request is refused; undefined when it may go on. */
  refusal(headers: GuardedHeaders): ApiError | undefined {
    return this.hostRefusal(headers) ?? this.#keyRefusal(headers.authorization);
  }

  /** The same without the key: for health, which says nothing worth a key. */
  hostRefusal(headers: GuardedHeaders): ApiError | undefined {
    if (!this.#isOwnHost(headers.host)) {
      return apiError(
        'BAD_HOST',
        'the Host header must name this machine: a loopback address or the one it listens on',
      );
    }
    if (headers.origin !== undefined && !isSameOrigin(headers.origin, headers.host ?? '')) {
      return apiError('BAD_ORIGIN', 'requests from other web pages are refused');
    }
    return undefined;
  }

  #isOwnHost(header: string | undefined): boolean {
    const name = hostName(header ?? '');
    if (name === undefined) return false;
    return isLoopbackHost(name) || name === this.#host || !isLoopbackHost(this.#host);
  }

  #keyRefusal(authorization: string | undefined): ApiError | undefined {
    if (this.#keyDigest === undefined) return undefined;
    const given = BEARER.exec(authorization ?? '')?.[1] ?? '';
    // Digests have one length, so that the comparison tells nothing about the key's.
    if (timingSafeEqual(digest(given), this.#keyDigest)) return undefined;
    return apiError('UNAUTHORIZED', 'present the key: Authorization: Bearer <key>');
  }
}

/** `localhost` of `localhost:7480`, `::1` of `[::1]:7480`; undefined when it is neither. */
function hostName(header: string): string | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@[\]]+))(?::\d{1,5})?$/.exec(header);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

function isSameOrigin(origin: string, host: string): boolean {
  const given = origin.toLowerCase();
  return given === `http://${host.toLowerCase()}` || given === `https://${host.toLowerCase()}`;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
