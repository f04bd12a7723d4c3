/**
 * What this owner knows of a partition's users, so that it need not ask Redis. Everything that changes a partition passes
 * through its owner's lane; the answers of each batch, and of each read, bring this up to date:
 *
 *   login ─► head, floor, who is current      append, copy ─► head, floor, the message
 *   revoke, reauthenticate ─► sessions unknown       expiry by age ─► the user is forgotten
 *   a read's answer ─► all that it says, when no batch was answered since
 *
 * It answers only while all of this holds; otherwise Redis is asked:
 *
 *   ownership   the lane of this owner epoch is open: the cache is made with it and dropped with it
 *   lease       by this process's clock it has not run out: nobody else can have written meanwhile, however long we slept
 *   server      its process is the one that last answered with a fence that had lost nothing
 *   epoch       everything is forgotten when a new one begins
 *
 * Only a login or a read makes an entry: appends to users that nobody asks for cost one look-up.
 */
import type { Clock } from '../../../clock/clock.ts';
import type { AppId, Epoch, Seq, Uid } from '../../../model/ids.ts';
import {
  type LoginOperation,
  LoginStatus,
  type RetentionPolicy,
  type StoredMessage,
  type TimelinePage,
  type TimelineState,
  type UserState,
} from '../../store.ts';
import type { RedisClient, RedisReply } from '../client.ts';
import type { Tenure } from '../lane-item.ts';
import { type CurrentSessions, sessionsOfLogin } from '../login-answer.ts';
import { decodeRecord } from '../message-record.ts';
import type { CacheCounters } from './cache-counters.ts';
import { CachedUser, type CachedUsers } from './cached-user.ts';
import type { MessageRing } from './message-ring.ts';
import type { UserTable } from './user-table.ts';

interface CacheParts {
  readonly clock: Clock;
  readonly client: RedisClient;
  readonly retention: (app: AppId) => RetentionPolicy;
  readonly table: UserTable;
  readonly ring: MessageRing;
  readonly counters: CacheCounters;
}

export interface PageRange {
  readonly after: Seq;
  readonly limit: number;
  readonly bytesMax: number;
}

export class PartitionCache {
  readonly #tenure: Tenure;
  readonly #fence: string;
  readonly #parts: CacheParts;
  #apps: CachedUsers = new Map();
  #isDropped = false;

  constructor(tenure: Tenure, fence: string, parts: CacheParts) {
    this.#tenure = tenure;
    this.#fence = fence;
    this.#parts = parts;
  }

  /** What `readTimeline` would answer; undefined when Redis has to be asked. */
  page(app: AppId, uid: Uid, range: PageRange): TimelinePage | undefined {
    const { counters } = this.#parts;
    const user = this.#ask(app, uid);
    const page = user === undefined || range.after > user.head ? undefined : this.#pageOf(user, app, range);
    if (page === undefined) counters.timelineMisses++;
    else counters.timelineHits++;
    return page;
  }

