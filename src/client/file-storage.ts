/**
 * State in one file: survives `kill -9` at any byte, and with `durable` the loss of power. One record is appended for
 * each change; when the file has grown to several times its content, it is rewritten.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { StorageError } from './errors.ts';
import { ProcessLock } from './process-lock.ts';
import { RecordFile } from './record-file.ts';
import type { ClientState } from './storage.ts';
import { RecordStorage, type StateRecord, StoredState } from './stored-state.ts';

export interface FileStorageOptions {
  /** fsync every change. Slow; without it the operating system decides when a change reaches the disk. */
  readonly durable?: boolean;
  /** Rewrite the file when it is longer than this and than three times its content. */
  readonly rewriteBytesMin?: number;
}

const REWRITE_BYTES_MIN = 256 * 1024;
const REWRITE_FACTOR = 3;

interface OpenFile {
  readonly file: RecordFile;
  readonly lock: ProcessLock;
  readonly state: StoredState;
  contentBytes: number;
}

export class FileStorage extends RecordStorage {
  readonly #path: string;
  readonly #durable: boolean;
  readonly #rewriteBytesMin: number;
  #open: OpenFile | undefined;

  /** Nothing is touched before `load`. `path` is a file; its folder is made when missing. */
  constructor(path: string, options: FileStorageOptions = {}) {
    super();
    this.#path = path;
    this.#durable = options.durable ?? false;
    this.#rewriteBytesMin = options.rewriteBytesMin ?? REWRITE_BYTES_MIN;
  }

  async load(owner: string): Promise<ClientState | undefined> {
    const open = this.#open ?? this.#openFile();
    const found = open.state.snapshot();
    if (found !== undefined && open.state.owner !== owner) {
      await this.close();
      throw new StorageError(`${this.#path} belongs to ${open.state.owner}`);
    }
    this.#open = open;
    if (found === undefined) await this.append({ type: 'owner', owner });
    return found;
  }

  protected async append(record: StateRecord): Promise<void> {
    const open = this.#open;
    if (open === undefined) throw new StorageError(`${this.#path} is not open`);
    open.file.append(record);
    open.state.apply(record);
    if (open.file.bytes > Math.max(this.#rewriteBytesMin, open.contentBytes * REWRITE_FACTOR)) {
      open.file.rewrite(open.state.records());
      open.contentBytes = open.file.bytes;
    }
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    open.file.close();
    open.lock.release();
  }

  #openFile(): OpenFile {
    mkdirSync(dirname(this.#path), { recursive: true });
    const lock = ProcessLock.take(`${this.#path}.lock`);
    const state = new StoredState();
    try {
      const file = RecordFile.open(this.#path, this.#durable, (record) => state.apply(record as StateRecord));
      this.#open = { file, lock, state, contentBytes: 0 };
      return this.#open;
    } catch (error) {
      lock.release();
      throw error;
    }
  }
}
