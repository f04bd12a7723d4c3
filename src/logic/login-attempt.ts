import type { AppId, DeviceId, DeviceType, Epoch, Generation, Seq, Uid } from '../model/ids.ts';
import { Capability, type ConnectBody } from '../protocol/index.ts';
import {
  LoginIntent,
  type LoginOperation,
  LoginStatus,
  type NewDeviceStart,
  OperationType,
  type SessionPolicy,
} from '../store/store.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import type { Ticket } from './authentication/ticket.ts';

/** One CONNECT from its arrival to its answer. */
export class LoginAttempt {
  readonly link: TrunkLink;
  readonly slot: number;
  readonly serial: number;
  readonly connect: ConnectBody;
  /** Of the client; '' when the gate does not tell it. */
  readonly remoteAddress: string;
  /** The connection is gone, or its slot has another one: nobody waits for the answer. */
  abandoned = false;

  constructor(link: TrunkLink, slot: number, serial: number, connect: ConnectBody, remoteAddress: string) {
    this.link = link;
    this.slot = slot;
    this.serial = serial;
    this.connect = connect;
    this.remoteAddress = remoteAddress;
  }

  get sendOnly(): boolean {
    return (this.connect.capabilities & Capability.SendOnly) !== 0;
  }
}

/** What the credential and the app decide about a login. */
export interface LoginTerms {
  /** 0 for a ticket: only the store knows. */
  readonly issuedAtMs: number;
  /** Key of the presented ticket. */
  readonly ticket: Uint8Array | undefined;
  readonly nextTicket: Ticket | undefined;
  readonly ticketLifetimeMs: number;
  readonly sessionExpiresAtS: number;
  readonly policy: SessionPolicy;
  readonly newDeviceStart: NewDeviceStart;
}

/** A verified login, or one whose ticket the store verifies, on its way through the store. */
export class LoginCommit implements LoginOperation {
  readonly type: typeof OperationType.Login = OperationType.Login;
  readonly app: AppId;
  readonly uid: Uid;
  readonly deviceType: DeviceType;
  readonly deviceId: DeviceId;
  readonly intent: LoginIntent;
  readonly lastGeneration: Generation;
  issuedAtMs: number;
  readonly ticket: Uint8Array | undefined;
  readonly nextTicket: Uint8Array | undefined;
  readonly ticketLifetimeMs: number;
  readonly sessionExpiresAtS: number;
  readonly policy: SessionPolicy;
  readonly newDeviceStart: NewDeviceStart;
  readonly context: LoginAttempt;
  /** For CONNACK; '' for none. */
  readonly ticketText: string;

  status: LoginStatus = LoginStatus.Revoked;
  generation: Generation = 0 as Generation;
  displaced: Generation[] = [];
  epoch: Epoch = 0 as Epoch;
  head: Seq = 0 as Seq;
  floor: Seq = 0 as Seq;
  cursor: Seq = 0 as Seq;

  constructor(attempt: LoginAttempt, terms: LoginTerms) {
    const { connect } = attempt;
    this.app = connect.app as AppId;
    this.uid = connect.uid as Uid;
    this.deviceType = connect.deviceType as DeviceType;
    this.deviceId = connect.deviceId as DeviceId;
    this.intent = connect.intent as LoginIntent;
    this.lastGeneration = connect.lastGeneration as Generation;
    this.issuedAtMs = terms.issuedAtMs;
    this.ticket = terms.ticket;
    this.nextTicket = terms.nextTicket?.key;
    this.ticketLifetimeMs = terms.ticketLifetimeMs;
    this.sessionExpiresAtS = terms.sessionExpiresAtS;
    this.policy = terms.policy;
    this.newDeviceStart = terms.newDeviceStart;
    this.context = attempt;
    this.ticketText = terms.nextTicket?.text ?? '';
  }
}

/** Where a connection starts to read, and whether the client must pull everything again. */
export function startOf(
  connect: ConnectBody,
  epoch: number,
  head: number,
  cursor: number,
): { readonly startSeq: number; readonly resync: boolean } {
  if (connect.epoch === 0) return { startSeq: cursor, resync: false };
  const known = connect.epoch === epoch && connect.lastSeq <= head;
  return known ? { startSeq: connect.lastSeq, resync: false } : { startSeq: cursor, resync: true };
}

export function isIntent(value: number): value is LoginIntent {
  return value === LoginIntent.Fresh || value === LoginIntent.Resume;
}
