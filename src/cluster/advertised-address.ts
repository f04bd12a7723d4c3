/** Where others dial what listens here. */
import { networkInterfaces } from 'node:os';
import { parseAddresses } from '../config/addresses.ts';
import type { Config } from '../config/config.ts';

const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

/** `host:port` of the gate for clients. @param port that it listens on */
export function advertisedGate({ gate }: Config, port: number): string {
  return hostPort(gate.advertiseHost || dialableHost(gate.host), gate.advertisePort || port);
}

/** `host:port` of logic for gates and apis of other machines; undefined when it does not listen for them. */
export function advertisedLogic({ trunk }: Config): string | undefined {
  const [address] = parseAddresses(trunk.advertise.length > 0 ? trunk.advertise : trunk.listen);
  if (address === undefined) return undefined;
  return 'path' in address ? address.path : hostPort(dialableHost(address.host), address.port);
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
