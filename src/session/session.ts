import type { AppId, DeviceId, DeviceType, Epoch, Generation, Seq, Uid } from '../model/ids.ts';
import { Capability } from '../protocol/index.ts';
import type { SessionIdentity } from '../trunk/trunk-protocol.ts';

/** Where a session is: a connection of the gate behind `link`. */
export interface SessionPlace<Link> {
  readonly link: Link;
  readonly slot: number;
  /** Tells this connection from earlier ones on the same slot. */
  readonly serial: number;
}

/** An authenticated uid and device on one connection. Fifteen fields, 144 bytes: there may be a million of them. */
export class Session<Link> {
  readonly app: AppId;
  readonly uid: Uid;
  readonly deviceType: DeviceType;
  readonly deviceId: DeviceId;
  /** 0 for a session that only sends. */
  readonly generation: Generation;
  readonly capabilities: number;
  readonly link: Link;
  readonly slot: number;
  readonly serial: number;
  /** Of its user. */
  readonly partition: number;
  /** Unix seconds. */
  readonly loggedInAtS: number;
  /** Where its end of life is filed; 0 for nowhere. */
  expiryTick = 0;
  /** Epoch of `ackedSeq`. */
  epoch: Epoch;
  /** Everything up to it counts as delivered to this device. */
  ackedSeq: Seq;
  /** Its connection has been told to end; only the gate's last word about it is still awaited. */
  ended = false;

  constructor(
    identity: SessionIdentity,
    place: SessionPlace<Link>,
    partition: number,
    epoch: number,
    ackedSeq: number,
    loggedInAtS: number,
  ) {
    this.app = identity.app as AppId;
    this.uid = identity.uid as Uid;
    this.deviceType = identity.deviceType as DeviceType;
    this.deviceId = identity.deviceId as DeviceId;
    this.generation = identity.generation as Generation;
    this.capabilities = identity.capabilities;
    this.link = place.link;
    this.slot = place.slot;
    this.serial = place.serial;
    this.partition = partition;
    this.loggedInAtS = loggedInAtS;
    this.epoch = epoch as Epoch;
    this.ackedSeq = ackedSeq as Seq;
  }

  /** Nothing is pushed to it, and it takes no part in the session policy. */
  get sendOnly(): boolean {
    return (this.capabilities & Capability.SendOnly) !== 0;
  }
}
