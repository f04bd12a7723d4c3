/** What the conductor and the client hosts tell each other over the process channel. */

export interface DeviceSpec {
  /** Unique; the device id too. */
  readonly name: string;
  readonly uid: string;
  readonly deviceType: string;
  readonly sendOnly: boolean;
}

export interface HostSpec {
  readonly name: string;
  readonly devices: readonly DeviceSpec[];
  /** Keeps its state in files, and is killed now and then. */
  readonly mortal: boolean;
  /** Dials through the chaos proxy. */
  readonly proxied: boolean;
}

/** The first message to a host. */
export interface HostStart {
  readonly type: 'start';
  readonly spec: HostSpec;
  readonly run: number;
  readonly port: number;
  readonly folder: string;
  readonly seed: number;
  readonly targets: readonly string[];
  /** Between two sends of one device, on average. */
  readonly pauseMs: number;
}

/** Where a user's timeline ends. */
export interface Head {
  readonly epoch: number;
  readonly seq: number;
}

export type ToHost =
  | HostStart
  | { readonly type: 'report'; readonly request: number }
  | { readonly type: 'stop-sending' }
  | { readonly type: 'heads'; readonly heads: Readonly<Record<string, Head>> }
  | { readonly type: 'end' };

export interface HostReport {
  /** Connections that ended without the client's asking, by the reason's name. */
  readonly drops: Readonly<Record<string, number>>;
  readonly online: number;
  readonly unsent: number;
  /** Sends that the server has acknowledged to this run. */
  readonly acknowledged: number;
  readonly longestOutageMs: number;
  readonly logins: number;
  /** Devices that have not reached the heads they were told, with what they have. */
  readonly behind: readonly string[];
  /** What must never happen: devices told to stop, refused sends. */
  readonly problems: readonly string[];
}

export type FromHost =
  | { readonly type: 'hello' }
  | { readonly type: 'ready' }
  | { readonly type: 'report'; readonly request: number; readonly report: HostReport };
