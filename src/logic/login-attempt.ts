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

/** One CONNECT from its arrival to its answer. */
export class LoginAttempt {
  readonly link: TrunkLink;
  readonly slot: number;
  readonly serial: number;
  readonly connect: ConnectBody;
  /** The connection is gone, or its slot has another one: nobody waits for the answer. */
  abandoned = false;

  constructor(link: TrunkLink, slot: number, serial: number, connect: ConnectBody) {
    this.link = link;
    this.slot = slot;
    this.serial = serial;
    this.connect = connect;
  }

  get sendOnly(): boolean {
    return (this.connect.capabilities & Capability.SendOnly) !== 0;
  }
}

/** A verified login on its way through the store. */
export class LoginCommit implements LoginOperation {
  readonly type: typeof OperationType.Login = OperationType.Login;
  readonly app: AppId;
  readonly uid: Uid;
  readonly deviceType: DeviceType;
  readonly deviceId: DeviceId;
  readonly intent: LoginIntent;
  readonly lastGeneration: Generation;
  readonly issuedAtMs: number;
  readonly policy: SessionPolicy;
  readonly newDeviceStart: NewDeviceStart;
  readonly context: LoginAttempt;

  status: LoginStatus = LoginStatus.Revoked;
  generation: Generation = 0 as Generation;
  displaced: Generation[] = [];
  epoch: Epoch = 0 as Epoch;
  head: Seq = 0 as Seq;
  floor: Seq = 0 as Seq;
  cursor: Seq = 0 as Seq;

  constructor(attempt: LoginAttempt, issuedAtMs: number, policy: SessionPolicy, newDeviceStart: NewDeviceStart) {
    const { connect } = attempt;
    this.app = connect.app as AppId;
    this.uid = connect.uid as Uid;
    this.deviceType = connect.deviceType as DeviceType;
    this.deviceId = connect.deviceId as DeviceId;
    this.intent = connect.intent as LoginIntent;
    this.lastGeneration = connect.lastGeneration as Generation;
    this.issuedAtMs = issuedAtMs;
    this.policy = policy;
    this.newDeviceStart = newDeviceStart;
    this.context = attempt;
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
