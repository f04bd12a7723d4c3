/** What the fault runs append, and the store they append to: small segments and short retention, so that all of it moves. */
import type { Clock } from '../../src/clock/clock.ts';
import { SystemRandom } from '../../src/clock/random.ts';
import { Durability } from '../../src/model/durability.ts';
import type { AppId, ClientMsgId, DeviceId, Epoch, MessageId, Seq, Uid } from '../../src/model/ids.ts';
import type { Disk } from '../../src/store/disk.ts';
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts';
import { NodeDisk } from '../../src/store/embedded/node-disk.ts';
import { type AppendOperation, AppendStatus, MessageKind, OperationType } from '../../src/store/store.ts';

export const WORKLOAD_APP: AppId = 'torture' as AppId;
export const WORKLOAD_USERS: readonly Uid[] = ['u0', 'u1', 'u2', 'u3', 'u4'].map((uid) => uid as Uid);
const FOREVER_MS = 1e12;
const RETAINED = 40;
const PAYLOAD_BYTES_MAX = 700;

export function realStore(directory: string, clock: Clock, disk: Disk = new NodeDisk(directory)): EmbeddedStore {
  return new EmbeddedStore({
    disk,
    clock,
    random: new SystemRandom(),
    durability: Durability.Disk,
    retention: () => ({ ageMs: FOREVER_MS, countMax: RETAINED }),
    segmentBytesMax: 16 * 1024,
    retentionSweepMs: 20,
    reserveBytes: 64 * 1024,
  });
}

/** The append with this number in this life; the same each time, but for `context`. */
export function workerAppend(life: number, number: number, context: unknown): AppendOperation {
  return {
    type: OperationType.Append,
    app: WORKLOAD_APP,
    target: WORKLOAD_USERS[number % WORKLOAD_USERS.length]!,
    sender: 'sender' as Uid,
    senderDevice: 'device' as DeviceId,
    kind: MessageKind.ClientToClient,
    clientMsgId: `life-${life}-${number}` as ClientMsgId,
    payload: Buffer.alloc((number * 131) % PAYLOAD_BYTES_MAX, `${life}.${number} `),
    copyToSender: number % 3 === 0,
    context,
    status: AppendStatus.Stored,
    messageId: 0 as MessageId,
    timeMs: 0,
    seq: 0 as Seq,
    epoch: 0 as Epoch,
    senderSeq: 0 as Seq,
    senderEpoch: 0 as Epoch,
  };
}
