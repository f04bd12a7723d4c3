/** Where Redis is, as one word on a command line: `redis://user:password@10.0.0.5:6379`, several members, or a socket. */
import { parseAddress } from '../config/addresses.ts';
import { usageError } from './cli-error.ts';

/** The keys of `redis.*` that it stands for; those it does not name stay as configured. */
export interface RedisPlace {
  readonly servers: readonly string[];
  readonly cluster: boolean;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

const URL_FORM = /^(rediss?):\/\/(?:([^@/]*)@)?([^/@]+)\/?$/;
const PORT = '6379';

export function parseRedisUrl(text: string): RedisPlace {
  const path = text.startsWith('unix:') ? text.slice('unix:'.length).replace(/^\/\//, '') : text;
  if (path.startsWith('/')) return { servers: [path], cluster: false, tls: false };
  const [, scheme, login, hosts = ''] = URL_FORM.exec(text) ?? [];
  const servers = hosts.split(',').map((host) => (/:\d+$/.test(host) ? host : `${host}:${PORT}`));
  if (scheme === undefined || servers.some((server) => parseAddress(server) === undefined)) {
    throw usageError(
      '--to: redis://host:port, rediss://host:port with TLS, several separated by commas for a cluster, or /path/of/socket',
    );
  }
  const place = { servers, cluster: servers.length > 1, tls: scheme === 'rediss' };
  if (login === undefined) return place;
  const colon = login.indexOf(':');
  const [username, password] = colon < 0 ? ['', login] : [login.slice(0, colon), login.slice(colon + 1)];
  return { ...place, username: decodeURIComponent(username), password: decodeURIComponent(password) };
}
