/** The push path through Redis: its consumers at a logic, its queue at an api. */
import { BusCounters } from '../bus/bus-counters.ts';
import { CopySender } from '../bus/copy-sender.ts';
import { PartitionStreams } from '../bus/partition-streams.ts';
import { PushQueue } from '../bus/push-queue.ts';
import { BUS_SCRIPTS } from '../bus/stream-scripts.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RedisClient } from '../store/redis/client.ts';
import { StoreKeys } from '../store/redis/keys.ts';
import type { OwnershipEvents } from '../store/redis/ownership.ts';
import { redisClient } from './redis-engine.ts';
import type { RoleContext } from './running-role.ts';

export interface LogicBus {
  readonly streams: PartitionStreams;
  readonly copies: CopySender;
  /** What the store tells, for `logic` and for the streams. */
  readonly events: OwnershipEvents;
}

/** @param client the store's */
export function logicBus(context: RoleContext, client: RedisClient, logic: OwnershipEvents): LogicBus {
  const { clock, log, metrics, start } = context;
  const { bus, redis } = start.config;
  const keys = new StoreKeys(redis.keyPrefix);
  const counters = new BusCounters();
  const streams = new PartitionStreams({ clock, client, keys, log, counters, ...bus });
  const copies = new CopySender({ clock, client, keys, counters });
  busMetrics(metrics, streams, counters);
  return { streams, copies, events: eventsFor(streams, copies, logic) };
}

/** Streams begin after logic has the partition, and end before it loses it. */
function eventsFor(streams: PartitionStreams, copies: CopySender, logic: OwnershipEvents): OwnershipEvents {
  return {
    acquired: (partition, ownerEpoch, epoch) => {
      logic.acquired(partition, ownerEpoch, epoch);
      streams.acquired(partition, ownerEpoch);
    },
    leaving: (partition) => logic.leaving(partition),
    lost: (partition, unknown) => {
      streams.lost(partition);
      logic.lost(partition, unknown);
    },
    epochChanged: (partition, epoch, lost) => {
      logic.epochChanged(partition, epoch, lost);
      streams.rewind(partition);
    },
    copyElsewhere: (partition, item) => copies.copyElsewhere(partition, item),
  };
}

/** Where an api puts asynchronous pushes. */
export function pushQueue(context: RoleContext): PushQueue {
  const { clock, log, metrics, start } = context;
  const { apps, bus, redis } = start.config;
  const known = new Set<string>(apps.map((app) => app.id));
  const queue = new PushQueue({
    clock,
    client: redisClient(context, BUS_SCRIPTS),
    keys: new StoreKeys(redis.keyPrefix),
    backlogMax: bus.backlogMax,
    knowsApp: (app) => known.has(app),
    onFault: (error) => log.warn({ error: String(error) }, 'Redis is away: asynchronous pushes are refused'),
  });
  metrics.gaugeFrom('sluice_api_pushes_queueing', 'Pushes on their way into a stream.', () => queue.outstanding);
  metrics.counterFrom('sluice_api_pushes_queued_total', 'Pushes put into a stream.', () => queue.added);
  metrics.counterFrom(
    'sluice_api_pushes_refused_backlog_total',
    'Pushes answered 429 because bus.backlogMax entries wait already.',
    () => queue.refusedFull,
  );
  return queue;
}

function busMetrics(metrics: Metrics, streams: PartitionStreams, counters: BusCounters): void {
  metrics.gaugeFrom('sluice_bus_entries_waiting', 'Entries in streams that nobody has ended.', () => streams.waiting);
  metrics.gaugeFrom(
    'sluice_bus_oldest_entry_seconds',
    'Age of the entry that waits longest.',
    () => streams.oldestAgeMs / 1000,
  );
  const totals: [name: string, help: string, read: () => number][] = [
    ['reads', 'Calls that asked for entries.', () => counters.reads],
    ['entries_read', 'Entries read, those read again included.', () => counters.entriesRead],
    [
      'entries_read_again',
      'Entries read again: after a take-over, a lost answer or an error.',
      () => counters.entriesReadAgain,
    ],
    ['entries_refused', 'Entries that waited because the store took nothing.', () => counters.entriesRefused],
    ['pushes_stored', 'Pushes from streams that were stored.', () => counters.pushesStored],
    ['pushes_repeated', 'Pushes from streams that were stored before.', () => counters.pushesRepeated],
    ['copies_sent', "Senders' copies handed to another logic.", () => counters.copiesSent],
    ['copies_made', "Senders' copies made for another logic.", () => counters.copiesMade],
  ];
  for (const [name, help, read] of totals) metrics.counterFrom(`sluice_bus_${name}_total`, help, read);
  metrics.labelledCounterFrom(
    'sluice_bus_dead_letters_total',
    'Entries that could not be stored.',
    'reason',
    () => counters.buried,
  );
}