  /** What `readUser` would answer; undefined when Redis has to be asked. */
  user(app: AppId, uid: Uid): UserState | undefined {
    const { counters } = this.#parts;
    const user = this.#ask(app, uid);
    if (user?.sessions === undefined) {
      counters.userMisses++;
      return undefined;
    }
    counters.userHits++;
    const { head, floor, sessions } = user;
    return { epoch: this.#tenure.epoch, head, floor, ...sessions };
  }

  /** Redis answered a read as of `batch`. @param records from `first` on */
  pageRead(app: AppId, uid: Uid, batch: number, state: TimelineState, first: Seq, records: readonly Buffer[]): void {
    const user = this.#learn(app, uid, batch, state);
    if (user === undefined) return;
    for (const [place, record] of records.entries()) {
      const seq = (first + place) as Seq;
      if (user.run.positionOf(seq) === undefined) this.#keep(user, seq, record);
    }
  }

  /** The same for the state of a user. */
  userRead(app: AppId, uid: Uid, batch: number, state: TimelineState, sessions: CurrentSessions): void {
    const user = this.#learn(app, uid, batch, state);
    if (user !== undefined) user.sessions = sessions;
  }

  /**
   * A batch was answered in which this message got its place; of another partition's batch, when it is a sender's copy.
   * Those may come out of order when calls are repeated.
   */
  stored(app: AppId, uid: Uid, epoch: Epoch, seq: Seq, record: Buffer): void {
    const user = this.#apps.get(app)?.get(uid);
    if (user === undefined || epoch !== this.#tenure.epoch) return;
    user.head = Math.max(user.head, seq) as Seq;
    user.floor = Math.max(user.floor, seq - this.#parts.retention(app).countMax + 1) as Seq;
    // What is being pulled from further back is worth more than what follows a gap.
    if (user.run.size === 0 || user.run.next === seq) this.#keep(user, seq, record);
  }

  /** @param answer of the script */
  loggedIn({ app, uid, status, head, floor }: LoginOperation, answer: readonly RedisReply[]): void {
    if (this.#isDropped) return;
    if (status === LoginStatus.Current) this.#entry(app, uid, { head, floor }).sessions = sessionsOfLogin(answer);
    else this.sessionsChanged(app, uid);
  }

  sessionsChanged(app: AppId, uid: Uid): void {
    const user = this.#apps.get(app)?.get(uid);
    if (user !== undefined) user.sessions = undefined;
  }

  forget(app: AppId, uid: Uid): void {
    const user = this.#apps.get(app)?.get(uid);
    if (user !== undefined) this.#parts.table.remove(user);
  }

  /** A new epoch begins, or something may have been written that nobody here was told of. */
  clear(): void {
    for (const users of this.#apps.values()) for (const user of users.values()) this.#parts.table.remove(user);
    this.#apps = new Map();
  }

  drop(): void {
    this.#isDropped = true;
    this.clear();
  }

  /** The user, when what is known may be given out now. */
  #ask(app: AppId, uid: Uid): CachedUser | undefined {
    const user = this.#apps.get(app)?.get(uid);
    if (user === undefined || !this.#isVouched()) return undefined;
    user.isUsed = true;
    return user;
  }

  #isVouched(): boolean {
    const { clock, client } = this.#parts;
    const { leaseEndsMs, runId } = this.#tenure;
    return clock.monotonicMs() < leaseEndsMs && client.serverOf(this.#fence)?.runId === runId;
  }

  #pageOf(user: CachedUser, app: AppId, { after, limit, bytesMax }: PageRange): TimelinePage | undefined {
    const { head, floor, run } = user;
    const { ring, clock, retention } = this.#parts;
    const messages: StoredMessage[] = [];
    const first = Math.max(after + 1, floor);
    const last = Math.min(head, first + limit - 1);
    let bytes = 0;
    for (let seq = first; seq <= last; seq++) {
      const record = ring.read(run.positionOf(seq) ?? -1);
      if (record === undefined) return undefined;
      const message = decodeRecord(record, seq as Seq);
      bytes += message.payload.length;
      if (messages.length > 0 && bytes > bytesMax) break;
      messages.push(message);
    }
    const oldestMs = messages[0]?.timeMs ?? Number.POSITIVE_INFINITY;
    if (clock.wallMs() - oldestMs > retention(app).ageMs) return undefined;
    return { epoch: this.#tenure.epoch, head, floor, messages };
  }

  /** The user, with the ends of the timeline; undefined when batches that were answered since have changed them. */
  #learn(app: AppId, uid: Uid, batch: number, state: TimelineState): CachedUser | undefined {
    const { epoch, batch: answered } = this.#tenure;
    return this.#isDropped || batch !== answered || state.epoch !== epoch ? undefined : this.#entry(app, uid, state);
  }

  #entry(app: AppId, uid: Uid, state: Pick<TimelineState, 'head' | 'floor'>): CachedUser {
    let users = this.#apps.get(app);
    if (users === undefined) {
      users = new Map();
      this.#apps.set(app, users);
    }
    let user = users.get(uid);
    if (user === undefined) {
      user = new CachedUser(uid, users, state);
      this.#parts.table.add(user);
    } else {
      user.head = state.head;
      user.floor = state.floor;
    }
    return user;
  }

  #keep(user: CachedUser, seq: Seq, record: Buffer): void {
    const { ring } = this.#parts;
    if (ring.takes(record)) user.run.add(seq, ring.put(user.place, record));
  }
}
