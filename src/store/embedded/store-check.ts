/**
 * Walks over all of a store's files for fsck, repair, backup and restore.
 *
 *   ▕ intact, chained, consistent ▏ first damage ▏ … intact records that a cut puts aside …
 *     kept                                         beyond
 *
 * Needs memory for one segment and 24 bytes a user.
 */
import type { Disk } from '../disk.ts';
import { ConsistencyCheck } from './consistency-check.ts';
import { readWholeFile } from './file-copy.ts';
import { SEGMENT_HEADER_BYTES, viewOf } from './format.ts';
import { emptyReport, type FsckReport, FsckVerdict } from './fsck-report.ts';
import { type LogChain, ScanProblem, type ScanStop, scanRecords, startChain } from './log-scan.ts';
import { LogSurvey } from './log-survey.ts';
import { loadMeta, META_FILE, type StoreMeta } from './meta-file.ts';
import { laterRecordProvesDurable } from './record-reader.ts';
import { LOG_DIRECTORY, segmentBase, segmentPath } from './segment-set.ts';

/** Where the prefix ends, for those that copy or cut it. */
export interface PrefixEnd {
  meta: StoreMeta;
  /** Bases of its segments; the last one takes the next record. */
  bases: number[];
  chain: LogChain;
  unnamedUsers: number[];
  names: LogSurvey['names'];
  /** By partition: the largest message id anywhere in the log. */
  lastMessageIds: number[];
}

export interface CheckedStore {
  report: FsckReport;
  /** Undefined when nothing can be saved. */
  end: PrefixEnd | undefined;
}

/** The caller holds the lock. */
export async function checkStore(disk: Disk): Promise<CheckedStore> {
  const report = emptyReport();
  let meta: StoreMeta | undefined;
  try {
    meta = await loadMeta(disk);
  } catch (error) {
    report.verdict = FsckVerdict.Lost;
    report.findings.push({ path: META_FILE, byte: 0, what: messageOf(error) });
    return { report, end: undefined };
  }
  const files = await segmentFiles(disk);
  if (meta === undefined) {
    report.verdict = files.length === 0 ? FsckVerdict.Absent : FsckVerdict.Lost;
    if (files.length > 0) report.findings.push({ path: META_FILE, byte: 0, what: 'the file is missing' });
    return { report, end: undefined };
  }
  return new StoreCheck(disk, meta, report).run(files);
}

class StoreCheck {
  readonly #disk: Disk;
  readonly #meta: StoreMeta;
  readonly #report: FsckReport;
  readonly #content: ConsistencyCheck;
  readonly #survey: LogSurvey;
  readonly #bases: number[] = [];
  #chain: LogChain | undefined;
  #hasStopped = false;
  #isInterrupted = false;

  constructor(disk: Disk, meta: StoreMeta, report: FsckReport) {
    this.#disk = disk;
    this.#meta = meta;
    this.#report = report;
    this.#content = new ConsistencyCheck(meta);
    this.#survey = new LogSurvey(meta.secret[0]!, this.#content.lastMessageIds);
    report.storeId = meta.storeId;
    report.generation = meta.generation;
    report.partitions = meta.partitions;
    report.epochMax = Math.max(...meta.epochs);
    report.wasClosed = meta.clean;
  }

  async run(files: readonly number[]): Promise<CheckedStore> {
    const { sealed, activeBase, removed } = this.#meta;
    if (sealed.length === 0 ? activeBase > 0 : sealed[0]!.base > 0) this.#content.gap();
    for (const { base, end } of sealed) await this.#segment(base, end);
    await this.#segment(activeBase, undefined);
    const known = new Set([activeBase, ...removed, ...sealed.map((segment) => segment.base)]);
    for (const base of files) if (!known.has(base)) await this.#unknown(base);
    const unnamedUsers = this.#content.unnamedUsers();
    if (!this.#hasStopped && unnamedUsers.length > 0) {
      this.#find(activeBase, 0, `${unnamedUsers.length} users have messages but no name`);
      this.#hasStopped = true;
    }
    return this.#conclude(unnamedUsers);
  }

