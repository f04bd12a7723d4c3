/** The keys and arguments of one call to `FILL` or `COMPARE`. */
import type { AppId, Epoch, MessageId, Uid } from '../../model/ids.ts';
import type { RedisArgument } from '../redis/client.ts';
import type { PartitionKeys } from '../redis/keys.ts';
import { RECORD_MARK_BYTES } from '../redis/message-record.ts';
import type { SessionState } from '../session-rules.ts';
import { ItemCode } from './migration-scripts.ts';

/** Of one user, as it is to be in Redis. */
export interface UserFacts {
  readonly app: AppId;
  readonly uid: Uid;
  readonly head: number;
  readonly length: number;
  readonly sessions: SessionState;
}

const OPERATIONS_MAX = 256;
const BYTES_MAX = 256 * 1024;
const CODES_AT = 3;
/** About, of a user without devices, and of each device. */
const USER_BYTES = 100;

export class MigrationBatch {
  readonly keys: string[];
  readonly args: RedisArgument[];
  readonly #names: PartitionKeys;
  #codes = '';
  /** About, without keys. */
  bytes = 0;

  constructor(names: PartitionKeys, ownerEpoch: number, from: number) {
    this.#names = names;
    this.keys = [names.fence, names.progress, names.apps];
    this.args = [String(ownerEpoch), String(from), '', ''];
  }

  get isFull(): boolean {
    return this.#codes.length >= OPERATIONS_MAX || this.bytes >= BYTES_MAX;
  }

  get isEmpty(): boolean {
    return this.#codes === '';
  }

  get items(): number {
    return this.#codes.length;
  }

  /** `to`: the progress that it makes. */
  close(to: number): this {
    this.args[CODES_AT - 1] = String(to);
    this.args[CODES_AT] = this.#codes;
    return this;
  }

  message(app: AppId, uid: Uid, place: number, record: Buffer): void {
    this.#codes += ItemCode.Message;
    this.keys.push(this.#names.timeline(app, uid), this.#names.ages(app));
    this.args.push(String(place), app, uid, record);
    this.bytes += record.length;
  }

  dedupe(key: string, record: Buffer, endMs: number): void {
    this.#codes += ItemCode.Dedupe;
    this.keys.push(key);
    this.args.push(record.subarray(0, RECORD_MARK_BYTES), String(endMs));
  }

  user({ app, uid, head, length, sessions }: UserFacts): void {
    const { generation, revokeBeforeMs, devices } = sessions;
    const names = this.#names;
    this.#codes += ItemCode.User;
    this.keys.push(names.head(app, uid), names.timeline(app, uid), names.ages(app), names.sessions(app, uid));
    this.args.push(
      String(head),
      String(length),
      uid,
      String(generation),
      String(revokeBeforeMs),
      String(devices.length),
    );
    this.bytes += (1 + devices.length) * USER_BYTES;
    for (const device of devices) {
      this.args.push(
        device.deviceId,
        device.deviceType,
        String(device.cursor),
        String(device.generation),
        String(device.issuedAtMs),
        String(device.lastUsedMs),
        String(device.sessionExpiresAtS),
        Buffer.from(device.tickets),
      );
    }
  }

  fence(epoch: Epoch, lastMessageId: MessageId): void {
    this.#codes += ItemCode.Fence;
    this.args.push(String(epoch), String(lastMessageId));
  }
}
