/** What a gate worker counts, under its metric names. */
import type { Gate } from '../gate/gate.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { NodeTransport } from '../net/node-transport.ts';
import { CLOSE_REASON_NAMES, COMMAND_NAMES, ERROR_CODE_NAMES } from '../protocol/index.ts';
import { countsByName } from './counts-by-name.ts';

export function gateMetrics(metrics: Metrics, gate: Gate, transport: NodeTransport): void {
  const { counters } = gate;
  metrics.gaugeFrom('sluice_gate_connections', 'Client connections.', () => gate.connections);
  metrics.gaugeFrom('sluice_gate_listening', 'Gates that take new connections.', () => Number(gate.listening));
  metrics.counterFrom(
    'sluice_gate_listeners_closed_total',
    'How often a gate stopped listening because it was nearly full.',
    () => gate.listenersClosed,
  );
  metrics.gaugeFrom('sluice_gate_logic_up', 'Gates that know an owner of any partition.', () => Number(gate.logicUp));
  metrics.gaugeFrom(
    'sluice_gate_confirmed_connections',
    'Connections whose head the present logic has confirmed.',
    () => gate.confirmedConnections,
  );
  ownerMetrics(metrics, gate);
  metrics.gaugeFrom('sluice_gate_slow_consumers', 'Connections with unsent bytes.', () => gate.slowConsumers);
  metrics.gaugeFrom('sluice_gate_unfinished_frames', 'Frames that have begun to arrive.', () => gate.unfinishedFrames);
  metrics.gaugeFrom('sluice_gate_held_connections', 'Connections with a refused send.', () => gate.heldConnections);
  metrics.counterFrom('sluice_gate_accepted_total', 'Connections accepted.', () => counters.accepted);
  metrics.counterFrom('sluice_gate_accept_errors_total', 'Connections lost in accept.', () => transport.acceptErrors);
  metrics.counterFrom('sluice_gate_refused_full_total', 'Connections refused: no place.', () => counters.refusedFull);
  metrics.gaugeFrom('sluice_gate_prelogin_connections', 'Not logged in yet.', () => gate.preLoginConnections);
  metrics.gaugeFrom('sluice_gate_paused_connections', 'Not read from: too fast.', () => gate.pausedConnections);
  metrics.labelledCounterFrom('sluice_gate_refused_total', 'Connections refused by a limit.', 'limit', () => [
    ['address', counters.refusedAddress],
    ['prelogin', counters.refusedPreLogin],
    ['rate', counters.refusedRate],
  ]);
  metrics.counterFrom('sluice_gate_logins_total', 'Logins that succeeded.', () => counters.logins);
  metrics.counterFrom('sluice_gate_bytes_in_total', 'Bytes from clients.', () => counters.bytesIn);
  metrics.counterFrom('sluice_gate_frames_out_total', 'Frames to clients.', () => gate.outbox.frames);
  metrics.counterFrom('sluice_gate_socket_writes_total', 'Writes to clients.', () => gate.outbox.flushes);
  metrics.counterFrom('sluice_gate_pushes_total', 'Messages pushed.', () => counters.pushes);
  metrics.counterFrom('sluice_gate_repushes_total', 'Messages pushed again.', () => counters.repushes);
  metrics.counterFrom(
    'sluice_gate_notifies_total',
    'Notifications sent in place of messages.',
    () => counters.notifies,
  );
  metrics.counterFrom('sluice_gate_trunk_ups_total', 'Links to logic that came up.', () => gate.logics.ups);
  metrics.counterFrom('sluice_gate_stale_frames_total', 'Frames for connections gone.', () => counters.staleFrames);
  metrics.counterFrom('sluice_gate_read_pauses_total', 'Reads paused because of a rate.', () => counters.readPauses);
  metrics.labelledCounterFrom('sluice_gate_closes_total', 'Connections closed.', 'reason', () =>
    countsByName(counters.closes, CLOSE_REASON_NAMES),
  );
  metrics.labelledCounterFrom('sluice_gate_frames_in_total', 'Frames from clients.', 'command', () =>
    countsByName(counters.framesIn, COMMAND_NAMES),
  );
  metrics.labelledCounterFrom('sluice_gate_errors_total', 'Requests refused.', 'code', () =>
    countsByName(counters.errors, ERROR_CODE_NAMES),
  );
}

/** What the gate knows of the logics. */
function ownerMetrics(metrics: Metrics, gate: Gate): void {
  metrics.gaugeFrom('sluice_gate_logic_links', 'Links to logics that are up.', () => gate.logics.size);
  metrics.gaugeFrom(
    'sluice_gate_partitions_routed',
    'Partitions whose owner a gate knows; added up over the gates.',
    () => gate.logics.routes.routed,
  );
  metrics.counterFrom(
    'sluice_gate_guest_forwards_total',
    "Requests to targets of another logic than the sender's.",
    () => gate.counters.guestForwards,
  );
}
