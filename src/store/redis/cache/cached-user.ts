import type { AppId, Seq, Uid } from '../../../model/ids.ts';
import type { TimelineState } from '../../store.ts';
import type { CurrentSessions } from '../login-answer.ts';
import { MessageRun } from './message-run.ts';

/** What is known of a user: the ends of the timeline, as of the last answer of the partition, and what else was read. */
export class CachedUser {
  readonly uid: Uid;
  /** Those of the same app and partition. */
  readonly siblings: Map<Uid, CachedUser>;
  /** In the table of all users; the owner of records in the ring. */
  place = 0;
  /** Since the hand of the table passed. */
  isUsed = true;
  head: Seq;
  floor: Seq;
  /** Who is current; undefined when that is not known. Replaced, never changed in place: readers may hold it. */
  sessions: CurrentSessions | undefined;
  readonly run: MessageRun = new MessageRun();

  constructor(uid: Uid, siblings: Map<Uid, CachedUser>, { head, floor }: Omit<TimelineState, 'epoch'>) {
    this.uid = uid;
    this.siblings = siblings;
    this.head = head;
    this.floor = floor;
  }
}

export type CachedUsers = Map<AppId, Map<Uid, CachedUser>>;
