/** What fsck says about a store. */
export const FsckVerdict = {
  /** Nothing is wrong. */
  Intact: 'intact',
  /** A commit that was being written when the process or the power went: nobody was told of it, the next start cuts it. */
  Interrupted: 'interrupted',
  /** The store refuses to open; `kept` says what a cutting repair saves. */
  Damaged: 'damaged',
  /** Nothing can be read: only a backup helps. */
  Lost: 'lost',
  /** There is no store in this directory. */
  Absent: 'absent',
  /** A process has it open: stop it first. */
  InUse: 'in-use',
} as const;
export type FsckVerdict = (typeof FsckVerdict)[keyof typeof FsckVerdict];

export interface FsckFinding {
  path: string;
  /** Offset in the file. */
  byte: number;
  what: string;
}

export interface FsckReport {
  verdict: FsckVerdict;
  findings: FsckFinding[];
  storeId: string;
  generation: number;
  partitions: number;
  epochMax: number;
  wasClosed: boolean;
  /** The longest consistent prefix. */
  kept: { segments: number; bytes: number; commits: number; messages: number; users: number; lastMessageMs: number };
  /** Intact commits behind it: readable, but what stood between is not. */
  beyond: { bytes: number; commits: number; messages: number };
}

export function emptyReport(): FsckReport {
  return {
    verdict: FsckVerdict.Intact,
    findings: [],
    storeId: '',
    generation: 0,
    partitions: 0,
    epochMax: 0,
    wasClosed: false,
    kept: { segments: 0, bytes: 0, commits: 0, messages: 0, users: 0, lastMessageMs: 0 },
    beyond: { bytes: 0, commits: 0, messages: 0 },
  };
}
