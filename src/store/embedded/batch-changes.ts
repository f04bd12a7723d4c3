/** What one commit changed, from the moment it was decided until it is published or taken back. Reused. */
import type { DeviceId } from '../../model/ids.ts';
import type { SessionState } from '../session-rules.ts';
import type { Operation } from '../store.ts';

export interface CursorUndo {
  user: number;
  deviceId: DeviceId;
  cursor: number;
  lastUsedMs: number;
}

export class BatchChanges {
  /** In submit order. */
  readonly operations: Operation[] = [];
  /** Whoever waits for small state that is written again in this commit. */
  readonly waiting: ((written: boolean) => void)[] = [];
  /** Two numbers a message and timeline: the user, the seq. */
  readonly grown: number[] = [];
  readonly cursors: CursorUndo[] = [];
  readonly snapshots: { user: number; position: number }[] = [];
  readonly sessionsBefore: Map<number, SessionState> = new Map();
  usersBefore = 0;
  /** Log position after its record. */
  end = 0;

  clear(): void {
    this.operations.length = 0;
    this.waiting.length = 0;
    this.grown.length = 0;
    this.cursors.length = 0;
    this.snapshots.length = 0;
    this.sessionsBefore.clear();
  }
}
