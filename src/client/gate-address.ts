import type { Address } from '../net/transport.ts';

const HOST_PORT = /^\[?(?<host>[^\]]+)\]?:(?<port>\d{1,5})$/;

/** Where a gate listens, from `host:port` as servers name it; undefined for anything else. */
export function parseGateAddress(text: string): Address | undefined {
  const groups = HOST_PORT.exec(text)?.groups;
  return groups?.['host'] === undefined ? undefined : { host: groups['host'], port: Number(groups['port']) };
}
