/** What the primary and its children say to each other. JSON over the process's own channel. */
import type { Config } from '../config/config.ts';
import type { MetricJson } from '../metrics/metrics.ts';
import type { SystemPart } from './system-part.ts';

export type ChildRole = 'gate' | 'logic' | 'api' | 'admin';

/** Everything a role needs to know. The configuration travels here, so that a restart never sees another one. */
export interface StartMessage {
  readonly type: 'start';
  readonly config: Config;
  readonly part: SystemPart;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly trunkPath: string;
  /** Never 0: all gates share one. */
  readonly gatePort: number;
  /** Of api or admin: as configured, or, where that is 0, what the first one got. */
  readonly httpPort: number;
}

/** Sent every second, which is the primary's heartbeat, and at once when it changes. */
export interface StatusMessage {
  readonly type: 'status';
  readonly gatesListening: number;
  /** Gates that have a link to logic. */
  readonly gatesLinked: number;
  readonly logicReady: boolean;
  readonly stopping: boolean;
}

export type ToChild =
  | StartMessage
  | StatusMessage
  | { readonly type: 'stop' }
  | { readonly type: 'metrics-wanted'; readonly request: number }
  | { readonly type: 'collected'; readonly request: number; readonly processes: readonly (readonly MetricJson[])[] };

export type FromChild =
  /** `linked`: of a gate, whether it has a link to logic. */
  | { readonly type: 'heartbeat'; readonly linked: boolean }
  /** `port` is 0 for a role that listens on none. */
  | { readonly type: 'ready'; readonly port: number }
  /** The role cannot start, for a reason that people can act on. */
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'metrics'; readonly request: number; readonly metrics: readonly MetricJson[] }
  /** Asks for the metrics of all other processes. */
  | { readonly type: 'collect'; readonly request: number }
  /** An operator wants everything that this primary runs to leave. */
  | { readonly type: 'drain' };

export const HEARTBEAT_MS = 1000;
