/**
 * A disk in memory that remembers every write and sync, fails on request, and can show what would be left of it after a
 * power loss at any moment.
 *
 *   events:  create A · write A · sync A · syncDirectory · write A · write A ▏power loss here
 *                                          └ certain ┘     └ each kept, dropped or torn at 512-byte sectors ┘
 */
import type { Disk, DiskFile } from '../../src/store/disk.ts';
import type { SeededRandom } from './seeded-random.ts';

const SECTOR_BYTES = 512;

type DiskEvent =
  | { type: 'create'; path: string; inode: number }
  | { type: 'rename'; from: string; to: string }
  | { type: 'remove'; path: string }
  | { type: 'write'; inode: number; position: number; bytes: Uint8Array }
  | { type: 'truncate'; inode: number; length: number }
  /** Covers the events of its file before `upTo`: those that were there when it began. */
  | { type: 'sync'; inode: number; upTo: number }
  | { type: 'syncDirectory' };

interface Content {
  bytes: Buffer;
  length: number;
}

export interface FaultPlan {
  /** The write with this number (from 1) stores `keepBytes`, then fails with `code`. */
  failWrite?: { number: number; code: string; keepBytes: number };
  /** From the sync with this number on every sync fails. */
  failSync?: { number: number };
  failTruncate?: boolean;
  /** All files together hold no more than this: a write that would needs space that there is not. */
  capacityBytes?: number;
  /** Runs before each sync is done; what it returns is waited for. */
  beforeSync?: () => Promise<void>;
}

export class FaultDisk implements Disk {
  readonly events: DiskEvent[] = [];
  readonly plan: FaultPlan = {};
  readonly #names = new Map<string, number>();
  readonly #contents = new Map<number, Content>();
  #nextInode = 1;
  #isLocked = false;
  writes = 0;
  syncs = 0;

  static fromFiles(files: ReadonlyMap<string, Uint8Array>): FaultDisk {
    const disk = new FaultDisk();
    for (const [path, bytes] of files) {
      const inode = disk.#nextInode++;
      disk.#names.set(path, inode);
      disk.#contents.set(inode, { bytes: Buffer.from(bytes), length: bytes.length });
      disk.events.push({ type: 'create', path, inode }, { type: 'write', inode, position: 0, bytes: bytes.slice() });
      disk.events.push({ type: 'sync', inode, upTo: disk.events.length });
    }
    disk.events.push({ type: 'syncDirectory' });
    return disk;
  }

  inodeOf(path: string): number {
    return this.#names.get(path)!;
  }

  /** Copies of all files as the running system sees them. */
  files(): Map<string, Buffer> {
    const files = new Map<string, Buffer>();
    for (const [path, inode] of this.#names) {
      const { bytes, length } = this.#contents.get(inode)!;
      files.set(path, Buffer.from(bytes.subarray(0, length)));
    }
    return files;
  }

  /** The files that one possible power loss after `events.slice(0, count)` leaves. */
  afterPowerLoss(count: number, random: SeededRandom): Map<string, Buffer> {
    const events = this.events.slice(0, count);
    const names = new Map<string, number>();
    const contents = new Map<number, Content>();
    const syncedUpTo = new Map<number, number>();
    for (const event of events) {
      if (event.type === 'sync') syncedUpTo.set(event.inode, Math.max(event.upTo, syncedUpTo.get(event.inode) ?? 0));
    }
    const lastDirectorySync = events.findLastIndex((event) => event.type === 'syncDirectory');
    // Directory changes are journaled: a prefix of the un-synced ones survives.
    const unsynced = events.filter((e, i) => i > lastDirectorySync && isDirectoryEvent(e)).length;
    let directoryEventsLeft = random.below(unsynced + 1);
    for (const [index, event] of events.entries()) {
      if (isDirectoryEvent(event)) {
        if (index > lastDirectorySync && directoryEventsLeft-- <= 0) continue;
        applyToNames(names, event);
      } else if (event.type === 'write' || event.type === 'truncate') {
        const isSynced = index < (syncedUpTo.get(event.inode) ?? 0);
        applyToContent(contents, event, isSynced ? undefined : random);
      }
    }
    const files = new Map<string, Buffer>();
    for (const [path, inode] of names) {
      const content = contents.get(inode);
      files.set(path, content === undefined ? Buffer.alloc(0) : Buffer.from(content.bytes.subarray(0, content.length)));
    }
    return files;
  }

  async open(path: string, options: { create: boolean }): Promise<DiskFile> {
    let inode = this.#names.get(path);
    if (options.create) {
      if (inode !== undefined) throw diskError('EEXIST', path);
      inode = this.#nextInode++;
      this.#names.set(path, inode);
      this.#contents.set(inode, { bytes: Buffer.alloc(0), length: 0 });
      this.events.push({ type: 'create', path, inode });
    }
    if (inode === undefined) throw diskError('ENOENT', path);
    return this.#file(inode);
  }

