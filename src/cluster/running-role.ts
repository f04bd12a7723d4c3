import type { Clock } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { StartMessage } from './child-messages.ts';
import type { RoleChannel } from './role-channel.ts';

/** What every role is made from. */
export interface RoleContext {
  readonly index: number;
  readonly start: StartMessage;
  readonly channel: RoleChannel;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A role at work. */
export interface RunningRole {
  /** Where it listens; 0 for none. */
  readonly port: number;
  /** Finishes what is under way. Idempotent. */
  stop(): Promise<void>;
  /** The primary is gone: resolves when the role has nothing left to do and should stop. */
  orphaned(): Promise<void>;
  /** Resolves, if ever, with the reason for which a new process should take this one's place once it has stopped. */
  readonly unfit?: Promise<string>;
}

/** A role cannot start for a reason that people can act on: one line. */
export class RoleStartError extends Error {
  override readonly name = 'RoleStartError';
}

/** Why listening failed, and which key (`gate.port`) to change; undefined when the error is none of that kind. */
export function listenProblem(error: unknown, host: string, port: number, key: string): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is taken by another program; set ${key} to another one`;
    case 'EACCES':
      return `port ${port} on ${host} is not allowed for this user; set ${key} to one above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine; change ${hostKeyOf(key)}`;
    default:
      return undefined;
  }
}

/** `gate.host` of `gate.port`. */
function hostKeyOf(portKey: string): string {
  return `${portKey.slice(0, portKey.indexOf('.'))}.host`;
}
