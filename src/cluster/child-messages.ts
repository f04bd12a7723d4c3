/** What the primary and its children say to each other. JSON over the process's own channel. */
import type { Config } from '../config/config.ts';
import type { MetricJson } from '../metrics/metrics.ts';

export type ChildRole = 'gate' | 'logic' | 'api';

/** Everything a role needs to know. The configuration travels here, so that a restart never sees another one. */
export interface StartMessage {
  readonly type: 'start';
  readonly config: Config;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly trunkPath: string;
  /** Never 0: all gates share one. */
  readonly gatePort: number;
  /** As configured, or, where that is 0, what the first api got. */
  readonly apiPort: number;
}

/** Sent every second, which is the primary's heartbeat, and at once when it changes. */
export interface StatusMessage {
  readonly type: 'status';
  readonly gatesListening: number;
  readonly stopping: boolean;
}

export type ToChild =
  | StartMessage
  | StatusMessage
  | { readonly type: 'stop' }
  | { readonly type: 'metrics-wanted'; readonly request: number }
  | { readonly type: 'collected'; readonly request: number; readonly processes: readonly (readonly MetricJson[])[] };

export type FromChild =
  /** The first one says that the child listens now. */
  | { readonly type: 'heartbeat' }
  /** `port` is 0 for a role that listens on none. */
  | { readonly type: 'ready'; readonly port: number }
  /** The role cannot start, for a reason that people can act on. */
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'metrics'; readonly request: number; readonly metrics: readonly MetricJson[] }
  /** Asks for the metrics of all other processes. */
  | { readonly type: 'collect'; readonly request: number };

export const HEARTBEAT_MS = 1000;
