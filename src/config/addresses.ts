/** Where another program listens, as text: `10.0.0.5:6379`, `redis.local:6379`, `[::1]:6379`, or `/run/redis.sock`. */
import { isHost } from './hosts.ts';

export type ServerAddress = { readonly host: string; readonly port: number } | { readonly path: string };

const HOST_AND_PORT = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/;
const PORT_MAX = 65_535;

/** Undefined for anything else. */
export function parseAddress(text: string): ServerAddress | undefined {
  if (text.startsWith('/')) return { path: text };
  const [, ipv6, name, digits] = HOST_AND_PORT.exec(text) ?? [];
  const host = ipv6 ?? name ?? '';
  const port = Number(digits);
  return isHost(host) && port >= 1 && port <= PORT_MAX ? { host, port } : undefined;
}

/** For values that the option table has checked. */
export function parseAddresses(texts: readonly string[]): ServerAddress[] {
  return texts.flatMap((text) => parseAddress(text) ?? []);
}
