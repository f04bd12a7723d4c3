/** What logic counts, under its metric names. */
import type { Logic } from '../logic/logic.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { CLOSE_REASON_NAMES, COMMAND_NAMES, ERROR_CODE_NAMES } from '../protocol/index.ts';
import { countsByName } from './counts-by-name.ts';

export function logicMetrics(metrics: Metrics, logic: Logic): void {
  const { counters } = logic;
  metrics.gaugeFrom('sluice_logic_sessions', 'Sessions that are logged in.', () => logic.sessions.size);
  metrics.gaugeFrom('sluice_logic_partitions_owned', 'Partitions owned.', () => logic.ownership.size);
  metrics.gaugeFrom('sluice_logic_guests', 'Senders whose sessions another logic has.', () => logic.guests.size);
  metrics.gaugeFrom('sluice_logic_links', 'Links from gates and apis.', () => counters.linksUp - counters.linksDown);
  const totals: [name: string, help: string, read: () => number][] = [
    ['trunk_frames_in', 'Frames from gates and apis.', () => counters.trunkFramesIn],
    ['commits', 'Commits of the store.', () => counters.commits],
    ['logins_accepted', 'Logins that succeeded.', () => counters.loginsAccepted],
    ['login_failures', 'Logins with a credential that is neither genuine nor known.', () => counters.loginFailures],
    ['abnormal_ends', 'Sessions whose ends count towards limits.userLoginsPerMinuteMax.', () => counters.abnormalEnds],
    ['tickets_reused', 'Tickets presented too often: somebody may have a copy.', () => counters.ticketsReused],
    ['reauthentications', 'Sessions that went on with a new token.', () => counters.reauthentications],
    ['revocations', 'Users whose credentials were revoked.', () => counters.revocations],
    ['registers', 'Sessions taken over after a start.', () => counters.registers],
    ['sessions_handed_over', 'Sessions that another logic has taken.', () => counters.sessionsHandedOver],
    ['guest_commands', 'Commands of sessions of other logics.', () => counters.guestCommands],
    ['stale_commands', 'Commands of connections without a session.', () => counters.staleCommands],
    ['messages_stored', 'Messages stored.', () => counters.messagesStored],
    ['duplicates', 'Messages that were stored before.', () => counters.duplicates],
    ['conflicts', 'Messages refused: the key is taken by another body.', () => counters.conflicts],
    ['pushes', 'Messages handed to gates.', () => counters.pushes],
    ['repushes', 'Pushes that were repeated.', () => counters.repushes],
    ['syncs', 'Offline pulls.', () => counters.syncs],
    ['sync_messages', 'Messages in offline pulls.', () => counters.syncMessages],
    ['resyncs', 'Clients told RESYNC.', () => counters.resyncs],
    ['gaps', 'Clients told GAP.', () => counters.gaps],
    ['cursors_in', 'Acknowledgements from gates.', () => counters.cursorsIn],
    ['cursors_out', 'Cursors written.', () => counters.cursorsOut],
    ['api_pushes', 'Pushes of the business.', () => counters.apiPushes],
  ];
  for (const [name, help, read] of totals) metrics.counterFrom(`sluice_logic_${name}_total`, help, read);
  metrics.labelledCounterFrom('sluice_logic_logins_refused_total', 'Logins refused.', 'reason', () =>
    countsByName(counters.loginsRefused, CLOSE_REASON_NAMES),
  );
  metrics.labelledCounterFrom('sluice_logic_sessions_ended_total', 'Sessions ended by logic.', 'reason', () =>
    countsByName(counters.sessionsEnded, CLOSE_REASON_NAMES),
  );
  metrics.labelledCounterFrom('sluice_logic_commands_total', 'Commands from clients.', 'command', () =>
    countsByName(counters.commandsIn, COMMAND_NAMES),
  );
  metrics.labelledCounterFrom('sluice_logic_errors_total', 'Commands refused.', 'code', () =>
    countsByName(counters.errors, ERROR_CODE_NAMES),
  );
  metrics.labelledCounterFrom('sluice_logic_api_push_errors_total', 'Pushes refused.', 'code', () =>
    countsByName(counters.apiPushErrors, ERROR_CODE_NAMES),
  );
}
