/**
 * Holds the store's meta data and replaces the file for every change, one change at a time. A full disk does not stop it
 * as long as there is a reserve.
 */
import type { Disk } from '../disk.ts';
import { type StoreMeta, saveMeta } from './meta-file.ts';
import { isNoSpace } from './no-space.ts';
import type { SpaceReserve } from './space-reserve.ts';

export class MetaKeeper {
  readonly #disk: Disk;
  readonly #reserve: SpaceReserve;
  #current: StoreMeta;
  #last: Promise<void> = Promise.resolve();

  constructor(disk: Disk, meta: StoreMeta, reserve: SpaceReserve) {
    this.#disk = disk;
    this.#current = meta;
    this.#reserve = reserve;
  }

  get current(): StoreMeta {
    return this.#current;
  }

  /**
   * Resolves when the change is durable; when it fails, `current` stays as it was. `before` has to be done before the
   * change counts.
   */
  change(edit: (meta: StoreMeta) => void, before?: Promise<unknown>): Promise<void> {
    const done = this.#changeAfter(this.#last, edit, before);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #changeAfter(
    last: Promise<void>,
    edit: (meta: StoreMeta) => void,
    before: Promise<unknown> | undefined,
  ): Promise<void> {
    await last;
    const next = structuredClone(this.#current);
    edit(next);
    await this.#save(next, before);
    this.#current = next;
  }

  async #save(meta: StoreMeta, before: Promise<unknown> | undefined): Promise<void> {
    try {
      await saveMeta(this.#disk, meta, before);
    } catch (error) {
      if (!isNoSpace(error) || !(await this.#reserve.release())) throw error;
      await saveMeta(this.#disk, meta, before);
    }
  }
}
