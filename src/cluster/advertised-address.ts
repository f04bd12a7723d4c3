/** Where others dial what listens here. */
import { networkInterfaces } from 'node:os';
import type { Config } from '../config/config.ts';

const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

/** `host:port` of the gate for clients. @param port that it listens on */
export function advertisedGate({ gate }: Config, port: number): string {
  return hostPort(gate.advertiseHost || dialableHost(gate.host), gate.advertisePort || port);
}

/** Of a host to listen on: itself, or an address of this machine when it means all of them. */
function dialableHost(host: string): string {
  if (!ANY_ADDRESS.includes(host)) return host;
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const outer = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return outer?.address ?? '127.0.0.1';
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
