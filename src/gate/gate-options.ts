/** What a gate worker is made of and how much of everything it allows. */
import type { Clock } from '../clock/clock.ts';
import type { LoopPacer } from '../clock/loop-pacer.ts';
import type { Random } from '../clock/random.ts';
import type { Logger } from '../log/logger.ts';
import type { Address, Transport } from '../net/transport.ts';
import type { LogicDirectory } from '../trunk/logic-directory.ts';
import type { TrunkAccess } from '../trunk/trunk-access.ts';
import type { TrunkTimes } from '../trunk/trunk-link.ts';
import type { AdmissionLimits } from './admission.ts';
import type { AnnouncedLimits } from './announced-limits.ts';
import type { CommandLimits } from './client-commands.ts';
import type { ConnectionLimits } from './connections.ts';
import type { DeadlineLimits } from './deadlines.ts';
import type { WindowLimits } from './delivery-window.ts';
import type { ListeningLimits } from './listening.ts';
import type { MessageRateLimits } from './message-rate.ts';
import type { ProtocolErrorLimits } from './protocol-errors.ts';

/** Named like the keys of the sections `gate` and `limits` of the configuration. */
export interface GateLimits
  extends CommandLimits,
    ConnectionLimits,
    DeadlineLimits,
    WindowLimits,
    AnnouncedLimits,
    ProtocolErrorLimits,
    AdmissionLimits,
    ListeningLimits,
    MessageRateLimits {
  /** Requests of one client that wait for their answer. */
  readonly sendsInFlightMax: number;
  /** Time over which a stopping gate closes its connections. */
  readonly drainMs: number;
}

export interface GateOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly log: Logger;
  /** For people: "gate 1". */
  readonly name: string;
  /** Random, new at every start. */
  readonly bootId: string;
  /** Where clients dial; several listeners on one shared port accept faster. */
  readonly listen: readonly Address[];
  /** Which logics there are, and where they listen. */
  readonly logics: LogicDirectory;
  readonly trunkTimes: TrunkTimes;
  readonly trunkAccess?: TrunkAccess | undefined;
  /** Where the trunk's sockets differ from those of clients. */
  readonly trunkTransport?: Transport | undefined;
  readonly limits: GateLimits;
  /** Other gates that clients can go to when this one drains: host:port, as clients dial them. */
  readonly alternatives?: (() => readonly string[]) | undefined;
  /** Lets reads from clients share wakings of the process. */
  readonly pacer?: LoopPacer | undefined;
  /** Whether the logic needs the addresses of clients (per-address limits). */
  readonly tellAddress: boolean;
}
