/**
 * What gate, api and logic say to each other. The same frame codec as towards clients, on a socket of its own with
 * command codes of its own; `requestId` of the header carries the *slot* of the connection a frame is about (or the
 * request number of an api call). Every session frame starts with the slot's `serial`, so that a frame that was under
 * way while a slot got a new connection is recognised as stale and dropped. This file says what
 * there is; `trunk-frames.ts` writes it, `trunk-dispatch.ts` and `gate-dispatch.ts` read it.
 */

export const TRUNK_VERSION = 3;
/** u24: what the frame header can say. */
export const TRUNK_BODY_BYTES_MAX = 0xffffff;
/** Longest body of a peer that has not finished its handshake. */
export const HANDSHAKE_BODY_BYTES_MAX = 1024;

export const TrunkCommand = {
  // Either way
  Hello: 1,
  Welcome: 2,
  Ping: 3,
  Pong: 4,
  Challenge: 5,
  Proof: 6,
  Refused: 7,
  // Gate → logic
  Login: 16,
  Forward: 17,
  Cursor: 18,
  Closed: 19,
  Register: 20,
  Repush: 21,
  ForwardFor: 22,
  // Logic → gate; Owned to apis too
  LoginAccepted: 32,
  LoginRefused: 33,
  Reply: 34,
  Push: 35,
  Multicast: 36,
  Head: 37,
  EndSession: 38,
  Owned: 39,
  Resync: 40,
  EndGuest: 41,
  // Api → logic and back
  ApiPush: 48,
  ApiPushed: 49,
  ApiKick: 50,
  ApiKicked: 51,
  ApiSessions: 52,
  ApiSessionList: 53,
  // Command line → logic and back
  Backup: 64,
  BackedUp: 65,
} as const;
export type TrunkCommand = (typeof TrunkCommand)[keyof typeof TrunkCommand];

/** 1 for what only the owner of the session's user may say. An array: every frame to a gate is looked up. */
export const HOME_FRAMES: Uint8Array = new Uint8Array(256);
for (const command of [
  TrunkCommand.LoginAccepted,
  TrunkCommand.LoginRefused,
  TrunkCommand.Push,
  TrunkCommand.Head,
  TrunkCommand.Resync,
  TrunkCommand.EndSession,
]) {
  HOME_FRAMES[command] = 1;
}

export interface HelloFrame {
  readonly version: number;
  readonly role: string;
  /** For people: "gate 1". */
  readonly name: string;
  /** Random, new at every start of the process. */
  readonly bootId: string;
  /** Random, new for every link; empty without a secret. */
  readonly nonce: Uint8Array;
}

export interface ChallengeFrame {
  readonly bootId: string;
  readonly nonce: Uint8Array;
}

export interface ProofFrame {
  readonly proof: Uint8Array;
}

/** Why a listener ends a handshake. */
export const TrunkRefusal = {
  /** It speaks another version of the trunk. */
  Version: 1,
  /** The dialer does not know the secret. */
  Secret: 2,
} as const;
export type TrunkRefusal = (typeof TrunkRefusal)[keyof typeof TrunkRefusal];

export interface RefusedFrame {
  /** A TrunkRefusal, or one that a newer listener has. */
  readonly reason: number;
}

export interface WelcomeFrame {
  readonly version: number;
  readonly bootId: string;
  readonly partitions: number;
  readonly durability: number;
}

/** Who a session is. The gate keeps it to register the session again with a new logic. */
export interface SessionIdentity {
  readonly app: string;
  readonly uid: string;
  readonly deviceType: string;
  readonly deviceId: string;
  readonly generation: number;
  readonly capabilities: number;
}

export interface LoginAcceptedFrame extends SessionIdentity {
  readonly epoch: number;
  readonly head: number;
  readonly floor: number;
  readonly cursor: number;
  /** The seq this connection starts after: what the client holds, or the cursor. */
  readonly startSeq: number;
  readonly ticket: string;
  /** The client's epoch or seq was not the server's: RESYNC follows CONNACK. */
  readonly resync: boolean;
  /** Unix seconds. */
  readonly loggedInAtS: number;
  /** 0 for never. */
  readonly sessionExpiresAtMs: number;
}

export interface RegisterFrame extends SessionIdentity {
  readonly epoch: number;
  readonly ackedSeq: number;
  /** As in LoginAccepted. */
  readonly loggedInAtS: number;
}

/** A partition and in whose time: of two logics that claim it, the one with the higher owner epoch has it. */
export interface OwnedPartition {
  readonly partition: number;
  readonly ownerEpoch: number;
}

export interface ApiPushFrame {
  readonly app: string;
  readonly from: string;
  readonly to: string;
  readonly clientMsgId: string;
  readonly payload: Uint8Array;
}

export interface ApiPushedFrame {
  /** 0, or an ErrorCode of the protocol. */
  readonly error: number;
  readonly messageId: number;
  readonly timeMs: number;
  readonly dup: boolean;
  readonly durability: number;
}

export interface ApiKickFrame {
  readonly app: string;
  readonly uid: string;
  /** '' for every type. */
  readonly deviceType: string;
  /** '' for every device. */
  readonly deviceId: string;
  /** Whether the user's credentials are refused from now on. */
  readonly revoke: boolean;
  /** Those issued before this time; 0 for the logic's present. */
  readonly revokeBeforeMs: number;
}

export interface ApiKickedFrame {
  /** 0, or an ErrorCode of the protocol. */
  readonly error: number;
  readonly sessionsEnded: number;
}

export interface ApiSessionsFrame {
  readonly app: string;
  readonly uid: string;
}

export interface ApiSession {
  readonly deviceType: string;
  readonly deviceId: string;
  /** 0 for a session that only sends. */
  readonly generation: number;
  /** Name of the gate that holds the connection. */
  readonly gate: string;
  readonly loggedInAtS: number;
}

export interface BackupFrame {
  /** Absolute; of the machine that logic runs on. Must be empty or missing. */
  readonly directory: string;
}

export interface BackedUpFrame {
  /** Why there is no backup; '' when there is one. */
  readonly error: string;
  readonly storeId: string;
  readonly segments: number;
  readonly bytes: number;
}

export interface ApiSessionListFrame {
  /** 0, or an ErrorCode of the protocol. */
  readonly error: number;
  readonly sessions: readonly ApiSession[];
}