  #conclude(unnamedUsers: number[]): CheckedStore {
    const report = this.#report;
    const { kept } = report;
    kept.segments = this.#bases.length;
    kept.messages = this.#content.messages;
    kept.users = this.#content.users;
    kept.lastMessageMs = this.#content.lastTimeMs;
    report.beyond = { bytes: this.#survey.bytes, commits: this.#survey.commits, messages: this.#survey.messages };
    const chain = this.#chain;
    if (this.#hasStopped) report.verdict = kept.commits > 0 ? FsckVerdict.Damaged : FsckVerdict.Lost;
    else if (this.#isInterrupted) report.verdict = FsckVerdict.Interrupted;
    if (chain === undefined || report.verdict === FsckVerdict.Lost) return { report, end: undefined };
    const lastMessageIds = this.#content.lastMessageIds.map((id, p) => Math.max(id, this.#meta.lastMessageIds[p]!));
    const names = this.#survey.names;
    return { report, end: { meta: this.#meta, bases: this.#bases, chain, unnamedUsers, names, lastMessageIds } };
  }

  /** `end`: where meta says that the segment ends; undefined for the one that takes records. */
  async #segment(base: number, end: number | undefined): Promise<void> {
    const bytes = await this.#read(base);
    if (bytes === undefined) return;
    const view = viewOf(bytes);
    if (this.#hasStopped) return this.#surveyFrom(base, bytes, view, SEGMENT_HEADER_BYTES);
    const before = this.#chain;
    const chain = startChain(this.#meta, base, bytes, view, before);
    if (typeof chain === 'string') {
      this.#find(base, 0, chain);
      this.#hasStopped = true;
      return this.#surveyFrom(base, bytes, view, 0);
    }
    if (before !== undefined && before.position !== base) this.#content.gap();
    this.#bases.push(base);
    this.#chain = chain;
    const stop = scanRecords(bytes, view, base, chain, this.#meta.secret[0]!, (offset, length) => {
      const problem = this.#content.record(bytes, view, offset, length);
      if (problem === undefined) this.#report.kept.commits += 1;
      return problem;
    });
    this.#report.kept.bytes += chain.position - base;
    const at = chain.position - base;
    if (end === undefined) return this.#judgeEnd(base, bytes, view, stop);
    if (stop === undefined && chain.position === end) return;
    this.#find(base, at, stop?.what ?? `the file is ${bytes.length} bytes long instead of ${end - base}`);
    this.#hasStopped = true;
    this.#surveyFrom(base, bytes, view, at);
  }

  /** The same judgement as at start: see `recovery.ts`. */
  #judgeEnd(base: number, bytes: Buffer, view: DataView, stop: ScanStop | undefined): void {
    const { clean, durableMark, secret } = this.#meta;
    const { position } = this.#chain!;
    const at = position - base;
    if (stop === undefined && (clean ? position === durableMark : position >= durableMark)) return;
    const isTorn =
      stop?.problem === ScanProblem.Damaged &&
      !clean &&
      position >= durableMark &&
      !laterRecordProvesDurable(bytes, view, at, position, secret[0]!);
    if (isTorn) {
      this.#isInterrupted = true;
      this.#find(base, at, `${bytes.length - at} bytes of a commit that was never acknowledged`);
      return;
    }
    const length =
      position < durableMark ? 'the rest of the log is missing' : 'the log is longer than when it was closed';
    this.#find(base, at, stop?.what ?? length);
    this.#hasStopped = true;
    this.#surveyFrom(base, bytes, view, at);
  }

  async #unknown(base: number): Promise<void> {
    const bytes = await this.#read(base);
    if (bytes === undefined || (base > this.#meta.activeBase && bytes.length <= SEGMENT_HEADER_BYTES)) return;
    this.#find(base, 0, `the file does not belong to this store, or ${META_FILE} is older than it`);
    this.#hasStopped = true;
    this.#survey.segment(bytes, viewOf(bytes), base, SEGMENT_HEADER_BYTES);
  }

  #surveyFrom(base: number, bytes: Buffer, view: DataView, from: number): void {
    for (const { from: start, to } of this.#survey.segment(bytes, view, base, from)) {
      this.#find(base, start, `${to - start} bytes belong to no intact commit`);
    }
  }

  async #read(base: number): Promise<Buffer | undefined> {
    try {
      return await readWholeFile(this.#disk, segmentPath(base));
    } catch (error) {
      this.#find(base, 0, `the file is missing or cannot be read (${messageOf(error)})`);
      this.#hasStopped = true;
      return undefined;
    }
  }

  #find(base: number, byte: number, what: string): void {
    this.#report.findings.push({ path: segmentPath(base), byte, what });
  }
}

async function segmentFiles(disk: Disk): Promise<number[]> {
  const bases = (await disk.list(LOG_DIRECTORY)).map(segmentBase).filter((base) => base !== undefined);
  return bases.sort((a, b) => a - b);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
