/** What a logic counts, as plain numbers: incremented on the hot path, read by the metrics when scraped. */
export class LogicCounters {
  linksUp = 0;
  linksDown = 0;
  /** From gates and apis, heartbeats left out. */
  trunkFramesIn = 0;
  /** Reports of the store: each is one record of its log. */
  commits = 0;
  loginsAccepted = 0;
  /** By CloseReason. */
  readonly loginsRefused: Float64Array = new Float64Array(256);
  /** Credentials that were neither genuine nor known. */
  loginFailures = 0;
  /** Sessions whose ends count towards a ban of their users' logins. */
  abnormalEnds = 0;
  /** Tickets presented too often: somebody may have a copy. */
  ticketsReused = 0;
  reauthentications = 0;
  revocations = 0;
  registers = 0;
  /** Sessions dropped here because another logic owns their users' partition. */
  sessionsHandedOver = 0;
  /** Commands of sessions that another logic owns, to targets here. */
  guestCommands = 0;
  /** Sessions told to end, by CloseReason. */
  readonly sessionsEnded: Float64Array = new Float64Array(256);
  /** Commands from clients, by command. */
  readonly commandsIn: Float64Array = new Float64Array(256);
  /** Commands about a connection that has no session (any more). */
  staleCommands = 0;
  /** Answers with ERROR, by ErrorCode. */
  readonly errors: Float64Array = new Float64Array(256);
  messagesStored = 0;
  duplicates = 0;
  conflicts = 0;
  /** MESSAGE frames handed to gates. */
  pushes = 0;
  syncs = 0;
  /** Messages in answers to SYNC. */
  syncMessages = 0;
  resyncs = 0;
  gaps = 0;
  repushes = 0;
  /** Acknowledgements reported by gates. */
  cursorsIn = 0;
  /** Cursor operations submitted. */
  cursorsOut = 0;
  apiPushes = 0;
  /** Refused pushes of the business, by ErrorCode. */
  readonly apiPushErrors: Float64Array = new Float64Array(256);
}
