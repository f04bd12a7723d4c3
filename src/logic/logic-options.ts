import type { Clock } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import type { AppConfig } from '../config/apps.ts';
import type { Logger } from '../log/logger.ts';
import type { Address, Transport } from '../net/transport.ts';
import { NewDeviceStart, SessionPolicy, type Store } from '../store/store.ts';
import type { TrunkAccess } from '../trunk/trunk-access.ts';
import type { TrunkTimes } from '../trunk/trunk-link.ts';
import type { CredentialVerifier } from './authentication/credential.ts';
import type { MakeBackup } from './backups.ts';
import type { LoginLimitOptions } from './login-limits.ts';

/** The options of `logic.*`, and the gate's window, which bounds what is pushed again. */
export interface LogicLimits {
  readonly loginConcurrency: number;
  readonly loginQueueMs: number;
  /** 0: no tickets. */
  readonly ticketLifetimeMs: number;
  /** How long a session lives on one credential; 0 for ever. */
  readonly sessionMaxAgeMs: number;
  readonly cursorFlushMs: number;
  readonly syncPageMessages: number;
  readonly syncPageBytes: number;
  readonly windowMessages: number;
  readonly windowBytes: number;
}

export type LogicApp = Pick<AppConfig, 'id' | 'sessionPolicy' | 'newDeviceStart'>;

export interface LogicOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly verifier: CredentialVerifier;
  readonly limits: LogicLimits;
  readonly loginLimits: LoginLimitOptions;
  readonly apps: readonly LogicApp[];
  /** Random, new at every start of the process. */
  readonly bootId: string;
  readonly transport: Transport;
  /** Where gates and apis dial. */
  readonly addresses: readonly Address[];
  readonly times: TrunkTimes;
  readonly trunkAccess?: TrunkAccess | undefined;
  /** For a store that can be backed up while it is in use. */
  readonly backup?: MakeBackup;
  /** The store is dead: the process must exit with a code other than 0 and be started again. Called once. */
  readonly onFatal: (error: Error) => void;
}

const POLICIES: Record<LogicApp['sessionPolicy'], SessionPolicy> = {
  'one-per-type': SessionPolicy.OnePerType,
  'one-per-user': SessionPolicy.OnePerUser,
  many: SessionPolicy.Many,
};

const STARTS: Record<LogicApp['newDeviceStart'], NewDeviceStart> = {
  floor: NewDeviceStart.Floor,
  head: NewDeviceStart.Head,
};

export function policyOf(app: LogicApp): SessionPolicy {
  return POLICIES[app.sessionPolicy];
}

export function newDeviceStartOf(app: LogicApp): NewDeviceStart {
  return STARTS[app.newDeviceStart];
}
