/** What the cache counts; read by whoever publishes metrics. */
export class CacheCounters {
  /** Reads of timelines answered from memory, and those that Redis had to answer. */
  timelineHits = 0;
  timelineMisses = 0;
  /** The same of the state of users. */
  userHits = 0;
  userMisses = 0;
  /** Users forgotten for others, and messages overwritten by newer ones while their user was still known. */
  usersEvicted = 0;
  messagesEvicted = 0;
}
