/**
 * Reads as the partition's owner: from its cache, or from Redis. An answer of Redis counts when its fence is the owner's
 * and has every batch that was acknowledged before the question; it is given out when every batch that it shows is
 * acknowledged too.
 */
import { type Clock, delay } from '../../clock/clock.ts';
import type { AppId, Epoch, Seq, Uid } from '../../model/ids.ts';
import {
  type RetentionPolicy,
  StoreUnavailableError,
  type TimelinePage,
  type TimelineState,
  type UserState,
} from '../store.ts';
import type { PageRange } from './cache/partition-cache.ts';
import type { UserCache } from './cache/user-cache.ts';
import {
  CallOutcome,
  type RedisArgument,
  RedisCallError,
  type RedisClient,
  type RedisReply,
  type RedisScript,
} from './client.ts';
import { InternalType } from './lane-item.ts';
import { sessionsAt } from './login-answer.ts';
import { decodeRecord, RECORD_HEADER_BYTES_MAX } from './message-record.ts';
import type { PartitionLane } from './partition-lane.ts';
import { READ_TIMELINE, READ_USER } from './read-scripts.ts';

export interface ReaderOptions {
  readonly clock: Clock;
  readonly client: RedisClient;
  readonly retention: (app: AppId) => RetentionPolicy;
  readonly readTimeoutMs: number;
  readonly cache: UserCache;
}

const RETRY_MS = 10;
/** The facts in front of every answer: owner epoch, last batch, epoch, head, length. */
const FACTS = 5;
const BATCH = 1;

export class StoreReader {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  async readTimeline(lane: PartitionLane, app: AppId, uid: Uid, range: PageRange): Promise<TimelinePage> {
    const cache = this.#options.cache.of(lane.tenure.partition);
    const known = lane.isOpen ? cache?.page(app, uid, range) : undefined;
    if (known !== undefined) return known;
    const { clock, retention } = this.#options;
    const { ageMs, countMax } = retention(app);
    const { fence } = lane.keys;
    const keys = [fence, lane.keys.head(app, uid), lane.keys.timeline(app, uid)];
    const recordBytesMax = range.bytesMax + range.limit * RECORD_HEADER_BYTES_MAX;
    const args = [range.after, range.limit, countMax, recordBytesMax].map(String);
    for (;;) {
      const reply = await this.#read(lane, READ_TIMELINE, keys, args);
      const first = reply[FACTS] as number;
      const records = reply.slice(FACTS + 1) as Buffer[];
      const messages = records.map((record, place) => decodeRecord(record, (first + place) as Seq));
      const oldest = messages[0];
      const state = stateOf(reply, countMax);
      if (oldest === undefined || clock.wallMs() - oldest.timeMs <= ageMs) {
        cache?.pageRead(app, uid, reply[BATCH] as number, state, first as Seq, records);
        return { ...state, messages: upToBytes(messages, range.bytesMax) };
      }
      await new Promise<void>((done) => {
        if (lane.isOpen) lane.push({ type: InternalType.Expire, app, uid, done });
        else done();
      });
    }
  }

  async readUser(lane: PartitionLane, app: AppId, uid: Uid): Promise<UserState> {
    const { keys } = lane;
    const cache = this.#options.cache.of(lane.tenure.partition);
    const known = lane.isOpen ? cache?.user(app, uid) : undefined;
    if (known !== undefined) return known;
    const names = [keys.fence, keys.head(app, uid), keys.timeline(app, uid), keys.sessions(app, uid)];
    const reply = await this.#read(lane, READ_USER, names, []);
    const state = stateOf(reply, this.#options.retention(app).countMax);
    const sessions = sessionsAt(reply, FACTS);
    cache?.userRead(app, uid, reply[BATCH] as number, state, sessions);
    return { ...state, ...sessions };
  }

  async #read(
    lane: PartitionLane,
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<RedisReply[]> {
    const { clock, client, readTimeoutMs } = this.#options;
    const deadlineMs = clock.monotonicMs() + readTimeoutMs;
    while (lane.isOpen && clock.monotonicMs() < deadlineMs) {
      const acknowledged = lane.tenure.batch;
      const runId = client.serverOf(keys[0]!)?.runId ?? '';
      try {
        const reply = (await client.run(script, keys, args)).reply as RedisReply[];
        const [owner, batch] = reply;
        if (String(owner) === String(lane.tenure.ownerEpoch) && (batch as number) >= acknowledged) {
          lane.tenure.runId = runId;
          await lane.whenSettled(batch as number);
          return reply;
        }
        await lane.verify();
      } catch (error) {
        if (!(error instanceof RedisCallError) || error.outcome === CallOutcome.Fatal) throw error;
        await delay(clock, RETRY_MS);
      }
    }
    throw new StoreUnavailableError(`partition ${lane.tenure.partition} cannot be read now`);
  }
}

function stateOf(reply: readonly RedisReply[], countMax: number): TimelineState {
  const [, , epoch, head, length] = reply as [unknown, unknown, number, number, number];
  return { epoch: epoch as Epoch, head: head as Seq, floor: (head - Math.min(length, countMax) + 1) as Seq };
}

function upToBytes(messages: TimelinePage['messages'], bytesMax: number): TimelinePage['messages'] {
  let bytes = 0;
  const end = messages.findIndex(({ payload }, place) => {
    bytes += payload.length;
    return place > 0 && bytes > bytesMax;
  });
  return end < 0 ? messages : messages.slice(0, end);
}
