/** What one commit changed, from the moment it was decided until it is published or taken back. Reused. */
import type { DeviceId } from '../../model/ids.ts';
import type { SessionState } from '../session-rules.ts';
import type { Operation } from '../store.ts';
import { grown } from './user-directory.ts';

const GROWN_START = 1024;

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
  /** Two numbers a message and timeline, `grownCount` in all: the user, the seq. */
  grown: Uint32Array = new Uint32Array(GROWN_START);
  grownCount = 0;
  readonly cursors: CursorUndo[] = [];
  readonly snapshots: { user: number; position: number }[] = [];
  readonly sessionsBefore: Map<number, SessionState> = new Map();
  usersBefore = 0;
  /** Log position after its record. */
  end = 0;

  /** The user's timeline has got this seq. */
  noteGrown(user: number, seq: number): void {
    const at = this.grownCount;
    if (at === this.grown.length) this.grown = grown(this.grown, new Uint32Array(2 * at));
    this.grown[at] = user;
    this.grown[at + 1] = seq;
    this.grownCount = at + 2;
  }

  clear(): void {
    this.operations.length = 0;
    this.waiting.length = 0;
    this.grownCount = 0;
    this.cursors.length = 0;
    this.snapshots.length = 0;
    this.sessionsBefore.clear();
  }
}
