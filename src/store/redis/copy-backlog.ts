/** Finds the senders' copies that an earlier owner noted and did not make, and the timelines that age has reached. */
import type { AppId, Uid } from '../../model/ids.ts';
import type { RetentionPolicy } from '../store.ts';
import { messageIdAt } from './apply-script.ts';
import type { RedisClient, RedisReply } from './client.ts';
import { InternalType } from './lane-item.ts';
import { recordMessageId } from './message-record.ts';
import type { PartitionLane } from './partition-lane.ts';

const SCAN_COUNT = 100;
/** Users of one app that a sweep of a partition looks at. */
const SWEEP_USERS_MAX = 64;

/** Every note is read; a copy that is under way already is made once, because Redis knows it by its message id. */
export function finishCopies(client: RedisClient, lane: PartitionLane): void {
  readNotes(client, lane).catch(() => lane.verify());
}

async function readNotes(client: RedisClient, lane: PartitionLane): Promise<void> {
  const { copies } = lane.keys;
  let cursor = '0';
  do {
    const reply = await client.call(copies, 'HSCAN', [copies, cursor, 'COUNT', String(SCAN_COUNT)]);
    const [next, rows] = reply as [Buffer, Buffer[]];
    cursor = String(next);
    for (let i = 1; i < rows.length; i += 2) finishCopy(lane, rows[i]!);
  } while (cursor !== '0' && lane.isOpen);
}

/** Lets the lane drop what is too old, some users at a time. */
export async function sweepAges(
  client: RedisClient,
  lane: PartitionLane,
  retention: (app: AppId) => RetentionPolicy,
  wallMs: number,
): Promise<void> {
  const apps = (await client.call(lane.keys.apps, 'SMEMBERS', [lane.keys.apps])) as RedisReply[];
  for (const app of apps.map(String) as AppId[]) {
    const ages = lane.keys.ages(app);
    const before = `(${messageIdAt(wallMs - retention(app).ageMs)}`;
    const range = [ages, '-inf', before, 'BYSCORE', 'LIMIT', '0', String(SWEEP_USERS_MAX)];
    const users = (await client.call(ages, 'ZRANGE', range)) as RedisReply[];
    if (!lane.isOpen) return;
    for (const uid of users)
      lane.push({ type: InternalType.Expire, app, uid: String(uid) as Uid, done: () => undefined });
  }
}

/** `app/uid`, a line feed, the record. */
function finishCopy(lane: PartitionLane, row: Buffer): void {
  const end = row.indexOf(10);
  const [app, uid] = row.toString('latin1', 0, end).split('/') as [AppId, Uid];
  const record = Buffer.from(row.subarray(end + 1));
  lane.finishCopy(app, uid, recordMessageId(record), record);
}
