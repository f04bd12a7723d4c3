/**
 * The disk as an argument: what the embedded engine needs of a file system, and nothing more. `node-disk.ts` is the
 * real one; tests use one that fails, tears and forgets un-synced writes.
 *
 * All paths are relative to the directory that the disk was made for.
 */
export interface DiskFile {
  /** Writes all of `buffers` one after the other from `position`; resolves when the operating system has them. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Fills as much of `buffer` as there is from `position`; resolves with the bytes read. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** fdatasync. After one rejection the file must not be trusted again. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface Disk {
  /** `create`: must not exist yet. Otherwise the file must exist; opened for reading and writing. */
  open(path: string, options: { create: boolean }): Promise<DiskFile>;
  /** File names directly in `directory` (created when missing). */
  list(directory: string): Promise<string[]>;
  /** Atomic; replaces `to`. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in `directory` durable. */
  syncDirectory(directory: string): Promise<void>;
  /**
   * Names the place where the files lie: stays the same when the directory is renamed, differs in every copy of it.
   */
  identity(): Promise<string>;
  /**
   * Takes the one lock of this directory tree, held until `release` or the death of the process.
   * Resolves with undefined when somebody else holds it.
   */
  lock(): Promise<{ release(): Promise<void> } | undefined>;
}
