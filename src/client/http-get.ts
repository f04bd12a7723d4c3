/** One GET, as far as a client needs HTTP. */
export interface HttpAnswer {
  readonly status: number;
  /** '' when there is none. */
  readonly etag: string;
  readonly retryAfterMs: number;
  readonly text: string;
}

/** Rejects when there is no answer in time, a redirect, or a longer answer than `HTTP_BYTES_MAX`. `etag` '': without. */
export type HttpGet = (url: string, etag: string, timeoutMs: number) => Promise<HttpAnswer>;

export const HTTP_BYTES_MAX: number = 64 * 1024;

export const fetchHttp: HttpGet = async (url, etag, timeoutMs) => {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (etag !== '') headers['if-none-match'] = etag;
  const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += piece.length;
    if (bytes > HTTP_BYTES_MAX) throw new Error(`more than ${HTTP_BYTES_MAX} bytes`);
    pieces.push(piece);
  }
  const seconds = Number(response.headers.get('retry-after') ?? '0');
  return {
    status: response.status,
    etag: response.headers.get('etag') ?? '',
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0,
    text: Buffer.concat(pieces).toString(),
  };
};
