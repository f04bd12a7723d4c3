/** How the lanes of a store call: together on a single server, each by itself in a cluster. */
import { CallWave } from './call-wave.ts';
import type { StoreCounters } from './counters.ts';
import type { LaneOptions } from './partition-lane.ts';
import type { FullOptions } from './redis-store-options.ts';
import { SharedCalls } from './shared-calls.ts';

export type LaneCalls = Pick<LaneOptions, 'wave' | 'calls' | 'joinsTags' | 'confirm'>;

export function laneCalls(options: FullOptions, counters: StoreCounters): LaneCalls {
  const { clock, client, callIntervalMs, callOperationsMax } = options;
  const { joinsTags, replicasWanted } = client;
  return {
    joinsTags,
    confirm: replicasWanted > 0,
    wave: new CallWave({ clock, whole: joinsTags, intervalMs: callIntervalMs, operationsMax: callOperationsMax }),
    calls: new SharedCalls(client, counters),
  };
}
