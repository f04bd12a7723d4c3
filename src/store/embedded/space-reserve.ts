/**
 * A file that keeps some space for the day the disk is full: retention frees space, but has to write a little first.
 *
 *   no space ─► release: the file goes, operations are refused ─► a segment is reclaimed ─► restore: the file is back
 *
 * Holds zeros that are really written; on a file system that compresses them away it reserves nothing.
 */
import type { Disk } from '../disk.ts';
import { isNoSpace } from './no-space.ts';

const RESERVE_FILE = 'reserve';
const STEP_BYTES = 1024 * 1024;

export class SpaceReserve {
  readonly #disk: Disk;
  readonly #bytes: number;
  #exists = false;
  /** The reserve was released and what it was released for is not done: nothing else may take the space. */
  isShort = false;

  /** `bytes`: 0 for none. */
  constructor(disk: Disk, bytes: number) {
    this.#disk = disk;
    this.#bytes = bytes;
  }

  /** Finds out whether an earlier run left one. */
  async find(): Promise<void> {
    this.#exists = (await this.#disk.list('.')).includes(RESERVE_FILE);
  }

  /** Makes sure that there is one, if there is space for it. Ends the shortage either way. */
  async restore(): Promise<void> {
    if (!this.#exists && this.#bytes > 0) this.#exists = await this.#create();
    this.isShort = false;
  }

  /** Gives the space to whoever asked. False when there is none to give. */
  async release(): Promise<boolean> {
    if (!this.#exists) return false;
    this.#exists = false;
    this.isShort = true;
    await this.#disk.remove(RESERVE_FILE);
    await this.#disk.syncDirectory('.');
    return true;
  }

  async #create(): Promise<boolean> {
    const file = await this.#disk.open(RESERVE_FILE, { create: true });
    try {
      const zeros = Buffer.alloc(Math.min(STEP_BYTES, this.#bytes));
      for (let at = 0; at < this.#bytes; at += zeros.length) {
        await file.write([zeros.subarray(0, Math.min(zeros.length, this.#bytes - at))], at);
      }
      await file.sync();
      await file.close();
      return true;
    } catch (error) {
      await file.close();
      if (!isNoSpace(error)) throw error;
      await this.#disk.remove(RESERVE_FILE);
      return false;
    }
  }
}
