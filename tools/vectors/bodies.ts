/** What a vector of a valid frame is, and an ordinary body of each larger command to vary. */
import type { NamedBody } from './codec.ts';

export interface ValidVector {
  readonly name: string;
  readonly command: string;
  readonly requestId: number;
  readonly body: NamedBody;
  readonly hex: string;
  /** True when a writer must produce exactly these bytes for this body. */
  readonly canonical: boolean;
  readonly shows: readonly string[];
}

const MESSAGE_ID = 4_503_599_627_370_497;
/** The largest integer of a body. */
export const U53: number = Number.MAX_SAFE_INTEGER;
const TIME_MS = 1_767_225_600_000;
/** 64 characters. */
export const LONG_ID: string = `${'a-'.repeat(31)}zz`;
/** 64 bytes of UTF-8 in 16 characters of four bytes each. */
export const LONG_UNICODE: string = '😀'.repeat(16);

export const CONNECT: NamedBody = {
  version: 1,
  app: 'demo',
  uid: 'alice',
  credentialType: 0,
  credential: 'header.claims.signature',
  deviceType: 'phone',
  deviceId: 'phone1',
  intent: 0,
  lastGeneration: 0,
  epoch: 0,
  lastSeq: 0,
  capabilities: 0,
  agent: 'example/1.0',
};
export const SEND: NamedBody = {
  target: 'bob',
  targetType: 0,
  clientMsgId: 'c1',
  flags: 0,
  payload: Buffer.from('hi'),
};
export const CONNACK: NamedBody = {
  version: 1,
  generation: 3,
  epoch: 1,
  head: 12,
  floor: 1,
  cursor: 10,
  heartbeatMs: 60_000,
  windowMessages: 64,
  windowBytes: 262_144,
  bodyBytesMax: 65_536,
  ackTimeoutMs: 5_000,
  serverTimeMs: TIME_MS,
  ticket: '',
  sessionExpiresAtMs: TIME_MS + 86_400_000,
};
export const SENDACK: NamedBody = {
  messageId: MESSAGE_ID,
  serverTimeMs: TIME_MS,
  dup: false,
  durability: 3,
  replicas: 0,
  ownEpoch: 1,
  ownSeq: 13,
};
export const MESSAGE: NamedBody = {
  epoch: 1,
  seq: 13,
  messageId: MESSAGE_ID,
  timeMs: TIME_MS,
  kind: 0,
  from: 'alice',
  to: 'bob',
  clientMsgId: '',
  payload: Buffer.from('hi'),
};