  async list(directory: string): Promise<string[]> {
    const prefix = directory === '.' ? '' : `${directory}/`;
    const names = [...this.#names.keys()].filter((path) => path.startsWith(prefix)).map((p) => p.slice(prefix.length));
    return names.filter((name) => !name.includes('/'));
  }

  async rename(from: string, to: string): Promise<void> {
    const event = { type: 'rename', from, to } as const;
    this.events.push(event);
    applyToNames(this.#names, event);
  }

  async remove(path: string): Promise<void> {
    if (!this.#names.has(path)) throw diskError('ENOENT', path);
    this.events.push({ type: 'remove', path });
    this.#names.delete(path);
  }

  async syncDirectory(_directory: string): Promise<void> {
    this.events.push({ type: 'syncDirectory' });
  }

  /** Where the disk believes to be; an image of a power loss is the same place, a copy is another. */
  place = 'here';

  async identity(): Promise<string> {
    return this.place;
  }

  async lock(): Promise<{ release(): Promise<void> } | undefined> {
    if (this.#isLocked) return undefined;
    this.#isLocked = true;
    return {
      release: async () => {
        this.#isLocked = false;
      },
    };
  }

  #freeBytes(): number {
    let used = 0;
    for (const inode of this.#names.values()) used += this.#contents.get(inode)!.length;
    return (this.plan.capacityBytes ?? Number.POSITIVE_INFINITY) - used;
  }

  #file(inode: number): DiskFile {
    const contents = this.#contents;
    const content = contents.get(inode)!;
    return {
      write: async (buffers, position) => {
        const whole = Buffer.concat(buffers);
        const failure = this.plan.failWrite;
        this.writes += 1;
        const isFailing = failure !== undefined && this.writes === failure.number;
        if (position + whole.length - content.length > this.#freeBytes()) throw diskError('ENOSPC', 'write');
        const bytes = isFailing ? whole.subarray(0, failure.keepBytes) : whole;
        const event = { type: 'write', inode, position, bytes } as const;
        this.events.push(event);
        applyToContent(contents, event);
        if (isFailing) throw diskError(failure.code, 'write');
      },
      read: async (buffer, position) =>
        content.bytes.copy(buffer, 0, position, Math.min(content.length, position + buffer.length)),
      sync: async () => {
        const upTo = this.events.length;
        await this.plan.beforeSync?.();
        this.syncs += 1;
        if (this.plan.failSync !== undefined && this.syncs >= this.plan.failSync.number) throw diskError('EIO', 'sync');
        this.events.push({ type: 'sync', inode, upTo });
      },
      truncate: async (length) => {
        if (this.plan.failTruncate === true) throw diskError('EIO', 'truncate');
        const event = { type: 'truncate', inode, length } as const;
        this.events.push(event);
        applyToContent(contents, event);
      },
      size: async () => content.length,
      close: async () => undefined,
    };
  }
}

function isDirectoryEvent(event: DiskEvent): event is Extract<DiskEvent, { type: 'create' | 'rename' | 'remove' }> {
  return event.type === 'create' || event.type === 'rename' || event.type === 'remove';
}

function applyToNames(
  names: Map<string, number>,
  event: Extract<DiskEvent, { type: 'create' | 'rename' | 'remove' }>,
): void {
  if (event.type === 'create') names.set(event.path, event.inode);
  else if (event.type === 'remove') names.delete(event.path);
  else {
    const inode = names.get(event.from);
    names.delete(event.from);
    if (inode !== undefined) names.set(event.to, inode);
  }
}

/** Applies the change; with `random`, as a power loss may leave it: whole, not at all, or some of its sectors. */
function applyToContent(
  contents: Map<number, Content>,
  event: Extract<DiskEvent, { type: 'write' | 'truncate' }>,
  random?: SeededRandom,
): void {
  let content = contents.get(event.inode);
  if (content === undefined) {
    content = { bytes: Buffer.alloc(0), length: 0 };
    contents.set(event.inode, content);
  }
  const fate = random === undefined ? 0 : random.below(3);
  if (fate === 1) return;
  if (event.type === 'truncate') {
    reserve(content, event.length);
    content.bytes.fill(0, event.length);
    content.length = event.length;
    return;
  }
  const end = event.position + event.bytes.length;
  reserve(content, end);
  content.length = Math.max(content.length, end);
  for (let at = 0; at < event.bytes.length; ) {
    const sectorEnd = Math.min(event.bytes.length, at + SECTOR_BYTES - ((event.position + at) % SECTOR_BYTES));
    const isKept = fate === 0 || random!.below(2) === 0;
    if (isKept) content.bytes.set(event.bytes.subarray(at, sectorEnd), event.position + at);
    at = sectorEnd;
  }
}

function reserve(content: Content, length: number): void {
  if (content.bytes.length >= length) return;
  const larger = Buffer.alloc(Math.max(length, content.bytes.length * 2));
  content.bytes.copy(larger);
  content.bytes = larger;
}

function diskError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
