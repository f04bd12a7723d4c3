/**
 * Headers and body of a request, from the connection where there is one. The web's Request makes a stream of the body:
 * that was a third of what a push cost this process.
 */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

/** Undefined when the app is called without a connection. */
export function bindingsOf(context: Context): HttpBindings | undefined {
  return (context.env as HttpBindings | undefined)?.incoming === undefined ? undefined : (context.env as HttpBindings);
}

export function headersOf(context: Context): Readonly<Record<string, string | undefined>> {
  const headers = bindingsOf(context)?.incoming.headers;
  return headers === undefined ? context.req.header() : (headers as Readonly<Record<string, string | undefined>>);
}

/** Undefined: longer than `bytesMax`. Rejects when the connection breaks meanwhile. */
export async function bodyText(context: Context, bytesMax: number): Promise<string | undefined> {
  if (Number(headersOf(context)['content-length'] ?? 0) > bytesMax) return undefined;
  const incoming = bindingsOf(context)?.incoming;
  if (incoming !== undefined) return textOf(incoming, bytesMax);
  const text = await context.req.text();
  return Buffer.byteLength(text) > bytesMax ? undefined : text;
}

function textOf(incoming: HttpBindings['incoming'], bytesMax: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else resolve(undefined);
    });
    incoming.on('end', () => resolve((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString()));
    incoming.on('error', reject);
  });
}
