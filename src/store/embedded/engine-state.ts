/**
 * Everything the engine knows, in memory: what the log says, applied. Replay fills it at start, commits change it.
 */
import type { Generation, PartitionNumber } from '../../model/ids.ts';
import { MessageIdSequence } from '../../model/message-id.ts';
import type { SessionState } from '../session-rules.ts';
import { DedupeTable } from './dedupe-table.ts';
import { DevicePool } from './device-pool.ts';
import type { StoreMeta } from './meta-file.ts';
import type { Segment, SegmentSet } from './segment-set.ts';
import { TimeMarks } from './time-marks.ts';
import { TimelineIndex } from './timeline-index.ts';
import { UserDirectory } from './user-directory.ts';

export class EngineState {
  readonly directory: UserDirectory;
  readonly timelines: TimelineIndex = new TimelineIndex();
  readonly devices: DevicePool = new DevicePool();
  readonly dedupe: DedupeTable;
  readonly marks: TimeMarks = new TimeMarks();
  readonly segments: SegmentSet;
  /** By partition. */
  readonly epochs: Uint32Array;
  readonly sequences: MessageIdSequence[];
  readonly lastMessageIds: Float64Array;
  #lastSegment: Segment | undefined;

  constructor(meta: StoreMeta, segments: SegmentSet, dedupeWindowMs: number) {
    this.directory = new UserDirectory(meta.partitions, meta.secret[1]!);
    this.dedupe = new DedupeTable(dedupeWindowMs);
    this.segments = segments;
    this.epochs = Uint32Array.from(meta.epochs);
    this.lastMessageIds = Float64Array.from(meta.lastMessageIds);
    this.sequences = meta.epochs.map((_, partition) => new MessageIdSequence(partition as PartitionNumber));
  }

  /** Message ids go on above everything that was found. */
  continueMessageIds(): void {
    for (const [partition, sequence] of this.sequences.entries()) {
      sequence.skipPast(this.lastMessageIds[partition]! as Parameters<MessageIdSequence['skipPast']>[0]);
    }
  }

  epochOf(user: number): number {
    return this.epochs[this.directory.partition[user]!]!;
  }

  sessions(user: number): SessionState {
    const { directory } = this;
    return {
      generation: directory.generation[user]! as Generation,
      revokeBeforeMs: directory.revokeBeforeMs[user]!,
      devices: this.devices.load(directory.firstDevice[user]!),
    };
  }

  setSessions(user: number, sessions: SessionState): void {
    const { directory } = this;
    directory.generation[user] = sessions.generation;
    directory.revokeBeforeMs[user] = sessions.revokeBeforeMs;
    directory.firstDevice[user] = this.devices.replace(directory.firstDevice[user]!, sessions.devices);
  }

  /** Nothing below `floor` is readable any more. */
  advanceFloor(user: number, floor: number): void {
    const { directory, timelines } = this;
    const last = Math.min(floor - 1, directory.head[user]!);
    for (let seq = directory.floor[user]!; seq <= last; seq++) {
      const position = timelines.position(user, seq);
      const segment = position < 0 ? undefined : this.#segmentAt(position);
      if (segment !== undefined) segment.liveRows--;
    }
    if (floor > directory.floor[user]!) directory.floor[user] = floor;
    timelines.trim(user, floor);
  }

  #segmentAt(position: number): Segment | undefined {
    const last = this.#lastSegment;
    if (last !== undefined && !last.gone && position >= last.base && position < last.end) return last;
    this.#lastSegment = this.segments.find(position);
    return this.#lastSegment;
  }
}
