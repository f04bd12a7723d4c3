import type { Address } from '../net/transport.ts';

const HOST_PORT = /^(?:\[(?<ipv6>[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)\]|(?<host>[^\s:[\]/]+)):(?<port>\d{1,5})$/;
const PORT_MAX = 65_535;

/** Where a gate listens, from `host:port` or `[ipv6]:port` as servers name it; undefined for anything else. */
export function parseGateAddress(text: string): Address | undefined {
  const { ipv6, host, port } = HOST_PORT.exec(text)?.groups ?? {};
  const name = ipv6 ?? host;
  const number = Number(port);
  return name !== undefined && number >= 1 && number <= PORT_MAX ? { host: name, port: number } : undefined;
}
